-- Version 11: how many times the writer has committed; see `store/witness.rs`.
CREATE TABLE commits (
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  count INTEGER NOT NULL
) STRICT;
INSERT INTO commits VALUES (1, 0);
