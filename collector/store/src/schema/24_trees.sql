-- Version 24: a hash tree over each log; see `store/tree.rs`.
CREATE TABLE trees (
  log   TEXT    PRIMARY KEY,
  size  INTEGER NOT NULL,  -- leaves
  heads BLOB    NOT NULL   -- of the largest complete subtrees, from left to right, 32 bytes each
) STRICT, WITHOUT ROWID;

-- The hashes of levels 8, 16, 24 and so on (`level` 1, 2, 3), 256 a row; the newest row of a level has fewer. 32 zero bytes are a
-- hash that is not known.
CREATE TABLE tree_tiles (
  log    TEXT    NOT NULL,
  level  INTEGER NOT NULL,
  tile   INTEGER NOT NULL,
  hashes BLOB    NOT NULL,
  PRIMARY KEY (log, level, tile)
) STRICT;

-- Nodes below level 8 over leaves that were lost: what else is known of them.
CREATE TABLE tree_nodes (
  log   TEXT    NOT NULL,
  level INTEGER NOT NULL,
  node  INTEGER NOT NULL,
  hash  BLOB    NOT NULL,
  PRIMARY KEY (log, level, node)
) STRICT, WITHOUT ROWID;

-- The public key of the logs, as a vkey whose name is the beginning of both logs' names. It is set by the first checkpoint.
CREATE TABLE log_key (
  id   INTEGER PRIMARY KEY CHECK (id = 1),
  vkey TEXT    NOT NULL
) STRICT;

-- Signed checkpoints.
CREATE TABLE checkpoints (
  log       TEXT    NOT NULL,
  size      INTEGER NOT NULL,
  root      BLOB    NOT NULL,
  signed_at INTEGER NOT NULL,  -- µs
  note      TEXT    NOT NULL,  -- as it is published
  PRIMARY KEY (log, size)
) STRICT;

-- Checkpoints that the stored tree contradicts. While the newest checkpoint of a log is among them, none is signed.
CREATE TABLE tree_forks (
  log      TEXT    NOT NULL,
  size     INTEGER NOT NULL,
  found_at INTEGER NOT NULL,  -- µs
  PRIMARY KEY (log, size)
) STRICT, WITHOUT ROWID;

-- The newest state of the request tree in the audit log.
CREATE TABLE tree_in_audit (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  size     INTEGER NOT NULL,
  noted_at INTEGER NOT NULL  -- µs
) STRICT;
INSERT INTO tree_in_audit VALUES (1, 0, 0);
