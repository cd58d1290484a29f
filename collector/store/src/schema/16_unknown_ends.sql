-- Version 16: workers that fell silent without saying that they end are gaps of their own kind: nobody knows how many records
-- they had.
ALTER TABLE gaps ADD COLUMN end_unknown INTEGER NOT NULL DEFAULT 0;  -- 1 if so; first_seq is last_seq + 1 then
ALTER TABLE gaps ADD COLUMN queued      INTEGER;                     -- by its last heartbeat, of such a gap
ALTER TABLE gaps ADD COLUMN open        INTEGER;
ALTER TABLE heartbeats ADD COLUMN end_noted INTEGER NOT NULL DEFAULT 0;  -- 1 once its silence is noted
