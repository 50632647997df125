-- +goose Up
-- Times are Unix microseconds, 0 when absent. Text compares byte by byte. Lists and labels are JSON.
CREATE TABLE identity_instance (
	id            INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	incarnation   TEXT    NOT NULL,
	system_org    TEXT    NOT NULL,
	sealed_secret BLOB,
	min_revision  INTEGER NOT NULL,
	created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE identity_org (
	id           TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
	slug         TEXT    NOT NULL UNIQUE CHECK (slug <> ''),
	display_name TEXT    NOT NULL,
	state        TEXT    NOT NULL CHECK (state IN ('active', 'suspended', 'deleted')),
	settings     TEXT    NOT NULL,
	min_revision INTEGER NOT NULL,
	created_at   INTEGER NOT NULL,
	created_by   TEXT    NOT NULL,
	updated_at   INTEGER NOT NULL,
	updated_by   TEXT    NOT NULL,
	revision     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE identity_account (
	org_id           TEXT    NOT NULL REFERENCES identity_org (id),
	id               TEXT    NOT NULL CHECK (id <> ''),
	kind             TEXT    NOT NULL CHECK (kind IN ('user', 'service-account')),
	state            TEXT    NOT NULL CHECK (state IN ('invited', 'active', 'inactive', 'archived', 'deleted')),
	valid_until      INTEGER NOT NULL,
	min_revision     INTEGER NOT NULL,
	name             TEXT    NOT NULL,
	display_name     TEXT    NOT NULL,
	description      TEXT    NOT NULL,
	labels           TEXT    NOT NULL,
	external_issuer  TEXT    NOT NULL,
	external_subject TEXT    NOT NULL,
	created_at       INTEGER NOT NULL,
	created_by       TEXT    NOT NULL,
	updated_at       INTEGER NOT NULL,
	updated_by       TEXT    NOT NULL,
	revision         INTEGER NOT NULL,
	PRIMARY KEY (org_id, id),
	UNIQUE (org_id, kind, name)
) STRICT, WITHOUT ROWID;

-- The issuer comes first so that a login can be looked up over all orgs.
CREATE UNIQUE INDEX identity_account_external
	ON identity_account (external_issuer, external_subject, org_id)
	WHERE external_subject <> '';

CREATE TABLE identity_group (
	org_id      TEXT    NOT NULL REFERENCES identity_org (id),
	id          TEXT    NOT NULL CHECK (id <> ''),
	name        TEXT    NOT NULL,
	description TEXT    NOT NULL,
	system      INTEGER NOT NULL CHECK (system IN (0, 1)),
	deleted     INTEGER NOT NULL CHECK (deleted IN (0, 1)), -- the name stays taken
	created_at  INTEGER NOT NULL,
	created_by  TEXT    NOT NULL,
	updated_at  INTEGER NOT NULL,
	updated_by  TEXT    NOT NULL,
	revision    INTEGER NOT NULL,
	PRIMARY KEY (org_id, id),
	UNIQUE (org_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE identity_member (
	org_id     TEXT    NOT NULL REFERENCES identity_org (id),
	group_id   TEXT    NOT NULL,
	member_id  TEXT    NOT NULL CHECK (member_id <> ''),
	created_at INTEGER NOT NULL,
	created_by TEXT    NOT NULL,
	revision   INTEGER NOT NULL,
	PRIMARY KEY (org_id, group_id, member_id),
	FOREIGN KEY (org_id, group_id) REFERENCES identity_group (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX identity_member_member ON identity_member (org_id, member_id);

CREATE TABLE identity_role (
	org_id         TEXT    NOT NULL REFERENCES identity_org (id),
	id             TEXT    NOT NULL CHECK (id <> ''),
	name           TEXT    NOT NULL,
	display_name   TEXT    NOT NULL,
	description    TEXT    NOT NULL,
	permissions    TEXT    NOT NULL,
	exclusions     TEXT    NOT NULL,
	includes       TEXT    NOT NULL,
	resource_types TEXT    NOT NULL,
	anonymous      INTEGER NOT NULL CHECK (anonymous IN (0, 1)),
	state          TEXT    NOT NULL CHECK (state IN ('active', 'archived')),
	deleted        INTEGER NOT NULL CHECK (deleted IN (0, 1)), -- the name stays taken
	created_at     INTEGER NOT NULL,
	created_by     TEXT    NOT NULL,
	updated_at     INTEGER NOT NULL,
	updated_by     TEXT    NOT NULL,
	revision       INTEGER NOT NULL,
	PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

-- The name first: code roles look for a stored one of the same name in every org.
CREATE UNIQUE INDEX identity_role_name ON identity_role (name, org_id);

CREATE TABLE identity_binding (
	org_id     TEXT    NOT NULL REFERENCES identity_org (id),
	id         TEXT    NOT NULL CHECK (id <> ''),
	subject    TEXT    NOT NULL CHECK (subject <> ''),
	role       TEXT    NOT NULL CHECK (role <> ''),
	scope      TEXT    NOT NULL CHECK (scope <> ''),
	effect     TEXT    NOT NULL CHECK (effect IN ('allow', 'deny')),
	starts_at  INTEGER NOT NULL,
	ends_at    INTEGER NOT NULL,
	reach      TEXT    NOT NULL,
	reason     TEXT    NOT NULL,
	immutable  INTEGER NOT NULL CHECK (immutable IN (0, 1)),
	created_at INTEGER NOT NULL,
	created_by TEXT    NOT NULL,
	updated_at INTEGER NOT NULL,
	updated_by TEXT    NOT NULL,
	revision   INTEGER NOT NULL,
	PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX identity_binding_subject ON identity_binding (org_id, subject);
CREATE INDEX identity_binding_role ON identity_binding (org_id, role);
CREATE INDEX identity_binding_scope ON identity_binding (org_id, scope);

-- Of a key it knows nothing about the planner expects ten rows, so it would rather read an org from end to end than use an
-- index in it. These numbers tell it how large an org can be (https://sqlite.org/fileformat.html, section 2.6.3). They
-- need no upkeep, and go with their table. The first ANALYZE makes the table, the second has the numbers read.
ANALYZE identity_binding;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('identity_member', 'identity_member', '1000000 10000 100 1'),
	('identity_member', 'identity_member_member', '1000000 10000 5'),
	('identity_binding', 'identity_binding', '1000000 10000 1'),
	('identity_binding', 'identity_binding_subject', '1000000 10000 5'),
	('identity_binding', 'identity_binding_role', '1000000 10000 50'),
	('identity_binding', 'identity_binding_scope', '1000000 10000 50');
ANALYZE sqlite_schema;

-- +goose Down
DROP TABLE identity_binding;
DROP TABLE identity_role;
DROP TABLE identity_member;
DROP TABLE identity_group;
DROP TABLE identity_account;
DROP TABLE identity_org;
DROP TABLE identity_instance;
