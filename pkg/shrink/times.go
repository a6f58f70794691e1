package shrink

import "riffle/pkg/event"

// RFC3339 reads a moment such as 2024-11-21T16:26:19.741Z in microseconds since
// 1970 and reports whether it is one, in the years 1 to 9999. Fractions finer
// than that are cut. Date and time must be there; the zone may be missing, which
// some clients of Bluesky leave out, and then it is UTC.
func RFC3339(s string) (micros int64, ok bool) {
	const date = len("2006-01-02T15:04:05")
	if len(s) < date || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	seconds, ok := Unix(Pair(s[0:])*100+Pair(s[2:]), Pair(s[5:]), Pair(s[8:]), Pair(s[11:]), Pair(s[14:]), Pair(s[17:]))
	fraction, rest, whole := fractionOf(s[date:])
	offset, zoned := zone(rest)
	seconds -= offset
	if !ok || !whole || !zoned || seconds < minSeconds || seconds > maxSeconds {
		return 0, false
	}
	return seconds*1e6 + fraction, true
}

// The years 1 to 9999, in seconds since 1970.
const (
	minSeconds = -62135596800
	maxSeconds = 253402300799
)

// fractionOf reads the fraction of a second that s may begin with, in
// microseconds, and gives what follows it.
func fractionOf(s string) (micros int64, rest string, ok bool) {
	if s == "" || s[0] != '.' {
		return 0, s, true
	}
	n, unit := 1, int64(100_000)
	for n < len(s) && s[n]-'0' <= 9 {
		micros += int64(s[n]-'0') * unit
		unit /= 10
		n++
	}
	return micros, s[n:], n > 1
}

// zone reads Z, an offset such as +02:00, or nothing, in seconds.
func zone(s string) (seconds int64, ok bool) {
	if s == "" || s == "Z" {
		return 0, true
	}
	if len(s) != len("+00:00") || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	hours, minutes := Pair(s[1:]), Pair(s[4:])
	if hours < 0 || hours > 23 || minutes < 0 || minutes > 59 {
		return 0, false
	}
	seconds = int64(hours*3600 + minutes*60)
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// Millis turns microseconds into an event's time. The moment 0 is unknown
// there.
func Millis(micros int64) event.Time { return event.Time(floorDiv(micros, 1000)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Pair reads two digits; what is none gives a negative number, small enough that
// a sum with other pairs stays negative.
func Pair(s string) int {
	a, b := s[0]-'0', s[1]-'0'
	if a > 9 || b > 9 {
		return -1 << 20
	}
	return int(a)*10 + int(b)
}

// Unix counts the seconds since 1970 of a moment in UTC and reports whether
// there is such a one, in the years 1 to 9999.
func Unix(year, month, day, hour, minute, second int) (int64, bool) {
	if year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > monthDays(year, month) ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return 0, false
	}
	// Days since 1 March of year 0: months begin in March, so that the leap day
	// is the year's last.
	y, m := year, month-3
	if m < 0 {
		y, m = y-1, m+12
	}
	days := 365*y + y/4 - y/100 + y/400 + (153*m+2)/5 + day - 1 - 719468
	return int64(days)*86400 + int64(hour*3600+minute*60+second), true
}

func monthDays(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// TID reads a Bluesky revision or record key: 13 characters that sort as the
// number which they write in base 32, microseconds since 1970 times 1,024 plus a
// clock's id.
func TID(s string) (int64, bool) {
	if len(s) != 13 || tidValues[s[0]] > 7 { // the highest bit of 64 is always 0
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		v := tidValues[s[i]]
		if v > 31 {
			return 0, false
		}
		n = n<<5 | uint64(v)
	}
	return int64(n), true
}

// MicrosTID gives the greatest revision of a moment.
func MicrosTID(micros int64) int64 { return micros<<10 | (1<<10 - 1) }

var tidValues = func() (values [256]uint8) {
	for i := range values {
		values[i] = 255
	}
	for i, c := range []byte("234567abcdefghijklmnopqrstuvwxyz") {
		values[c] = uint8(i)
	}
	return values
}()
