package write

import (
	"encoding/binary"
	"errors"
)

// AppendAnnouncement appends which users a plan changes: for each the id, and
// how far its newest number is below the transaction's last, both as uvarints.
// A user may stand there several times.
func AppendAnnouncement(b []byte, p *Plan) []byte {
	for _, matches := range [][]Match{p.Marked, p.Made} {
		for i := 0; i < len(matches); {
			// A user's rows often follow each other, in no order of their numbers.
			user, newest := matches[i].User, matches[i].Offset
			for i++; i < len(matches) && matches[i].User == user; i++ {
				newest = max(newest, matches[i].Offset)
			}
			b = binary.AppendUvarint(b, uint64(user))
			b = binary.AppendUvarint(b, uint64(p.Numbers-1-newest))
		}
	}
	return b
}

var errAnnouncement = errors.New("an announcement is damaged")

// ReadAnnouncement adds the users of an announcement to newest, each with its
// number; last is the number of the announcement.
func ReadAnnouncement(b []byte, last int64, newest map[int64]int64) error {
	for len(b) > 0 {
		user, n := binary.Uvarint(b)
		if n <= 0 {
			return errAnnouncement
		}
		below, m := binary.Uvarint(b[n:])
		if m <= 0 {
			return errAnnouncement
		}
		b = b[n+m:]
		newest[int64(user)] = max(newest[int64(user)], last-int64(below))
	}
	return nil
}
