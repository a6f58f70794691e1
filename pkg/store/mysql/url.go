package mysql

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Deadlines of the connection, unless the URL's parameters say otherwise. The
// one for reading is longer than a statement may wait for a lock.
const (
	dialTimeout  = 5 * time.Second
	readTimeout  = 30 * time.Second
	writeTimeout = 30 * time.Second
)

// parse reads mysql://user:pass@host:port/db[?params]. The parameters are those
// of the driver, such as tls and readTimeout, and socket for the path of a Unix
// socket in place of host and port. What the store relies on can't be changed.
//
// Errors never quote the URL, which holds a password.
func parse(text string) (*mysql.Config, error) {
	u, err := url.Parse(text)
	if err != nil {
		if bad := new(url.Error); errors.As(err, &bad) {
			err = bad.Err
		}
		return nil, fmt.Errorf("URL: %w", err)
	}
	database := strings.TrimPrefix(u.Path, "/")
	if u.Scheme != "mysql" || u.User.Username() == "" || database == "" || strings.Contains(database, "/") {
		return nil, errors.New("URL: use mysql://user:pass@host:port/db")
	}
	query := u.Query()
	socket := query.Get("socket")
	query.Del("socket")
	config, err := mysql.ParseDSN("/?" + query.Encode())
	if err != nil {
		return nil, fmt.Errorf("URL: parameters: %w", err)
	}
	config.DBName, config.User = database, u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.Net, config.Addr = address(u, socket)
	if config.TLS != nil && config.TLS.ServerName == "" && !config.TLS.InsecureSkipVerify {
		config.TLS.ServerName = u.Hostname()
	}
	demand(config)
	return config, nil
}

func address(u *url.URL, socket string) (network, addr string) {
	if socket != "" {
		return "unix", socket
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	return "tcp", net.JoinHostPort(u.Hostname(), port)
}

// demand sets what the store relies on.
func demand(config *mysql.Config) {
	config.MultiStatements = true
	config.InterpolateParams = true
	config.RejectReadOnly = true
	config.ClientFoundRows = false
	config.ParseTime = false
	config.MaxAllowedPacket = 0        // what the server says
	config.Logger = &mysql.NopLogger{} // errors are returned
	for _, deadline := range []struct {
		value *time.Duration
		unset time.Duration
	}{
		{&config.Timeout, dialTimeout},
		{&config.ReadTimeout, readTimeout},
		{&config.WriteTimeout, writeTimeout},
	} {
		if *deadline.value == 0 {
			*deadline.value = deadline.unset
		}
	}
}
