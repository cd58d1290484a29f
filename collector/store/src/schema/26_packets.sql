-- Version 26: evidence packets; see `store/packets.rs`. The archives are files beside the database.
CREATE TABLE packets (
  id            TEXT    PRIMARY KEY,
  created_at    INTEGER NOT NULL,  -- µs
  created_by    TEXT    NOT NULL,  -- the actor, JSON
  scope         TEXT    NOT NULL,  -- JSON
  state         TEXT    NOT NULL,  -- waiting, running, ready, failed
  claimed_until INTEGER NOT NULL,  -- µs; a running packet whose time is over is made anew
  grown_from    INTEGER,           -- entries of the request log that the packet before covers
  size          INTEGER,           -- entries of the request log that this one covers
  records       INTEGER,
  bytes         INTEGER,
  sha256        TEXT,
  code          TEXT,              -- why it failed
  message       TEXT,
  finished_at   INTEGER            -- µs
) STRICT;

-- The key of the pseudonyms in redacted packets.
CREATE TABLE packet_key (
  id  INTEGER PRIMARY KEY CHECK (id = 1),
  key BLOB    NOT NULL
) STRICT;
