-- Version 9: revisions of the policy. None is ever changed: what comes back is a further revision with the same text.
CREATE TABLE policy_revisions (
  number          INTEGER PRIMARY KEY,  -- 1, 2, 3 … without holes, in the order in which they came into force
  config_revision TEXT    NOT NULL,     -- what records and heartbeats carry; the same again when the same policy comes back
  effective_at    INTEGER NOT NULL,     -- µs; grows with the number
  actor           TEXT    NOT NULL,     -- JSON, as in audit entries
  restores        INTEGER,              -- number of the revision that was rolled back to
  digest          BLOB    NOT NULL      -- of `policy_texts`
) STRICT;
CREATE INDEX policy_revisions_config ON policy_revisions (config_revision, number);
CREATE INDEX policy_revisions_time   ON policy_revisions (effective_at);

CREATE TRIGGER policy_revisions_are_not_changed BEFORE UPDATE ON policy_revisions
  BEGIN SELECT RAISE(ABORT, 'a revision is never changed'); END;

-- Each text once, as it came.
CREATE TABLE policy_texts (
  digest BLOB PRIMARY KEY,  -- SHA-256
  text   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Number of the revision in force; 0 before the first. Whoever makes the next one moves it on from the number they know.
CREATE TABLE policy_head (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  number INTEGER NOT NULL
) STRICT;
INSERT INTO policy_head VALUES (1, 0);
