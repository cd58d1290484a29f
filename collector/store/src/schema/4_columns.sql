-- Version 4: what filters read lies in columns.
--
-- Eighteen indexes on rows made each record cost eighteen writes, and still let any two filters together read the whole
-- log. Here the values of 16384 records in a row (a segment) lie together by column, coded in a byte or two each, so
-- counting or filtering ten million records by a few columns reads some ten megabytes a column; see `store/columns/`.

-- Identity alone: what makes a delivery idempotent, and what gaps are found with.
CREATE TABLE requests_new (
  position   INTEGER PRIMARY KEY,
  id         BLOB    NOT NULL UNIQUE,
  boot       INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  started_at INTEGER NOT NULL,  -- µs
  UNIQUE (boot, seq)
) STRICT;
INSERT INTO requests_new SELECT position, id, boot, seq, started_at FROM requests;
DROP TABLE requests;
ALTER TABLE requests_new RENAME TO requests;
DROP TABLE zones;

-- The newest records, one row each, until their segment is full: the cells of all columns, as LEB128.
CREATE TABLE fresh (
  position INTEGER PRIMARY KEY,
  cells    BLOB    NOT NULL
) STRICT;

-- `segment` holds the positions segment * 16384 + 1 and on. `gone` has a bit for each record that is not there any more.
CREATE TABLE segments (
  segment INTEGER PRIMARY KEY,
  oldest  INTEGER NOT NULL,  -- started_at, µs
  newest  INTEGER NOT NULL,
  gone    BLOB
) STRICT;

-- `part` is segment * 64 + the column's number. `head` alone often tells that nothing in `codes` can match.
CREATE TABLE segment_columns (
  part  INTEGER PRIMARY KEY,
  head  BLOB NOT NULL,
  codes BLOB NOT NULL
) STRICT;

-- Sets of names that a record has together: its tags, the ids of the policies that decided. Each distinct set is stored once.
CREATE TABLE name_sets (
  name_set INTEGER PRIMARY KEY,
  text     TEXT NOT NULL UNIQUE  -- sorted numbers of `names`, joined by commas
) STRICT;
CREATE TABLE name_set_members (
  name     INTEGER NOT NULL,
  name_set INTEGER NOT NULL,
  PRIMARY KEY (name, name_set)
) STRICT, WITHOUT ROWID;
