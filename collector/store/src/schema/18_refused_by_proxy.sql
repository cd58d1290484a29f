-- Version 18: heartbeats tell what the proxy refused by itself, before any filter was asked: a JSON object of counts by class.
ALTER TABLE heartbeats ADD COLUMN refused TEXT NOT NULL DEFAULT '{}';
