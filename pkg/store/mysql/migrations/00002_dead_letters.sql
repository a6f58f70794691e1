-- Nothing wrote dead letters before this version, so none is lost.

-- +goose Up
DROP TABLE IF EXISTS dead_letters;

CREATE TABLE dead_letters (
    id         BIGINT          NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at         BIGINT          NOT NULL,
    source     VARBINARY(2048) NOT NULL,
    frame      BINARY(16)      NOT NULL,
    event_key  VARBINARY(2048) NOT NULL,
    reason     VARBINARY(64)   NOT NULL,
    error      VARCHAR(2048)   CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    deliveries INT             NOT NULL,
    events     INT             NOT NULL,
    bytes      LONGBLOB        NOT NULL
) ENGINE = InnoDB;

-- +goose Down
ALTER TABLE dead_letters DROP COLUMN deliveries, DROP COLUMN events;
