-- Old tokens are found without looking at all, and one is rotated once. How far
-- back is kept is told apart from the floor, which is the newest change that is gone.

-- +goose Up
ALTER TABLE tokens
    ADD COLUMN rotated TINYINT NOT NULL DEFAULT 0,
    ADD KEY tokens_expires (expires_at),
    ADD KEY tokens_revoked (revoked_at);

INSERT INTO counters (name, value) VALUES ('kept', 0);

-- +goose Down
DELETE FROM counters WHERE name = 'kept';
ALTER TABLE tokens DROP KEY tokens_revoked, DROP KEY tokens_expires, DROP COLUMN rotated;
