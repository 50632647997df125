-- +goose Up
ALTER TABLE identity_credential ADD COLUMN algorithms TEXT NOT NULL DEFAULT '[]';
ALTER TABLE identity_credential ADD COLUMN successor TEXT NOT NULL DEFAULT '';

-- +goose Down
-- A release that does not read what a key was registered for would take it for more, so such keys stop.
UPDATE identity_credential SET state = 'disabled' WHERE algorithms <> '[]' AND state NOT IN ('disabled', 'revoked');
ALTER TABLE identity_credential DROP COLUMN successor;
ALTER TABLE identity_credential DROP COLUMN algorithms;
