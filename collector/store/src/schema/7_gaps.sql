-- Version 7: what is missing is kept, with the times between which it fell, so that it can be told of when the records
-- around it are long deleted.

-- A run of numbers of one boot, all of them missing; or, once `closed_at` stands there, all of them come late. A late arrival
-- splits a run. What is open of a boot overlaps nowhere.
CREATE TABLE gaps (
  gap            INTEGER PRIMARY KEY,
  boot           INTEGER NOT NULL,
  first_seq      INTEGER NOT NULL,
  last_seq       INTEGER NOT NULL,
  after_at       INTEGER,            -- the sender's time before the gap, µs; NULL where it begins the boot
  before_at      INTEGER NOT NULL,   -- the sender's time behind it; of a gap at the end, the collector's
  received_after INTEGER,            -- when what stands before it was received, µs, as all below
  noticed_at     INTEGER NOT NULL,
  closed_at      INTEGER,
  at_end         INTEGER NOT NULL    -- 1 if a heartbeat told of it, no later record
) STRICT;
CREATE INDEX gaps_open    ON gaps (boot, last_seq) WHERE closed_at IS NULL;
CREATE INDEX gaps_noticed ON gaps (noticed_at, gap);
CREATE INDEX gaps_missing ON gaps (noticed_at, gap) WHERE closed_at IS NULL;

-- `highest_seq` is the highest number that is accounted for, stored or missing; these are its times. All numbers up to it
-- that are in no open gap have been stored once, also if retention has deleted them since.
ALTER TABLE boots ADD COLUMN last_at     INTEGER;  -- the sender's time, µs
ALTER TABLE boots ADD COLUMN received_at INTEGER;  -- when anything of this boot was received last, µs
UPDATE boots SET
  last_at = (SELECT started_at FROM requests r WHERE r.boot = boots.boot AND r.seq = boots.highest_seq),
  received_at = (SELECT e.received_at FROM requests r JOIN request_entries e ON e.position = r.position
                 WHERE r.boot = boots.boot AND r.seq = boots.highest_seq);

INSERT INTO gaps (boot, first_seq, last_seq, after_at, before_at, received_after, noticed_at, at_end)
  SELECT h.boot, h.previous + 1, h.seq - 1, p.started_at, h.started_at, pe.received_at, e.received_at, 0
  FROM (SELECT boot, seq, position, started_at, lag(seq, 1, 0) OVER (PARTITION BY boot ORDER BY seq) AS previous
        FROM requests WHERE boot IN (SELECT boot FROM boots WHERE stored < highest_seq)) h
  JOIN request_entries e ON e.position = h.position
  LEFT JOIN requests p ON p.boot = h.boot AND p.seq = h.previous
  LEFT JOIN request_entries pe ON pe.position = p.position
  WHERE h.seq > h.previous + 1;

-- What has happened to gaps since the audit log was told of it last.
CREATE TABLE gap_news (
  id             INTEGER PRIMARY KEY CHECK (id = 1),
  opened         INTEGER NOT NULL,  -- gaps
  opened_records INTEGER NOT NULL,
  closed         INTEGER NOT NULL,
  closed_records INTEGER NOT NULL,
  told_at        INTEGER NOT NULL   -- µs
) STRICT;
INSERT INTO gap_news VALUES (1, 0, 0, 0, 0, 0);
