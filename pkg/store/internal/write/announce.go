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
		for i := range matches {
			m := &matches[i]
			// A user's rows often follow each other; the last has the greatest number.
			if i+1 < len(matches) && matches[i+1].User == m.User {
				continue
			}
			b = binary.AppendUvarint(b, uint64(m.User))
			b = binary.AppendUvarint(b, uint64(p.Numbers-1-m.Offset))
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
