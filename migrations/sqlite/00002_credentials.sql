-- +goose Up
CREATE TABLE identity_credential (
	org_id       TEXT    NOT NULL REFERENCES identity_org (id),
	id           TEXT    NOT NULL UNIQUE CHECK (id <> ''), -- a "kid" is looked up without knowing the org
	account_id   TEXT    NOT NULL,
	type         TEXT    NOT NULL CHECK (type <> ''),
	state        TEXT    NOT NULL CHECK (state IN ('pending', 'active', 'retiring', 'disabled', 'revoked', 'held')),
	valid_until  INTEGER NOT NULL,
	ends_at      INTEGER NOT NULL,
	min_revision INTEGER NOT NULL,
	name         TEXT    NOT NULL,
	public_key   BLOB,
	thumbprint   TEXT    NOT NULL,
	proven       INTEGER NOT NULL CHECK (proven IN (0, 1)),
	created_at   INTEGER NOT NULL,
	created_by   TEXT    NOT NULL,
	updated_at   INTEGER NOT NULL,
	updated_by   TEXT    NOT NULL,
	revision     INTEGER NOT NULL,
	PRIMARY KEY (org_id, id),
	FOREIGN KEY (org_id, account_id) REFERENCES identity_account (org_id, id)
) STRICT, WITHOUT ROWID;

-- One key, one credential, for as long as it could still prove somebody.
CREATE UNIQUE INDEX identity_credential_thumbprint
	ON identity_credential (org_id, thumbprint)
	WHERE thumbprint <> '' AND state <> 'revoked';
-- Who looks for a key does not say that it is in use, and cannot be helped by the index above.
CREATE INDEX identity_credential_key ON identity_credential (org_id, thumbprint);
CREATE INDEX identity_credential_account ON identity_credential (org_id, account_id);
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('identity_credential', 'identity_credential', '1000000 10000 1'),
	('identity_credential', 'identity_credential_key', '1000000 10000 2'),
	('identity_credential', 'identity_credential_account', '1000000 10000 5');
ANALYZE sqlite_schema;

CREATE TABLE identity_signing_key (
	id         TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
	algorithm  TEXT    NOT NULL,
	state      TEXT    NOT NULL CHECK (state IN ('next', 'current', 'retiring', 'retired', 'compromised')),
	public     BLOB,
	sealed     BLOB,
	created_at INTEGER NOT NULL,
	signs_from INTEGER NOT NULL,
	retired_at INTEGER NOT NULL,
	ends_at    INTEGER NOT NULL,
	revision   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE identity_nonce (
	scope TEXT    NOT NULL,
	nonce TEXT    NOT NULL,
	until INTEGER NOT NULL,
	PRIMARY KEY (scope, nonce)
) STRICT, WITHOUT ROWID;

CREATE INDEX identity_nonce_until ON identity_nonce (until);

-- +goose Down
DROP TABLE identity_nonce;
DROP TABLE identity_signing_key;
DROP TABLE identity_credential;
