-- Which users a transaction changed, for who keeps their numbers in memory.

-- +goose Up
CREATE TABLE announcements (
    number   INTEGER NOT NULL PRIMARY KEY,
    previous INTEGER NOT NULL,
    users    BLOB    NOT NULL
) STRICT;

-- +goose Down
DROP TABLE announcements;
