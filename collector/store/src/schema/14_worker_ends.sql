-- Version 14: heartbeats tell of requests under way, and of a worker's end.
ALTER TABLE heartbeats ADD COLUMN open   INTEGER;                     -- NULL if the worker did not say
ALTER TABLE heartbeats ADD COLUMN ending INTEGER NOT NULL DEFAULT 0;  -- 1 if it was the worker's last
