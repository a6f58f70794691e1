// Hold keeps everybody else from writing to a store in SQLite until its standard
// input ends, for the page's tests: to the api the store is away then.
//
//	go run ./web/e2e/hold STORE.DB
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"

	_ "modernc.org/sqlite"
)

func main() {
	if err := hold(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "hold:", err)
		os.Exit(1) //nolint:forbidigo // this is a main
	}
}

func hold(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(60000)&_txlock=immediate")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "held")
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, tx.Rollback())
}
