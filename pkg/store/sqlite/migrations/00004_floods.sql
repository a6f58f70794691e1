-- +goose Up
CREATE TABLE rule_minutes (
    rule_id INTEGER NOT NULL,
    minute  INTEGER NOT NULL,
    matches INTEGER NOT NULL,
    PRIMARY KEY (rule_id, minute)
) STRICT, WITHOUT ROWID;

CREATE INDEX rule_minutes_minute ON rule_minutes (minute);

ALTER TABLE rule_hours ADD COLUMN last INTEGER NOT NULL DEFAULT 0;

ALTER TABLE rules ADD COLUMN flooded_at INTEGER NOT NULL DEFAULT 0;

-- +goose Down
DROP TABLE rule_minutes;

ALTER TABLE rule_hours DROP COLUMN last;

ALTER TABLE rules DROP COLUMN flooded_at;
