-- Version 10: how long the logs are kept, what must not be deleted, and what is left of what was.

-- One row. `revision` grows with each change of the rules, `holds` with each hold that is placed or released: what was chosen
-- for deletion under other ones is chosen again.
CREATE TABLE retention (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  revision     INTEGER NOT NULL,
  holds        INTEGER NOT NULL,
  rules        TEXT    NOT NULL,  -- JSON
  kept_by      TEXT,              -- JSON: rules that also keep until `effective_at`, where the new ones keep less
  effective_at INTEGER,           -- µs
  changed_at   INTEGER            -- µs
) STRICT;
INSERT INTO retention VALUES
  (1, 1, 0, '{"requests":{"days":90,"classes":{}},"audit":{"days":180}}', NULL, NULL, NULL);

-- Legal holds that stand.
CREATE TABLE holds (
  hold      INTEGER PRIMARY KEY,
  id        TEXT    NOT NULL UNIQUE,
  log       TEXT    NOT NULL,
  scope     TEXT    NOT NULL,  -- JSON
  reason    TEXT    NOT NULL,
  placed_by TEXT    NOT NULL,  -- id of the actor
  placed_at INTEGER NOT NULL   -- µs
) STRICT;

-- The run under way in each log, as far as it is committed; the audit log is told at its end, also across a crash.
CREATE TABLE retention_runs (
  log            TEXT PRIMARY KEY,
  deleted        INTEGER NOT NULL,
  classes        TEXT    NOT NULL,  -- JSON: deleted entries by retention class
  first_position INTEGER NOT NULL,
  last_position  INTEGER NOT NULL,
  received_until INTEGER NOT NULL   -- when the latest of them was received, µs
) STRICT, WITHOUT ROWID;

-- What a hash tree over a log needs of deleted entries: SHA-256(0x00 || bytes) of each, 32 bytes one after another, from
-- position `first` on.
CREATE TABLE gone_leaves (
  log    TEXT    NOT NULL,
  first  INTEGER NOT NULL,
  leaves BLOB    NOT NULL,
  PRIMARY KEY (log, first)
) STRICT;
-- Once all of a segment (positions segment * 16384 + 1 and on) is deleted: the head of the tree over it (RFC 9162, 2.1.1),
-- a whole subtree of the log's tree, in place of its leaves.
CREATE TABLE gone_segments (
  log     TEXT    NOT NULL,
  segment INTEGER NOT NULL,
  head    BLOB    NOT NULL,
  PRIMARY KEY (log, segment)
) STRICT;

-- The request log finds what is past its time in its columns; the audit log has none.
CREATE INDEX audit_entries_received_at ON audit_entries (received_at, position);

-- The gaps of a boot are found without walking over those of all others, also when they are closed.
CREATE INDEX gaps_boot ON gaps (boot, last_seq);
