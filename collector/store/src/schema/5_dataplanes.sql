-- Version 5: what each worker of a data plane said of itself last.
CREATE TABLE heartbeats (
  node            TEXT    NOT NULL,
  boot_id         TEXT    NOT NULL,
  version         TEXT    NOT NULL,
  config_revision TEXT    NOT NULL,
  uptime_s        INTEGER NOT NULL,
  queued          INTEGER NOT NULL,
  dropped         INTEGER NOT NULL,
  last_seq        INTEGER NOT NULL,
  received_at     INTEGER NOT NULL,  -- µs
  PRIMARY KEY (node, boot_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX heartbeats_received_at ON heartbeats (received_at);
