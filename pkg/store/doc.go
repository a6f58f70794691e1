// Package store keeps what outlives a process: events, matches and their
// changes, rules, users, links, tokens, the ledger of frames and dead letters.
//
// A Store is opened by one of its dialects, pkg/store/mysql for MySQL and
// MariaDB or pkg/store/sqlite. Both have the schema that docs/schema.md tells
// of and pass the suite in pkg/store/storetest.
package store
