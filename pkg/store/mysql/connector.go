package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
)

// session is said by every connection, so that nothing depends on how a server
// is set up. Text is handled as bytes: the columns say that it is UTF-8, and
// refuse what is not. A process that hangs within a transaction, which only those
// of internal/registry can, loses it after 10 s.
const session = "SET NAMES binary;" +
	"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;" +
	"SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'," +
	" time_zone = '+00:00', autocommit = 1, unique_checks = 1, innodb_lock_wait_timeout = 5" +
	" /*M!100600 , idle_transaction_timeout = 10 */" // MariaDB alone knows it

// connector makes the connections of a store.
type connector struct {
	driver.Connector
	// packet is the longest packet that the server takes, as it said last.
	packet atomic.Int64
}

// maxTransaction is how much text a transaction writes where the server takes
// that much: larger ones are not faster.
const maxTransaction = 4 << 20

// transaction is how much text fits into one packet: quoting may double it, and
// ids and numbers come on top.
func (c *connector) transaction() int {
	packet := c.packet.Load()
	if packet == 0 {
		return maxTransaction
	}
	return int(min(packet/3, maxTransaction))
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.greet(ctx, conn); err != nil {
		_ = conn.Close() // it is of no use
		return nil, err
	}
	return conn, nil
}

// greet makes sure that the server will do, and says what this side relies on.
func (c *connector) greet(ctx context.Context, conn driver.Conn) error {
	row, err := first(ctx, conn, "SELECT VERSION(), @@max_allowed_packet")
	if err != nil {
		return err
	}
	if err := checkVersion(row[0]); err != nil {
		return err
	}
	packet, err := strconv.ParseInt(row[1], 10, 64)
	if err != nil {
		return err
	}
	c.packet.Store(packet)
	_, err = conn.(driver.ExecerContext).ExecContext(ctx, session, nil)
	return err
}

// first gives the two columns of a query's first row.
func first(ctx context.Context, conn driver.Conn, query string) (texts [2]string, err error) {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, query, nil)
	if err != nil {
		return texts, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := make([]driver.Value, len(texts))
	if err := rows.Next(row); err != nil {
		return texts, errors.Join(err, io.ErrUnexpectedEOF)
	}
	for i, value := range row {
		if text, ok := value.([]byte); ok {
			texts[i] = string(text)
			continue
		}
		texts[i] = fmt.Sprint(value)
	}
	return texts, nil
}

// VersionError says that a server is older than the oldest that will do.
type VersionError struct{ Server, Oldest string }

func (e *VersionError) Error() string {
	return fmt.Sprintf("server version %s is too old: use %s or newer", e.Server, e.Oldest)
}

// checkVersion reads such as 8.0.36-0ubuntu1, 10.11.6-MariaDB and, from before
// MariaDB 11, 5.5.5-10.6.12-MariaDB.
func checkVersion(text string) error {
	number, oldest, name := text, [3]int{8, 0, 27}, "MySQL 8.0.27"
	if strings.Contains(strings.ToLower(text), "mariadb") {
		number, oldest, name = strings.TrimPrefix(text, "5.5.5-"), [3]int{10, 6, 0}, "MariaDB 10.6"
	}
	var have [3]int
	for i, part := range strings.SplitN(number, ".", 3) {
		digits := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
		if digits >= 0 {
			part = part[:digits]
		}
		have[i], _ = strconv.Atoi(part) // 0 for what is no number
	}
	for i := range have {
		if have[i] != oldest[i] {
			if have[i] < oldest[i] {
				return &VersionError{text, name}
			}
			return nil
		}
	}
	return nil
}
