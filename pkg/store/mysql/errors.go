package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"

	"riffle/pkg/retry"
	"riffle/pkg/store"
)

// Numbers of errors that are told apart. They are the same in MySQL and
// MariaDB.
const (
	errAccessDenied   = 1045
	errDatabaseDenied = 1044
	errNoDatabase     = 1049
	errDuplicate      = 1062
	errDeadlock       = 1213
	errOutOfRange     = 1690
)

// transient are the numbers of what may pass.
var transient = map[uint16]bool{
	1020: true,                                     // row has changed since last read
	1021: true,                                     // disk full
	1026: true,                                     // can't write file
	1028: true,                                     // sort aborted
	1030: true,                                     // storage engine: disk full among others
	1037: true,                                     // out of memory
	1038: true,                                     // out of sort memory
	1040: true,                                     // too many connections
	1041: true,                                     // out of memory
	1042: true,                                     // can't get host name
	1043: true,                                     // bad handshake
	1047: true,                                     // node of a cluster is not ready
	1053: true,                                     // shutdown in progress
	1077: true, 1078: true, 1079: true, 1080: true, // shutdown
	1114: true,                                                             // table is full
	1129: true,                                                             // host is blocked for now
	1135: true,                                                             // can't create thread
	1152: true, 1158: true, 1159: true, 1160: true, 1161: true, 1184: true, // network
	1180: true, 1181: true, // error during commit or rollback
	1189: true,                         // network, from another server
	1203: true,                         // user has too many connections
	1205: true,                         // lock wait timeout
	1206: true,                         // too many locks
	1213: true,                         // deadlock
	1226: true,                         // user has exceeded a resource
	1290: true,                         // server runs with --read-only
	1317: true,                         // query was interrupted
	1412: true,                         // table definition has changed
	1615: true,                         // statement must be prepared anew
	1637: true,                         // too many transactions
	1792: true, 1836: true, 1874: true, // read only
	1878: true,                         // temporary file can't be written
	1927: true, 1969: true, 3024: true, // killed, or too long
	3100: true, 3101: true, // group replication
	3168: true, 3169: true, 4031: true, // session is gone
}

// withheld are the numbers of what a server withholds for good at first contact,
// and for a while where it has let this process work: while accounts or a database
// are restored, or a password is changed.
var withheld = map[uint16]bool{
	errAccessDenied: true, errDatabaseDenied: true, errNoDatabase: true,
	1130: true,                         // host may not connect
	1142: true, 1143: true, 1227: true, // a right is missing
	1146: true,             // table is not there
	1698: true,             // access denied, without a password
	1820: true, 1862: true, // password must be changed
	3118: true, 4151: true, // account is locked
}

// refused are the numbers of what a row holds, or of rows that are too many at
// once: leaving some out helps.
var refused = map[uint16]bool{
	1048: true,                         // NULL where there must be something
	1118: true,                         // row too long
	1153: true,                         // longer than max_allowed_packet
	1197: true,                         // more than max_binlog_cache_size
	1264: true,                         // number out of range
	1265: true, 1292: true, 1367: true, // a value that does not fit its type
	1300: true, 1366: true, 3988: true, // not UTF-8
	1301: true,             // a result longer than max_allowed_packet
	1406: true,             // too long
	3140: true,             // not JSON
	3819: true, 4025: true, // a CHECK that somebody has added
}

// isConflict reports whether a condition failed that a packet was sent under.
func isConflict(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && (e.Number == errDuplicate || e.Number == errOutOfRange)
}

// isDuplicate reports whether a unique key is taken.
func isDuplicate(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == errDuplicate
}

// isDeadlock reports whether the server chose the transaction as the one to
// give way.
func isDeadlock(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == errDeadlock
}

// marker marks errors; see store.Dialect.
type marker struct {
	config *mysql.Config
	// fits says that the server has let this process in, to a schema that fits.
	fits atomic.Bool
}

func (m *marker) mark(err error) error {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return m.markNumber(e, err)
	}
	if isOutage(err) {
		return retry.Transient(err)
	}
	if errors.Is(err, mysql.ErrPktTooLarge) {
		return &store.RowError{Err: err}
	}
	return err
}

func (m *marker) markNumber(e *mysql.MySQLError, err error) error {
	switch {
	case transient[e.Number]:
		return retry.Transient(err)
	case refused[e.Number]:
		return &store.RowError{Err: err}
	case withheld[e.Number] && m.fits.Load():
		return retry.Transient(m.explain(e, err))
	}
	return m.explain(e, err)
}

// explain says what to do about what a server withholds.
func (m *marker) explain(e *mysql.MySQLError, err error) error {
	switch e.Number {
	case errAccessDenied:
		return fmt.Errorf("the server does not let user %q in; check name and password: %w", m.config.User, err)
	case errNoDatabase:
		return fmt.Errorf("there is no database %q; make it with CREATE DATABASE: %w", m.config.DBName, err)
	case errDatabaseDenied:
		return fmt.Errorf("user %q may not use database %q: %w", m.config.User, m.config.DBName, err)
	}
	return err
}

// isOutage reports whether the way to the server failed. A deadline counts: it
// is that of one call, and whoever has no time left does not try again.
func isOutage(err error) bool {
	var e net.Error
	return errors.As(err, &e) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
