-- +goose Up
CREATE TABLE IF NOT EXISTS rule_minutes (
    rule_id BIGINT NOT NULL,
    minute  BIGINT NOT NULL,
    matches BIGINT NOT NULL,
    PRIMARY KEY (rule_id, minute),
    KEY rule_minutes_minute (minute)
) ENGINE = InnoDB;

ALTER TABLE rule_hours ADD COLUMN last BIGINT NOT NULL DEFAULT 0;

ALTER TABLE rules ADD COLUMN flooded_at BIGINT NOT NULL DEFAULT 0;

-- +goose Down
DROP TABLE rule_minutes;

ALTER TABLE rule_hours DROP COLUMN last;

ALTER TABLE rules DROP COLUMN flooded_at;
