package config

import (
	"errors"
	"fmt"
	"strings"
)

// Store says where rules and matches are kept: MySQL or MariaDB under URL, or
// SQLite in the file Path. It prints with its password masked.
type Store struct {
	URL  string
	Path string
}

const storeForms = "use mysql://user:pass@host:port/db (for MySQL and MariaDB) or sqlite:PATH"

// Set reads a MySQL URL or sqlite:PATH.
func (s *Store) Set(text string) error {
	p, err := split(text)
	if err != nil {
		return fmt.Errorf("%w; %s", err, storeForms)
	}
	switch p.scheme {
	case "sqlite":
		path, err := sqlitePath(p)
		if err != nil {
			return err
		}
		*s = Store{Path: path}
	case "mysql":
		if err := checkMySQL(p); err != nil {
			return err
		}
		*s = Store{URL: text}
	default:
		return fmt.Errorf("%q is no kind of store; %s", p.scheme, storeForms)
	}
	return nil
}

func checkMySQL(p parts) error {
	if !p.query.Has("socket") {
		if err := p.single(); err != nil {
			return err
		}
	}
	if !p.user {
		return errors.New("names no user; write mysql://user:pass@host:port/db")
	}
	if db := strings.TrimPrefix(p.path, "/"); db == "" || strings.Contains(db, "/") {
		return errors.New("names no database; write mysql://user:pass@host:port/db")
	}
	return nil
}

func (s *Store) String() string {
	if s.Path != "" {
		return "sqlite:" + s.Path
	}
	return mask(s.URL)
}

// IsZero reports whether no store is given.
func (s *Store) IsZero() bool { return *s == Store{} }
