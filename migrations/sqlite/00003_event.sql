-- +goose Up
CREATE TABLE identity_event (
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

-- The log is append-only. INSERT OR REPLACE deletes the row it collides with; SQLite fires the delete trigger for
-- that only under recursive_triggers, so an insert over an existing row is refused by itself.
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

-- +goose Down
DROP TABLE identity_event;
