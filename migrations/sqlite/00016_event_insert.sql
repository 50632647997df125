-- +goose Up
-- The engine journals the pages that a statement writes to when the statement may fail halfway. An event is one row, checked before anything of it is
-- written: there is no halfway where the check for an event that is there does not abort, but fails, and the org is looked for at the COMMIT. A
-- constraint of a table cannot be altered, so the log is copied. Views and triggers of the host may name the log: the copy takes its name without their
-- being looked at, or they would be found to name a table that is not there.
PRAGMA legacy_alter_table = ON;
CREATE TABLE identity_event_rebuilt (
	revision     INTEGER NOT NULL CHECK (revision > 0),
	item         INTEGER NOT NULL CHECK (item >= 0),
	org_id       TEXT    NOT NULL REFERENCES identity_org (id) DEFERRABLE INITIALLY DEFERRED,
	seq          INTEGER NOT NULL CHECK (seq > 0),
	at           INTEGER NOT NULL,
	noun         TEXT    NOT NULL,
	id           TEXT    NOT NULL,
	verb         TEXT    NOT NULL,
	actor        TEXT    NOT NULL,
	reason       TEXT    NOT NULL,
	on_behalf_of TEXT    NOT NULL,
	credential   TEXT    NOT NULL,
	request_id   TEXT    NOT NULL,
	before       BLOB,
	after        BLOB,
	before_hash  BLOB,
	after_hash   BLOB,
	prev         BLOB,
	mac          BLOB,
	PRIMARY KEY (revision, item),
	UNIQUE (org_id, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO identity_event_rebuilt SELECT * FROM identity_event;
DROP TABLE identity_event;
ALTER TABLE identity_event_rebuilt RENAME TO identity_event;
PRAGMA legacy_alter_table = OFF;

-- +goose StatementBegin
CREATE TRIGGER identity_event_insert BEFORE INSERT ON identity_event
WHEN EXISTS (SELECT 1 FROM identity_event WHERE revision = NEW.revision AND item = NEW.item)
  OR EXISTS (SELECT 1 FROM identity_event WHERE org_id = NEW.org_id AND seq = NEW.seq)
BEGIN
	SELECT RAISE(FAIL, 'identity_event is append-only: the event exists');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER identity_event_delete BEFORE DELETE ON identity_event
BEGIN
	SELECT RAISE(ABORT, 'identity_event is append-only: events are never deleted');
END;
-- +goose StatementEnd

-- A purge may forget what was before and after; their hashes stay, so the chain still verifies.
-- +goose StatementBegin
CREATE TRIGGER identity_event_update BEFORE UPDATE ON identity_event
WHEN NOT (
	NEW.revision IS OLD.revision AND NEW.item IS OLD.item AND NEW.org_id IS OLD.org_id AND NEW.seq IS OLD.seq
	AND NEW.at IS OLD.at AND NEW.noun IS OLD.noun AND NEW.id IS OLD.id AND NEW.verb IS OLD.verb
	AND NEW.actor IS OLD.actor AND NEW.reason IS OLD.reason AND NEW.on_behalf_of IS OLD.on_behalf_of
	AND NEW.credential IS OLD.credential AND NEW.request_id IS OLD.request_id
	AND NEW.before_hash IS OLD.before_hash AND NEW.after_hash IS OLD.after_hash
	AND NEW.prev IS OLD.prev AND NEW.mac IS OLD.mac
	AND (NEW.before IS NULL OR NEW.before IS OLD.before)
	AND (NEW.after IS NULL OR NEW.after IS OLD.after)
)
BEGIN
	SELECT RAISE(ABORT, 'identity_event is append-only: only before and after may be purged');
END;
-- +goose StatementEnd

CREATE INDEX identity_event_at ON identity_event (org_id, at, seq);
CREATE INDEX identity_event_id ON identity_event (org_id, id, at, seq);
CREATE INDEX identity_event_actor ON identity_event (org_id, actor, at, seq);
CREATE INDEX identity_event_noun ON identity_event (org_id, noun, at, seq);
CREATE INDEX identity_event_verb ON identity_event (org_id, verb, at, seq);
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('identity_event', 'identity_event', '10000000 1 1'),
	('identity_event', 'sqlite_autoindex_identity_event_2', '10000000 100000 1'),
	('identity_event', 'identity_event_at', '10000000 100000 1 1'),
	('identity_event', 'identity_event_id', '10000000 100000 5 1 1'),
	('identity_event', 'identity_event_actor', '10000000 100000 500 1 1'),
	('identity_event', 'identity_event_noun', '10000000 100000 10000 1 1'),
	('identity_event', 'identity_event_verb', '10000000 100000 5000 1 1');
ANALYZE sqlite_schema;

-- +goose Down
PRAGMA legacy_alter_table = ON;
CREATE TABLE identity_event_rebuilt (
	revision     INTEGER NOT NULL CHECK (revision > 0),
	item         INTEGER NOT NULL CHECK (item >= 0),
	org_id       TEXT    NOT NULL REFERENCES identity_org (id),
	seq          INTEGER NOT NULL CHECK (seq > 0),
	at           INTEGER NOT NULL,
	noun         TEXT    NOT NULL,
	id           TEXT    NOT NULL,
	verb         TEXT    NOT NULL,
	actor        TEXT    NOT NULL,
	reason       TEXT    NOT NULL,
	on_behalf_of TEXT    NOT NULL,
	credential   TEXT    NOT NULL,
	request_id   TEXT    NOT NULL,
	before       BLOB,
	after        BLOB,
	before_hash  BLOB,
	after_hash   BLOB,
	prev         BLOB,
	mac          BLOB,
	PRIMARY KEY (revision, item),
	UNIQUE (org_id, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO identity_event_rebuilt SELECT * FROM identity_event;
DROP TABLE identity_event;
ALTER TABLE identity_event_rebuilt RENAME TO identity_event;
PRAGMA legacy_alter_table = OFF;

-- +goose StatementBegin
CREATE TRIGGER identity_event_insert BEFORE INSERT ON identity_event
WHEN EXISTS (SELECT 1 FROM identity_event WHERE revision = NEW.revision AND item = NEW.item)
  OR EXISTS (SELECT 1 FROM identity_event WHERE org_id = NEW.org_id AND seq = NEW.seq)
BEGIN
	SELECT RAISE(ABORT, 'identity_event is append-only: the event exists');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER identity_event_delete BEFORE DELETE ON identity_event
BEGIN
	SELECT RAISE(ABORT, 'identity_event is append-only: events are never deleted');
END;
-- +goose StatementEnd

-- A purge may forget what was before and after; their hashes stay, so the chain still verifies.
-- +goose StatementBegin
CREATE TRIGGER identity_event_update BEFORE UPDATE ON identity_event
WHEN NOT (
	NEW.revision IS OLD.revision AND NEW.item IS OLD.item AND NEW.org_id IS OLD.org_id AND NEW.seq IS OLD.seq
	AND NEW.at IS OLD.at AND NEW.noun IS OLD.noun AND NEW.id IS OLD.id AND NEW.verb IS OLD.verb
	AND NEW.actor IS OLD.actor AND NEW.reason IS OLD.reason AND NEW.on_behalf_of IS OLD.on_behalf_of
	AND NEW.credential IS OLD.credential AND NEW.request_id IS OLD.request_id
	AND NEW.before_hash IS OLD.before_hash AND NEW.after_hash IS OLD.after_hash
	AND NEW.prev IS OLD.prev AND NEW.mac IS OLD.mac
	AND (NEW.before IS NULL OR NEW.before IS OLD.before)
	AND (NEW.after IS NULL OR NEW.after IS OLD.after)
)
BEGIN
	SELECT RAISE(ABORT, 'identity_event is append-only: only before and after may be purged');
END;
-- +goose StatementEnd

CREATE INDEX identity_event_at ON identity_event (org_id, at, seq);
CREATE INDEX identity_event_id ON identity_event (org_id, id, at, seq);
CREATE INDEX identity_event_actor ON identity_event (org_id, actor, at, seq);
CREATE INDEX identity_event_noun ON identity_event (org_id, noun, at, seq);
CREATE INDEX identity_event_verb ON identity_event (org_id, verb, at, seq);
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('identity_event', 'identity_event', '10000000 1 1'),
	('identity_event', 'sqlite_autoindex_identity_event_2', '10000000 100000 1'),
	('identity_event', 'identity_event_at', '10000000 100000 1 1'),
	('identity_event', 'identity_event_id', '10000000 100000 5 1 1'),
	('identity_event', 'identity_event_actor', '10000000 100000 500 1 1'),
	('identity_event', 'identity_event_noun', '10000000 100000 10000 1 1'),
	('identity_event', 'identity_event_verb', '10000000 100000 5000 1 1');
ANALYZE sqlite_schema;
