-- What each table and column is for, and which invariants hold between them,
-- is told in docs/schema.md. The twin of this file in mysql/migrations makes
-- the same tables with the same columns.

-- +goose Up
CREATE TABLE counters (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL,
    floor INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

INSERT INTO counters (name, value) VALUES
    ('accounts', 0), ('changes', CAST(unixepoch('subsec') * 1000000 AS INTEGER)), ('events', 0),
    ('links', 0), ('rules', 0), ('tokens', 0);

CREATE TABLE frames (
    id    BLOB    NOT NULL PRIMARY KEY,
    stamp INTEGER NOT NULL,
    done  INTEGER NOT NULL,
    at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX frames_at ON frames (at);

CREATE TABLE events (
    seq     INTEGER PRIMARY KEY,
    id      BLOB    NOT NULL,
    rev     INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL,
    state   INTEGER NOT NULL DEFAULT 0,
    author  INTEGER,
    body    TEXT
) STRICT;
CREATE UNIQUE INDEX events_id ON events (id);
CREATE INDEX events_author ON events (author) WHERE author IS NOT NULL;

CREATE TABLE matches (
    event   INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    born    INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL,
    state   INTEGER NOT NULL DEFAULT 0,
    rules   TEXT,
    PRIMARY KEY (event, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX matches_number ON matches (user_id, number);

CREATE TABLE authors (
    id      BLOB    NOT NULL PRIMARY KEY,
    account BLOB    NOT NULL,
    version INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX users_name ON users (name);

CREATE TABLE accounts (
    account BLOB    NOT NULL,
    user_id INTEGER NOT NULL,
    gone    INTEGER NOT NULL DEFAULT 0,
    number  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (account, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX accounts_user ON accounts (user_id);
CREATE INDEX accounts_number ON accounts (number);

CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL,
    hash         BLOB    NOT NULL,
    hint         BLOB    NOT NULL,
    scopes       INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL DEFAULT 0,
    last_used_at INTEGER NOT NULL DEFAULT 0,
    revoked_at   INTEGER NOT NULL DEFAULT 0,
    number       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);
CREATE INDEX tokens_user ON tokens (user_id);
CREATE INDEX tokens_number ON tokens (number);

CREATE TABLE logins (
    hash       BLOB    NOT NULL PRIMARY KEY,
    user_id    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rules (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL,
    value      TEXT    NOT NULL,
    canonical  TEXT    NOT NULL,
    unique_as  BLOB,
    tag        BLOB    NOT NULL,
    action     INTEGER NOT NULL,
    enabled    INTEGER NOT NULL,
    gone       INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    number     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX rules_canonical ON rules (user_id, unique_as);
CREATE INDEX rules_number ON rules (number);

CREATE TABLE rule_hours (
    rule_id INTEGER NOT NULL,
    hour    INTEGER NOT NULL,
    matches INTEGER NOT NULL,
    PRIMARY KEY (rule_id, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX rule_hours_hour ON rule_hours (hour);

CREATE TABLE dead_letters (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    source    BLOB    NOT NULL,
    frame     BLOB    NOT NULL,
    event_key BLOB    NOT NULL,
    reason    BLOB    NOT NULL,
    error     TEXT    NOT NULL,
    bytes     BLOB    NOT NULL
) STRICT;

-- +goose Down
DROP TABLE dead_letters;
DROP TABLE rule_hours;
DROP TABLE rules;
DROP TABLE logins;
DROP TABLE tokens;
DROP TABLE accounts;
DROP TABLE users;
DROP TABLE authors;
DROP TABLE matches;
DROP TABLE events;
DROP TABLE frames;
DROP TABLE counters;
