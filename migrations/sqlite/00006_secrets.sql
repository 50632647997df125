-- +goose Up
-- Of an opaque secret only a digest is kept. Its limits: '' is none, a list of permissions that is empty leaves nothing.
ALTER TABLE identity_credential ADD COLUMN digest BLOB;
ALTER TABLE identity_credential ADD COLUMN permissions TEXT NOT NULL DEFAULT '';
ALTER TABLE identity_credential ADD COLUMN path TEXT NOT NULL DEFAULT '';
ALTER TABLE identity_credential ADD COLUMN networks TEXT NOT NULL DEFAULT '';

-- All that is read at the start, of every org, without the rows themselves.
CREATE INDEX identity_credential_digest
	ON identity_credential (id, org_id, type, digest)
	WHERE digest IS NOT NULL AND state <> 'revoked';

-- +goose Down
-- A release that reads neither digests nor limits must not find such credentials alive when it comes back to them.
UPDATE identity_credential SET state = 'revoked' WHERE digest IS NOT NULL;
DROP INDEX identity_credential_digest;
ALTER TABLE identity_credential DROP COLUMN networks;
ALTER TABLE identity_credential DROP COLUMN path;
ALTER TABLE identity_credential DROP COLUMN permissions;
ALTER TABLE identity_credential DROP COLUMN digest;
