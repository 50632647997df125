-- +goose Up
-- What an account proved itself with when it made an enroll code for itself, and at which revision that was proven: the code
-- dies with it. 0 is a code that another made.
ALTER TABLE identity_credential ADD COLUMN made_with TEXT NOT NULL DEFAULT '';
ALTER TABLE identity_credential ADD COLUMN made_at INTEGER NOT NULL DEFAULT 0;
-- Of those that accounts made for themselves before it is not known what they stand on.
UPDATE identity_credential SET state = 'revoked' WHERE type = 'enroll-code' AND created_by = account_id;

-- +goose Down
-- A release that does not know what a code stands on must not find it good.
UPDATE identity_credential SET state = 'revoked' WHERE type = 'enroll-code' AND made_at <> 0;
ALTER TABLE identity_credential DROP COLUMN made_at;
ALTER TABLE identity_credential DROP COLUMN made_with;
