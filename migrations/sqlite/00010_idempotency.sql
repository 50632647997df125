-- +goose Up
-- What calls with an idempotency key made. An actor is an account, or "system"; in a delegation it is several.
CREATE TABLE identity_idempotency_key (
	org_id TEXT    NOT NULL,
	actor  TEXT    NOT NULL CHECK (actor <> ''),
	op     TEXT    NOT NULL CHECK (op <> ''),
	key    TEXT    NOT NULL CHECK (key <> ''),
	input  BLOB    NOT NULL, -- a MAC
	made   TEXT    NOT NULL, -- JSON, ids
	until  INTEGER NOT NULL,
	PRIMARY KEY (org_id, actor, op, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX identity_idempotency_key_until ON identity_idempotency_key (until);

-- +goose Down
DROP TABLE identity_idempotency_key;
