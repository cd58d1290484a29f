-- Version 13: what the store knows of the time, so that a host's clock that leaps is noticed; see `store/trusted_time.rs`.
CREATE TABLE known_time (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  at      INTEGER NOT NULL,  -- µs: the time that retention goes by
  seen_at INTEGER NOT NULL   -- µs: what a collector's clock said last
) STRICT;
