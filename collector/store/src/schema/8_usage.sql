-- Version 8: usage by combination of dimensions, for each quarter of an hour and each day of UTC; see `store/usage/`.
--
-- Derived from the request log when a record is stored, but not dropped with it.
CREATE TABLE usage_rollups (
  level       INTEGER NOT NULL,  -- 0: a quarter of an hour; 1: a day of UTC
  start       INTEGER NOT NULL,  -- s
  combination BLOB    NOT NULL,  -- values of the dimensions, as LEB128: numbers of `names`, and the status
  totals      BLOB    NOT NULL,  -- sums and histograms, as LEB128
  PRIMARY KEY (level, start, combination)
) STRICT, WITHOUT ROWID;
