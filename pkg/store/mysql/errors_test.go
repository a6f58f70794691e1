package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"riffle/pkg/event"
	"riffle/pkg/retry"
)

// kindOf says what a stage does about an error: try again, decide anew, leave a
// row out, or end.
func kindOf(err error, fits bool) string {
	m := &marker{config: &mysql.Config{User: "u", DBName: "d"}}
	m.fits.Store(fits)
	marked := m.mark(err)
	switch {
	case !errors.Is(marked, err):
		return "not the error itself"
	case retry.IsTransient(marked):
		return "transient"
	case errors.Is(marked, event.ErrRow):
		return "row"
	case isConflict(err):
		return "batch"
	}
	return "ours"
}

// TestKinds: each error has one kind, and a new number in the lists no other.
func TestKinds(t *testing.T) {
	t.Parallel()
	for kind, numbers := range map[string][]uint16{
		"transient": {
			1020, 1021, 1026, 1030, 1037, 1038, 1040, 1041, 1047, 1053, 1114, 1129, 1158, 1159, 1160, 1161, 1180, 1189, 1203, 1205,
			1206, 1213, 1226, 1290, 1317, 1615, 1792, 1836, 1878, 1927, 1969, 3024, 3100, 3101, 4031,
		},
		"row":   {1048, 1118, 1153, 1197, 1264, 1265, 1292, 1300, 1301, 1366, 1367, 1406, 3140, 3819, 3988, 4025},
		"batch": {1062, 1690},
		"ours":  {1054, 1064, 1364},
		// What a server withholds is a mistake of the configuration at first, and
		// passes once it has let this process work.
		"ours, then transient": {1044, 1045, 1049, 1130, 1142, 1143, 1146, 1227, 1698, 1820, 1862, 3118, 4151},
	} {
		for _, number := range numbers {
			err := fmt.Errorf("exec: %w", &mysql.MySQLError{Number: number, Message: "told by the server"})
			first, then := kindOf(err, false), kindOf(err, true)
			if got := strings.Join(slices.Compact([]string{first, then}), ", then "); got != kind {
				t.Errorf("error %d: got %q, want %q", number, got, kind)
			}
		}
	}
	for number := range refused {
		if transient[number] {
			t.Errorf("error %d is both transient and about a row", number)
		}
	}
	for name, tt := range map[string]struct {
		err  error
		kind string
	}{
		"refused":              {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "transient"},
		"cut off":              {io.ErrUnexpectedEOF, "transient"},
		"bad connection":       {driver.ErrBadConn, "transient"},
		"invalid connection":   {mysql.ErrInvalidConn, "transient"},
		"deadline":             {context.DeadlineExceeded, "transient"},
		"longer than a packet": {mysql.ErrPktTooLarge, "row"},
		"stopped":              {context.Canceled, "ours"},
		"closed":               {sql.ErrConnDone, "ours"},
		"a server too old":     {&VersionError{"5.7", "8"}, "ours"},
	} {
		if got := kindOf(fmt.Errorf("exec: %w", tt.err), true); got != tt.kind {
			t.Errorf("%s: got %q, want %q", name, got, tt.kind)
		}
	}
}
