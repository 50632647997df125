-- +goose Up
-- One row or none: what this file knows about not being the newest of its history.
CREATE TABLE identity_fence (
	id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	marked    INTEGER NOT NULL CHECK (marked IN (0, 1)), -- the file is a copy that nothing has answered from yet
	raised_at INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE identity_fence;
