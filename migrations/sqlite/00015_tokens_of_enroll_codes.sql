-- +goose Up
-- The id of the access token with which an account made an enroll code for itself: the code dies when that one token is revoked.
-- '' is none. Of codes that are there it is not known; the longest of them ends in a week.
ALTER TABLE identity_credential ADD COLUMN made_token TEXT NOT NULL DEFAULT '';

-- +goose Down
-- A release that does not know of the token must not find a code good that was to end with it.
UPDATE identity_credential SET state = 'revoked' WHERE type = 'enroll-code' AND made_token <> '';
ALTER TABLE identity_credential DROP COLUMN made_token;
