-- Version 20: sessions of persons who have signed in on the collector's pages; see `store/sessions.rs`.
CREATE TABLE sessions (
  sha256       BLOB    PRIMARY KEY,      -- of the secret in the cookie
  id           TEXT    NOT NULL UNIQUE,  -- ses_…, made of the hash
  token_sha256 BLOB    NOT NULL,         -- the token: its role and validity are looked up each time
  token        TEXT    NOT NULL,         -- the token's id
  address      TEXT    NOT NULL,         -- of the sign-in
  created_at   INTEGER NOT NULL,         -- µs, as all below
  last_seen    INTEGER NOT NULL,         -- to the minute
  expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
