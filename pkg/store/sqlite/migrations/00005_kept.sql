-- Old tokens are found without looking at all, and one is rotated once. How far
-- back is kept is told apart from the floor, which is the newest change that is gone.

-- +goose Up
ALTER TABLE tokens ADD COLUMN rotated INTEGER NOT NULL DEFAULT 0;
CREATE INDEX tokens_expires ON tokens (expires_at) WHERE expires_at > 0;
CREATE INDEX tokens_revoked ON tokens (revoked_at) WHERE revoked_at > 0;

INSERT INTO counters (name, value) VALUES ('kept', 0);

-- +goose Down
DELETE FROM counters WHERE name = 'kept';
DROP INDEX tokens_revoked;
DROP INDEX tokens_expires;
ALTER TABLE tokens DROP COLUMN rotated;
