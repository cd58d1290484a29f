-- Receivers of the logs, as the settings name them.
CREATE TABLE forwarders (
  id          TEXT    PRIMARY KEY,
  fingerprint TEXT    NOT NULL,  -- of the settings
  channel     TEXT    NOT NULL,  -- names the forwarder to its receiver
  is_paused   INTEGER NOT NULL,
  state       TEXT    NOT NULL,  -- ok, retrying, blocked
  fault       TEXT,              -- the reason, if it is not ok
  fault_at    INTEGER,           -- of the last failure, µs
  holder      TEXT    NOT NULL,  -- the process that delivers
  held_until  INTEGER NOT NULL   -- µs; another process may take over then
) STRICT, WITHOUT ROWID;

-- How far each log has been delivered.
CREATE TABLE forwarder_logs (
  id           TEXT    NOT NULL,
  log          TEXT    NOT NULL,
  position     INTEGER NOT NULL,  -- the newest entry that is done
  sent         INTEGER NOT NULL,
  refused      INTEGER NOT NULL,
  lost         INTEGER NOT NULL,  -- deleted before they were delivered
  delivered_at INTEGER,           -- µs
  PRIMARY KEY (id, log)
) STRICT, WITHOUT ROWID;

-- Entries that a receiver refuses.
CREATE TABLE dead_letters (
  id         TEXT    NOT NULL,
  log        TEXT    NOT NULL,
  position   INTEGER NOT NULL,
  status     INTEGER NOT NULL,  -- of the answer; 0 without one
  reason     TEXT    NOT NULL,
  refused_at INTEGER NOT NULL,  -- µs
  PRIMARY KEY (id, log, position)
) STRICT, WITHOUT ROWID;
