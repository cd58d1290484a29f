-- Version 28: runs of collectors, forwarders that retention waits for, and anchors of checkpoints.
CREATE TABLE collector_runs (
  name       TEXT    PRIMARY KEY,  -- of the collector: machine, and folder or address
  run        TEXT    NOT NULL,     -- random id of the process
  started_at INTEGER NOT NULL,     -- µs
  seen_at    INTEGER NOT NULL,     -- µs; written once a minute
  ended_at   INTEGER,              -- µs; of an orderly end
  settings   TEXT    NOT NULL      -- JSON: name and value as `config show` writes them
) STRICT, WITHOUT ROWID;

ALTER TABLE forwarders ADD COLUMN hold_us INTEGER NOT NULL DEFAULT 0;

-- The end of the file that is being put into a bucket: if the process dies, the same file is made again.
ALTER TABLE forwarder_logs ADD COLUMN planned INTEGER NOT NULL DEFAULT 0;

-- Checkpoints that are kept outside: in a bucket with a lock, or stamped by an authority.
CREATE TABLE anchored (
  log         TEXT    NOT NULL,
  size        INTEGER NOT NULL,  -- of the checkpoint
  anchor      TEXT    NOT NULL,  -- its name in the settings
  anchored_at INTEGER NOT NULL,  -- µs
  note        TEXT    NOT NULL,  -- the checkpoint as it was handed over
  proof       BLOB    NOT NULL,  -- the token of an authority, or empty
  PRIMARY KEY (log, size, anchor)
) STRICT;
