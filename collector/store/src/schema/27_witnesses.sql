-- Version 27: witnesses of checkpoints, keys that were replaced, and logs that were begun anew.
CREATE TABLE cosignatures (
  log         TEXT    NOT NULL,
  size        INTEGER NOT NULL,  -- of the checkpoint
  witness     TEXT    NOT NULL,  -- its public key
  cosigned_at INTEGER NOT NULL,  -- as the witness states, µs
  line        TEXT    NOT NULL,  -- of the note
  PRIMARY KEY (log, size, witness)
) STRICT, WITHOUT ROWID;
CREATE INDEX cosignatures_by_witness ON cosignatures (log, witness, size);

-- Logs of which a witness has seen more than the database has. None of their checkpoints is signed until the logs are restarted.
CREATE TABLE tree_rollbacks (
  log      TEXT    PRIMARY KEY,
  witness  TEXT    NOT NULL,  -- its public key
  seen     INTEGER NOT NULL,  -- entries that it has seen
  signed   INTEGER NOT NULL,  -- entries that the newest checkpoint of the database covers
  found_at INTEGER NOT NULL   -- µs
) STRICT, WITHOUT ROWID;

-- Keys that signed before the one of `log_key`. A rotated key goes on to sign beside the new one until `signs_until`.
CREATE TABLE former_log_keys (
  vkey        TEXT    PRIMARY KEY,
  replaced_at INTEGER NOT NULL,  -- µs
  signs_until INTEGER NOT NULL   -- µs; 0 if it does not
) STRICT, WITHOUT ROWID;

-- Checkpoints under names that the logs had before they were restarted.
CREATE TABLE former_checkpoints (
  origin    TEXT    NOT NULL,
  size      INTEGER NOT NULL,
  root      BLOB    NOT NULL,
  signed_at INTEGER NOT NULL,  -- µs
  note      TEXT    NOT NULL,
  PRIMARY KEY (origin, size)
) STRICT;
