-- +goose Up
-- When an account or a credential was last used is written in batches, without an event.
ALTER TABLE identity_account ADD COLUMN last_used INTEGER NOT NULL DEFAULT 0;
ALTER TABLE identity_credential ADD COLUMN last_used INTEGER NOT NULL DEFAULT 0;

-- Of all orgs, what ends soon.
CREATE INDEX identity_account_valid_until ON identity_account (valid_until) WHERE valid_until > 0;
CREATE INDEX identity_credential_valid_until ON identity_credential (valid_until) WHERE valid_until > 0;

CREATE TABLE identity_revoked_token (
	org_id     TEXT    NOT NULL REFERENCES identity_org (id),
	account_id TEXT    NOT NULL,
	id         TEXT    NOT NULL CHECK (id <> ''), -- "jti"
	until      INTEGER NOT NULL,
	revoked_at INTEGER NOT NULL,
	revision   INTEGER NOT NULL,
	PRIMARY KEY (org_id, account_id, id),
	FOREIGN KEY (org_id, account_id) REFERENCES identity_account (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX identity_revoked_token_until ON identity_revoked_token (until);

-- Who was warned of which end, and how long before it.
CREATE TABLE identity_expiry_mark (
	org_id        TEXT    NOT NULL,
	account_id    TEXT    NOT NULL,
	credential_id TEXT    NOT NULL, -- empty for the account itself
	ends_at       INTEGER NOT NULL,
	within        INTEGER NOT NULL, -- microseconds
	at            INTEGER NOT NULL,
	given         INTEGER NOT NULL CHECK (given IN (0, 1)), -- 0 while somebody is at it
	PRIMARY KEY (org_id, account_id, credential_id, ends_at, within)
) STRICT, WITHOUT ROWID;

-- +goose Down
-- Tokens that were revoked alone must not live again: those that their accounts got before go with them.
UPDATE identity_account SET min_revision = max(min_revision, coalesce((
	SELECT max(t.revision) FROM identity_revoked_token t WHERE t.org_id = identity_account.org_id AND t.account_id = identity_account.id), 0));
DROP TABLE identity_expiry_mark;
DROP TABLE identity_revoked_token;
DROP INDEX identity_credential_valid_until;
DROP INDEX identity_account_valid_until;
ALTER TABLE identity_credential DROP COLUMN last_used;
ALTER TABLE identity_account DROP COLUMN last_used;
