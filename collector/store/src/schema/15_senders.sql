-- Version 15: which sender a boot belongs to, what conflicts with that, and corrections that owners made.

-- The first token of the line that this one goes on with; NULL if it begins its own.
ALTER TABLE tokens ADD COLUMN sender TEXT;

-- A boot belongs to the sender that opened it. Boots of earlier versions belong to the first that speaks for them.
CREATE TABLE boot_owners (
  boot_id TEXT    PRIMARY KEY,
  sender  TEXT    NOT NULL,
  seen_at INTEGER NOT NULL  -- µs, to the hour
) STRICT, WITHOUT ROWID;
CREATE INDEX boot_owners_seen ON boot_owners (seen_at);
CREATE INDEX boots_boot_id    ON boots (boot_id);

-- Boots that a sender has opened in its latest hour.
CREATE TABLE senders (
  sender TEXT    PRIMARY KEY,
  hour   INTEGER NOT NULL,  -- since 1970
  opened INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Refused deliveries that the audit log has still to be told of.
CREATE TABLE conflicts (
  token   TEXT    NOT NULL,
  code    TEXT    NOT NULL,
  name    TEXT    NOT NULL,  -- of the token; empty if it has none
  count   INTEGER NOT NULL,
  boot_id TEXT    NOT NULL,  -- the first one
  node    TEXT    NOT NULL,
  details TEXT    NOT NULL,  -- JSON: some of the numbers or boots
  told_at INTEGER NOT NULL,  -- µs
  PRIMARY KEY (token, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE corrections (
  correction INTEGER PRIMARY KEY,
  id         TEXT    NOT NULL UNIQUE,  -- UUIDv7
  body       TEXT    NOT NULL,         -- JSON, as it is shown
  asked      TEXT    NOT NULL,         -- JSON, as it was asked for
  count      INTEGER,                  -- of `limit_counts`, if one was corrected
  version    INTEGER NOT NULL,         -- of `limit_state`
  at         INTEGER NOT NULL          -- µs
) STRICT;
CREATE INDEX corrections_version ON corrections (version) WHERE count IS NOT NULL;
