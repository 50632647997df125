-- +goose Up
ALTER TABLE identity_binding ADD COLUMN condition TEXT NOT NULL DEFAULT '';
ALTER TABLE identity_account ADD COLUMN boundary TEXT NOT NULL DEFAULT '';

-- Few accounts have a boundary. Who wants a role gone asks which.
CREATE INDEX identity_account_boundary
	ON identity_account (org_id, boundary)
	WHERE boundary <> '';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('identity_account', 'identity_account', '1000000 10000 1'),
	('identity_account', 'identity_account_boundary', '1000000 10000 50');
ANALYZE sqlite_schema;

-- +goose Down
-- What only a condition or a boundary narrowed must not grow when neither is read any more: such allows go, and such accounts
-- stop.
DELETE FROM identity_binding WHERE condition <> '' AND effect = 'allow';
UPDATE identity_account SET state = 'inactive' WHERE boundary <> '' AND state IN ('active', 'invited');
DELETE FROM sqlite_stat1 WHERE tbl = 'identity_account';
DROP INDEX identity_account_boundary;
ALTER TABLE identity_account DROP COLUMN boundary;
ALTER TABLE identity_binding DROP COLUMN condition;
