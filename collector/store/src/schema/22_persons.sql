-- Version 22: sessions of persons whom an identity provider knows; see `store/sessions.rs` and `store/sign_ins.rs`.
ALTER TABLE sessions RENAME COLUMN token_sha256 TO grant_sha256;  -- of the token, or of the settings that gave the role
ALTER TABLE sessions RENAME COLUMN token TO holder;               -- the token's id, or the person's
ALTER TABLE sessions ADD COLUMN role TEXT;                        -- of a person; a token's is looked up each time
ALTER TABLE sessions ADD COLUMN name TEXT;                        -- of a person
CREATE TABLE sign_in_key (
  id  INTEGER PRIMARY KEY CHECK (id = 1),
  key BLOB    NOT NULL                   -- protects the state of sign-ins in cookies; shared by all collectors
) STRICT;
CREATE TABLE finished_sign_ins (
  sha256     BLOB    PRIMARY KEY,        -- of the state: each is used once
  expires_at INTEGER NOT NULL            -- µs
) STRICT, WITHOUT ROWID;
