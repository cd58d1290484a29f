-- Version 6: each entry of both logs has the hash of its bytes beside it; see `store/leaf.rs`. It is there for every entry:
-- those that are stored already get theirs in this step.
ALTER TABLE request_entries ADD COLUMN leaf BLOB;
DROP TRIGGER audit_entries_are_not_changed;
ALTER TABLE audit_entries ADD COLUMN leaf BLOB;

-- Places of either log at which something is wrong, once it has been noticed.
CREATE TABLE damage (
  log            TEXT    NOT NULL,
  first_position INTEGER NOT NULL,
  last_position  INTEGER NOT NULL,
  kind           TEXT    NOT NULL,  -- `altered`: the bytes are not those that were stored; `lost`: there is no entry any more
  found_at       INTEGER NOT NULL,  -- µs
  PRIMARY KEY (log, first_position)
) STRICT, WITHOUT ROWID;
