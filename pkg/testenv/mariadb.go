package testenv

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// sharedMariaDB is this test binary's own MariaDB; see sharedRedis.
var sharedMariaDB = sync.OnceValues(func() (*Server, error) {
	tools, ok := findMariaDB()
	if !ok {
		return nil, errNotInstalled
	}
	return startMariaDB(tools)
})

// MariaDB gives the URL of a fresh database of this test's own, in riffle's
// form: mysql://user:pass@host:port/db. It is dropped at the end.
func MariaDB(tb testing.TB) string {
	tb.Helper()
	base := os.Getenv("TEST_MYSQL_URL")
	if base == "" {
		s, err := sharedMariaDB()
		if errors.Is(err, errNotInstalled) {
			missing(tb, "testenv: needs mariadbd and mariadb-install-db, or $TEST_MYSQL_URL")
		} else if err != nil {
			tb.Fatalf("testenv: start mariadb: %v", err)
		}
		base = s.URL
	}
	u, err := url.Parse(base)
	if err != nil {
		tb.Fatalf("testenv: $TEST_MYSQL_URL: %v", err)
	}
	name := "riffle_" + strings.ToLower(rand.Text()[:12])
	if err := execute(u, "CREATE DATABASE "+name); err != nil {
		tb.Fatalf("testenv: create database: %v", err)
	}
	tb.Cleanup(func() {
		if err := execute(u, "DROP DATABASE "+name); err != nil {
			tb.Errorf("testenv: drop database: %v", err)
		}
	})
	own := *u
	own.Path = "/" + name
	return own.String()
}

// StartMariaDB starts a MariaDB of this test's own with an empty database. args
// are added to its command line, such as "--max-connections=4".
func StartMariaDB(tb testing.TB, args ...string) *Server {
	tb.Helper()
	tools, ok := findMariaDB()
	if !ok {
		missing(tb, "testenv: needs mariadbd and mariadb-install-db")
	}
	s, err := startMariaDB(tools, args...)
	if err != nil {
		tb.Fatalf("testenv: start mariadb: %v", err)
	}
	return s.own(tb)
}

// mariaDB names the installed binaries.
type mariaDB struct{ server, install string }

func findMariaDB() (mariaDB, bool) {
	server, ok := find("mariadbd", "mysqld")
	install, ok2 := find("mariadb-install-db", "mysql_install_db")
	return mariaDB{server, install}, ok && ok2
}

// The account of private servers.
const (
	mariaUser     = "riffle"
	mariaPassword = "riffle"
	mariaDatabase = "riffle"
)

func startMariaDB(tools mariaDB, args ...string) (*Server, error) {
	template, err := mariaTemplate(tools)
	if err != nil {
		return nil, err
	}
	return startServer(func(dir string, port int) (string, func() (*process, error)) {
		data, socket := filepath.Join(dir, "data"), filepath.Join(dir, "sock")
		line := append([]string{
			"--no-defaults", "--datadir=" + data, "--socket=" + socket,
			"--pid-file=" + filepath.Join(dir, "pid"), "--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port),
			"--skip-name-resolve", "--performance-schema=OFF", "--innodb-buffer-pool-size=128M",
			// A killed server keeps what the kernel has; only a lost machine would
			// show the difference, and tests commit often.
			"--innodb-flush-log-at-trx-commit=2",
		}, args...)
		if os.Getuid() == 0 {
			line = append(line, "--user=root")
		}
		run := func() (*process, error) {
			if err := copyOnce(data, template); err != nil {
				return nil, err
			}
			return start(dir, filepath.Join(dir, "log"), admit(socket), tools.server, line...)
		}
		return fmt.Sprintf("mysql://%s:%s@127.0.0.1:%d/%s", mariaUser, mariaPassword, port, mariaDatabase), run
	})
}

// admit waits for the server and makes the account and the database; both may
// be there already.
func admit(socket string) func(context.Context) error {
	root := url.URL{Scheme: "mysql", User: url.User("root"), RawQuery: "socket=" + url.QueryEscape(socket)}
	return func(context.Context) error {
		return execute(&root,
			"CREATE DATABASE IF NOT EXISTS "+mariaDatabase,
			"CREATE USER IF NOT EXISTS "+mariaUser+"@'%' IDENTIFIED BY '"+mariaPassword+"'",
			"GRANT ALL ON *.* TO "+mariaUser+"@'%'")
	}
}

// mariaTemplate gives a folder with an installed system database, made once for
// each version in the user's cache: installing takes longer than copying.
func mariaTemplate(tools mariaDB) (string, error) {
	version, err := exec.Command(tools.server, "--no-defaults", "--version").Output() //nolint:noctx // prints and ends
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", tools.server, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	name := "mariadb-" + strings.Map(fileRune, strings.TrimSpace(string(version)))
	path := filepath.Join(cache, "riffle-testenv", name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return path, install(tools, path)
}

func fileRune(r rune) rune {
	if r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
		return r
	}
	return '_'
}

// install builds the template aside and moves it into place whole; of two that
// do so at once the second finds the first one's.
func install(tools mariaDB, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(path), "new-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(aside) }()
	args := []string{
		"--no-defaults", "--datadir=" + aside, "--auth-root-authentication-method=normal", "--skip-test-db",
		"--innodb-log-file-size=16M", // 96 MB by default, to be copied each time
	}
	if os.Getuid() == 0 {
		args = append(args, "--user=root")
	}
	if out, err := exec.Command(tools.install, args...).CombinedOutput(); err != nil { //nolint:noctx // ends by itself
		return fmt.Errorf("%s: %w\n%s", tools.install, err, out)
	}
	if err := os.Rename(aside, path); err != nil {
		if _, missing := os.Stat(path); missing != nil {
			return err
		}
	}
	return nil
}

// copyOnce fills the data folder of a new server; an old one keeps its own.
func copyOnce(data, template string) error {
	if _, err := os.Stat(data); err == nil {
		return nil
	}
	return os.CopyFS(data, os.DirFS(template))
}

// execute runs statements as the user of u, without its database.
func execute(u *url.URL, statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	connector, err := mysql.NewConnector(driverConfig(u))
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }() // nothing is left to be written
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func driverConfig(u *url.URL) *mysql.Config {
	config := mysql.NewConfig()
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.Net, config.Addr = "tcp", u.Host
	if socket := u.Query().Get("socket"); socket != "" {
		config.Net, config.Addr = "unix", socket
	} else if u.Port() == "" {
		config.Addr = u.Hostname() + ":3306"
	}
	config.Timeout = 5 * time.Second
	config.Logger = &mysql.NopLogger{} // it is asked until it answers
	return config
}
