-- Version 1.
--
-- `request_entries` is the request log itself: every entry has its place in an append order without holes, and the bytes
-- it was received as stand there once, with the version of their shape. `position` is assigned by the writer and never
-- used again (a hash tree over the log can take `position - 1` as its leaf index).
CREATE TABLE request_entries (
  position    INTEGER PRIMARY KEY,
  schema      INTEGER NOT NULL,
  received_at INTEGER NOT NULL,  -- µs
  bytes       BLOB    NOT NULL
) STRICT;

-- Where each log continues. Kept apart from the entries, so that a position is not used twice once retention deletes.
CREATE TABLE log_heads (
  log           TEXT PRIMARY KEY,
  next_position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO log_heads VALUES ('requests', 1);

-- What filters read: derived from the entries alone, so it can be built anew from them. Names are numbers of `names`:
-- an index entry is a few bytes then, and SQLite keeps `position` in each index, which is the order of every page.
CREATE TABLE requests (
  position        INTEGER PRIMARY KEY,
  id              BLOB    NOT NULL UNIQUE,
  boot            INTEGER NOT NULL,
  seq             INTEGER NOT NULL,
  started_at      INTEGER NOT NULL,  -- µs
  status          INTEGER NOT NULL,
  stream          INTEGER NOT NULL,
  attempts        INTEGER NOT NULL,
  node            INTEGER NOT NULL,
  surface         INTEGER NOT NULL,
  environment     INTEGER NOT NULL,
  config_revision INTEGER NOT NULL,
  ended_by        INTEGER NOT NULL,
  requested_model INTEGER,
  served_model    INTEGER,
  provider        INTEGER,
  key_id          INTEGER,
  owner           INTEGER,
  team            INTEGER,
  project         INTEGER,
  rejected_by     INTEGER,
  error_code      INTEGER,
  UNIQUE (boot, seq)
) STRICT;
CREATE INDEX requests_status          ON requests (status);
CREATE INDEX requests_status_class    ON requests (status / 100);
CREATE INDEX requests_stream          ON requests (stream);
CREATE INDEX requests_failover        ON requests (position) WHERE attempts > 1;
CREATE INDEX requests_node            ON requests (node);
CREATE INDEX requests_surface         ON requests (surface);
CREATE INDEX requests_environment     ON requests (environment);
CREATE INDEX requests_config_revision ON requests (config_revision);
CREATE INDEX requests_ended_by        ON requests (ended_by);
CREATE INDEX requests_requested_model ON requests (requested_model) WHERE requested_model IS NOT NULL;
CREATE INDEX requests_served_model    ON requests (served_model)    WHERE served_model IS NOT NULL;
CREATE INDEX requests_provider        ON requests (provider)        WHERE provider IS NOT NULL;
CREATE INDEX requests_key_id          ON requests (key_id)          WHERE key_id IS NOT NULL;
CREATE INDEX requests_owner           ON requests (owner)           WHERE owner IS NOT NULL;
CREATE INDEX requests_team            ON requests (team)            WHERE team IS NOT NULL;
CREATE INDEX requests_project         ON requests (project)         WHERE project IS NOT NULL;
CREATE INDEX requests_rejected_by     ON requests (rejected_by)     WHERE rejected_by IS NOT NULL;
CREATE INDEX requests_error_code      ON requests (error_code)      WHERE error_code IS NOT NULL;

-- Oldest and newest `started_at` of each run of 4096 positions. Entries arrive nearly in time order, so a time range
-- touches few zones; a record whose clock is a year off widens one zone and nothing else.
CREATE TABLE zones (
  zone   INTEGER PRIMARY KEY,
  oldest INTEGER NOT NULL,
  newest INTEGER NOT NULL
) STRICT;

CREATE TABLE names (
  name INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

-- One row per boot of a sender's worker. `stored < highest_seq` says that records are missing.
CREATE TABLE boots (
  boot        INTEGER PRIMARY KEY,
  node        TEXT    NOT NULL,
  boot_id     TEXT    NOT NULL,
  dropped     INTEGER NOT NULL DEFAULT 0,
  stored      INTEGER NOT NULL DEFAULT 0,
  highest_seq INTEGER NOT NULL DEFAULT 0,
  UNIQUE (node, boot_id)
) STRICT;

-- Tokens are random and long, so a plain SHA-256 cannot be reversed and is looked up directly.
CREATE TABLE tokens (
  sha256     BLOB PRIMARY KEY,
  role       TEXT    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Written by the readiness probe.
CREATE TABLE probe (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  at INTEGER NOT NULL
) STRICT;
INSERT INTO probe VALUES (1, 0);
