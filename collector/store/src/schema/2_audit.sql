-- Version 2: the audit log, and tokens that have a life.

-- As `request_entries`: the log itself. What stands in `bytes` is told at the head of `audit/mod.rs`.
CREATE TABLE audit_entries (
  position    INTEGER PRIMARY KEY,
  schema      INTEGER NOT NULL,
  received_at INTEGER NOT NULL,  -- µs
  bytes       BLOB    NOT NULL
) STRICT;
INSERT INTO log_heads VALUES ('audit', 1);

-- What filters read; can be built anew from `audit_entries`.
CREATE TABLE audit (
  position    INTEGER PRIMARY KEY,
  id          BLOB    NOT NULL UNIQUE,
  time        INTEGER NOT NULL,  -- µs
  type        INTEGER NOT NULL,
  actor_id    INTEGER NOT NULL,
  resource_id INTEGER NOT NULL,
  source      INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_type        ON audit (type);
CREATE INDEX audit_actor_id    ON audit (actor_id);
CREATE INDEX audit_resource_id ON audit (resource_id);


-- An entry is written once, also by whoever writes a new query in this program.
CREATE TRIGGER audit_entries_are_not_changed BEFORE UPDATE ON audit_entries
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- A token's id is public and stands in audit entries; it is made of the hash, which cannot be reversed.
CREATE TABLE tokens_2 (
  sha256     BLOB PRIMARY KEY,
  id         TEXT    NOT NULL UNIQUE,
  role       TEXT    NOT NULL,
  name       TEXT,
  created_at INTEGER NOT NULL,   -- µs, as all below
  created_by TEXT    NOT NULL,   -- id of the actor
  expires_at INTEGER,
  last_used  INTEGER,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO tokens_2 (sha256, id, role, created_at, created_by)
  SELECT sha256, 'tok_' || lower(hex(substr(sha256, 1, 8))), role, created_at, 'command' FROM tokens;
DROP TABLE tokens;
ALTER TABLE tokens_2 RENAME TO tokens;
