-- +goose Up
-- The key that an enroll code adds ends no later than this.
ALTER TABLE identity_credential ADD COLUMN key_until INTEGER NOT NULL DEFAULT 0;
-- A binding that is not in force: its subject may switch it on for this many microseconds. What that makes says which one it was.
ALTER TABLE identity_binding ADD COLUMN eligible INTEGER NOT NULL DEFAULT 0;
ALTER TABLE identity_binding ADD COLUMN elevates TEXT NOT NULL DEFAULT '';
CREATE INDEX identity_binding_elevates ON identity_binding (org_id, elevates) WHERE elevates <> '';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('identity_binding', 'identity_binding_elevates', '10000 1000 2');
ANALYZE sqlite_schema;

-- +goose Down
-- A release that knows neither must not find rights in force that were only to be had, nor a code that adds a key.
DELETE FROM identity_binding WHERE eligible <> 0;
UPDATE identity_credential SET state = 'revoked' WHERE type = 'enroll-code';
DELETE FROM sqlite_stat1 WHERE idx = 'identity_binding_elevates';
DROP INDEX identity_binding_elevates;
ANALYZE sqlite_schema;
ALTER TABLE identity_binding DROP COLUMN elevates;
ALTER TABLE identity_binding DROP COLUMN eligible;
ALTER TABLE identity_credential DROP COLUMN key_until;
