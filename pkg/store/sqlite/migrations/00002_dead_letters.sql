-- Nothing wrote dead letters before this version, so none is lost.

-- +goose Up
DROP TABLE dead_letters;

CREATE TABLE dead_letters (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    source     BLOB    NOT NULL,
    frame      BLOB    NOT NULL,
    event_key  BLOB    NOT NULL,
    reason     BLOB    NOT NULL,
    error      TEXT    NOT NULL,
    deliveries INTEGER NOT NULL,
    events     INTEGER NOT NULL,
    bytes      BLOB    NOT NULL
) STRICT;

-- +goose Down
ALTER TABLE dead_letters DROP COLUMN deliveries;
ALTER TABLE dead_letters DROP COLUMN events;
