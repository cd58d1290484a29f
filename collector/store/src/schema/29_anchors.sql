-- Version 29: the objects in buckets that hold checkpoints, and whether they are still there. After a restart of the logs, `log` of
-- the rows before it is the former name of the log.
ALTER TABLE anchored ADD COLUMN object TEXT NOT NULL DEFAULT '';            -- its address; empty for an authority
ALTER TABLE anchored ADD COLUMN version TEXT NOT NULL DEFAULT '';           -- as the bucket names it, if it has versions
ALTER TABLE anchored ADD COLUMN etag TEXT NOT NULL DEFAULT '';
ALTER TABLE anchored ADD COLUMN locked_until INTEGER NOT NULL DEFAULT 0;    -- µs; 0 if it has no lock of its own
ALTER TABLE anchored ADD COLUMN read_at INTEGER NOT NULL DEFAULT 0;         -- µs: when it was read back last
ALTER TABLE anchored ADD COLUMN finding TEXT NOT NULL DEFAULT '';           -- `missing` or `differs`, if it was not found as it was put
