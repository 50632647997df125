-- +goose Up
-- Access tokens issued before this revision are dead; sessions are not.
ALTER TABLE identity_instance ADD COLUMN min_token_revision INTEGER NOT NULL DEFAULT 0;
-- The private key is kept elsewhere, and what is sealed is a reference to it.
ALTER TABLE identity_signing_key ADD COLUMN external INTEGER NOT NULL DEFAULT 0 CHECK (external IN (0, 1));

-- Few keys are alive, and they are looked for by state.
CREATE INDEX identity_signing_key_state ON identity_signing_key (state);

-- +goose Down
-- A reference is not a key: a release that knows only keys would not open. It makes one of its own when it finds none.
UPDATE identity_signing_key SET state = 'retired', sealed = NULL WHERE external = 1 AND state IN ('next', 'current', 'retiring');
-- What was dead must not live again.
UPDATE identity_instance SET min_revision = max(min_revision, min_token_revision);
DROP INDEX identity_signing_key_state;
ALTER TABLE identity_signing_key DROP COLUMN external;
ALTER TABLE identity_instance DROP COLUMN min_token_revision;
