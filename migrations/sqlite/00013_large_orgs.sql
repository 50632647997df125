-- +goose Up
-- What a list can be filtered by has an index that begins with the org. The engine ends each with the key of its table, so
-- that rows of equal columns lie in the order of a list.
CREATE INDEX identity_account_kind ON identity_account (org_id, kind);
CREATE INDEX identity_account_state ON identity_account (org_id, state);
-- Who looks for the beginning of a name sorts what begins with it, and reads nothing but this for that.
CREATE INDEX identity_account_name ON identity_account (org_id, name, kind, state);
CREATE INDEX identity_account_issuer ON identity_account (org_id, external_issuer) WHERE external_issuer <> '';
CREATE INDEX identity_group_name ON identity_group (org_id, name, deleted);
CREATE INDEX identity_role_list ON identity_role (org_id, anonymous, deleted, name, state);

-- A subject can have as many bindings as there are places, and each new one looks for its like.
CREATE INDEX identity_binding_same ON identity_binding (org_id, subject, role, scope);
CREATE INDEX identity_binding_role_scope ON identity_binding (org_id, role, scope);

CREATE INDEX identity_credential_type ON identity_credential (org_id, type);
CREATE INDEX identity_credential_state ON identity_credential (org_id, state);
CREATE INDEX identity_credential_name ON identity_credential (org_id, name);

-- The log that a filter lets through is read in the order of time.
CREATE INDEX identity_event_at ON identity_event (org_id, at, seq);
CREATE INDEX identity_event_id ON identity_event (org_id, id, at, seq);
CREATE INDEX identity_event_actor ON identity_event (org_id, actor, at, seq);
CREATE INDEX identity_event_noun ON identity_event (org_id, noun, at, seq);
CREATE INDEX identity_event_verb ON identity_event (org_id, verb, at, seq);

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('identity_account', 'sqlite_autoindex_identity_account_2', '1000000 10000 6000 2'),
	('identity_account', 'identity_account_external', '1000000 5000 1 1'),
	('identity_account', 'identity_account_issuer', '1000000 10000 2000'),
	('identity_account', 'identity_account_kind', '1000000 10000 5000'),
	('identity_account', 'identity_account_state', '1000000 10000 2000'),
	('identity_account', 'identity_account_name', '1000000 10000 1 1 1'),
	('identity_group', 'identity_group', '100000 1000 1'),
	('identity_group', 'sqlite_autoindex_identity_group_2', '100000 1000 2'),
	('identity_group', 'identity_group_name', '100000 1000 1 1'),
	('identity_role', 'identity_role', '1000000 10000 1'),
	('identity_role', 'identity_role_list', '1000000 10000 1000 100 1 1'),
	('identity_binding', 'identity_binding_same', '1000000 10000 8 6 1'),
	('identity_binding', 'identity_binding_role_scope', '1000000 10000 80 5'),
	('identity_credential', 'identity_credential_type', '1000000 10000 5000'),
	('identity_credential', 'identity_credential_state', '1000000 10000 2000'),
	('identity_credential', 'identity_credential_name', '1000000 10000 1000'),
	('identity_event', 'identity_event', '10000000 1 1'),
	('identity_event', 'sqlite_autoindex_identity_event_2', '10000000 100000 1'),
	('identity_event', 'identity_event_at', '10000000 100000 1 1'),
	('identity_event', 'identity_event_id', '10000000 100000 5 1 1'),
	('identity_event', 'identity_event_actor', '10000000 100000 500 1 1'),
	('identity_event', 'identity_event_noun', '10000000 100000 10000 1 1'),
	('identity_event', 'identity_event_verb', '10000000 100000 5000 1 1');
ANALYZE sqlite_schema;

-- +goose Down
DELETE FROM sqlite_stat1 WHERE tbl IN ('identity_group', 'identity_role', 'identity_event') OR idx IN (
	'sqlite_autoindex_identity_account_2', 'identity_account_external', 'identity_account_issuer', 'identity_account_kind',
	'identity_account_state', 'identity_account_name', 'identity_binding_same', 'identity_binding_role_scope',
	'identity_credential_type', 'identity_credential_state', 'identity_credential_name');
DROP INDEX identity_event_verb;
DROP INDEX identity_event_noun;
DROP INDEX identity_event_actor;
DROP INDEX identity_event_id;
DROP INDEX identity_event_at;
DROP INDEX identity_credential_name;
DROP INDEX identity_credential_state;
DROP INDEX identity_credential_type;
DROP INDEX identity_binding_role_scope;
DROP INDEX identity_binding_same;
DROP INDEX identity_role_list;
DROP INDEX identity_group_name;
DROP INDEX identity_account_issuer;
DROP INDEX identity_account_name;
DROP INDEX identity_account_state;
DROP INDEX identity_account_kind;
ANALYZE sqlite_schema;
