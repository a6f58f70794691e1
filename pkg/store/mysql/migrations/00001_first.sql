-- What each table and column is for, and which invariants hold between them,
-- is told in docs/schema.md. The twin of this file in sqlite/migrations makes
-- the same tables with the same columns.

-- A migration that was cut short runs again from its beginning, since MySQL
-- commits each of these statements by itself.

-- +goose Up
CREATE TABLE IF NOT EXISTS counters (
    name  VARBINARY(16) NOT NULL PRIMARY KEY,
    value BIGINT        NOT NULL,
    floor BIGINT        NOT NULL DEFAULT 0
) ENGINE = InnoDB;

REPLACE INTO counters (name, value) VALUES
    ('accounts', 0), ('changes', CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)), ('events', 0),
    ('links', 0), ('rules', 0), ('tokens', 0);

CREATE TABLE IF NOT EXISTS frames (
    id    BINARY(16) NOT NULL PRIMARY KEY,
    stamp BIGINT     NOT NULL,
    done  TINYINT    NOT NULL,
    at    BIGINT     NOT NULL,
    KEY frames_at (at)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS events (
    seq     BIGINT     NOT NULL PRIMARY KEY,
    id      BINARY(16) NOT NULL,
    rev     BIGINT     NOT NULL DEFAULT 0,
    version BIGINT     NOT NULL,
    state   TINYINT    NOT NULL DEFAULT 0,
    author  BIGINT,
    body    MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    UNIQUE KEY events_id (id),
    KEY events_author (author)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS matches (
    event   BIGINT  NOT NULL,
    user_id BIGINT  NOT NULL,
    number  BIGINT  NOT NULL,
    born    BIGINT  NOT NULL DEFAULT 0,
    version BIGINT  NOT NULL,
    state   TINYINT NOT NULL DEFAULT 0,
    rules   MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    PRIMARY KEY (event, user_id),
    KEY matches_number (user_id, number)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS authors (
    id      BINARY(16)      NOT NULL PRIMARY KEY,
    account VARBINARY(4096) NOT NULL,
    version BIGINT          NOT NULL,
    at      BIGINT          NOT NULL
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS users (
    id         BIGINT         NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name       VARBINARY(255) NOT NULL,
    created_at BIGINT         NOT NULL,
    UNIQUE KEY users_name (name)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS accounts (
    account VARBINARY(2100) NOT NULL,
    user_id BIGINT          NOT NULL,
    gone    TINYINT         NOT NULL DEFAULT 0,
    number  BIGINT          NOT NULL,
    at      BIGINT          NOT NULL,
    PRIMARY KEY (account, user_id),
    KEY accounts_user (user_id),
    KEY accounts_number (number)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS tokens (
    id           BIGINT        NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user_id      BIGINT        NOT NULL,
    hash         BINARY(32)    NOT NULL,
    hint         VARBINARY(64) NOT NULL,
    scopes       TINYINT UNSIGNED NOT NULL,
    created_at   BIGINT        NOT NULL,
    expires_at   BIGINT        NOT NULL DEFAULT 0,
    last_used_at BIGINT        NOT NULL DEFAULT 0,
    revoked_at   BIGINT        NOT NULL DEFAULT 0,
    number       BIGINT        NOT NULL,
    UNIQUE KEY tokens_hash (hash),
    KEY tokens_user (user_id),
    KEY tokens_number (number)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS logins (
    hash       BINARY(32) NOT NULL PRIMARY KEY,
    user_id    BIGINT     NOT NULL,
    expires_at BIGINT     NOT NULL
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS rules (
    id         BIGINT         NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user_id    BIGINT         NOT NULL,
    value      VARCHAR(2048)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    canonical  MEDIUMTEXT     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    unique_as  BINARY(32),
    tag        VARBINARY(512) NOT NULL,
    action     TINYINT        NOT NULL,
    enabled    TINYINT        NOT NULL,
    gone       TINYINT        NOT NULL DEFAULT 0,
    created_at BIGINT         NOT NULL,
    updated_at BIGINT         NOT NULL,
    number     BIGINT         NOT NULL,
    UNIQUE KEY rules_canonical (user_id, unique_as),
    KEY rules_number (number)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS rule_hours (
    rule_id BIGINT NOT NULL,
    hour    BIGINT NOT NULL,
    matches BIGINT NOT NULL,
    PRIMARY KEY (rule_id, hour),
    KEY rule_hours_hour (hour)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS dead_letters (
    id        BIGINT          NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at        BIGINT          NOT NULL,
    source    VARBINARY(2048) NOT NULL,
    frame     BINARY(16)      NOT NULL,
    event_key VARBINARY(2048) NOT NULL,
    reason    VARBINARY(64)   NOT NULL,
    error     VARCHAR(2048)   CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    bytes     MEDIUMBLOB      NOT NULL
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE dead_letters, rule_hours, rules, logins, tokens, accounts, users, authors, matches, events, frames, counters;
