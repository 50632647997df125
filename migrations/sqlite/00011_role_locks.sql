-- +goose Up
-- What of a role cannot be changed, as JSON.
ALTER TABLE identity_role ADD COLUMN locks TEXT NOT NULL DEFAULT '{}';
-- Made with its org, and ends with it.
ALTER TABLE identity_account ADD COLUMN system INTEGER NOT NULL DEFAULT 0 CHECK (system IN (0, 1));

-- +goose Down
-- Neither gives or takes a right: what was locked can be changed by who may change the rest.
ALTER TABLE identity_account DROP COLUMN system;
ALTER TABLE identity_role DROP COLUMN locks;
