-- Which users a transaction changed, for who keeps their numbers in memory.

-- +goose Up
CREATE TABLE IF NOT EXISTS announcements (
    number   BIGINT     NOT NULL PRIMARY KEY,
    previous BIGINT     NOT NULL,
    users    MEDIUMBLOB NOT NULL
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE announcements;
