-- Version 3: limits and budgets, as far as they must outlive the process.

-- What has been used of a rule's meter by a subject in a window.
CREATE TABLE limit_counts (
  count        INTEGER PRIMARY KEY,
  rule         TEXT    NOT NULL,
  meter        TEXT    NOT NULL,
  subject      TEXT    NOT NULL,  -- the values of the rule's `per`, joined by U+001F
  window_start INTEGER NOT NULL,  -- s
  window_end   INTEGER NOT NULL,  -- s; the largest integer if it has no end; of concurrency, until when it is believed
  keep_until   INTEGER NOT NULL,  -- s
  budget       INTEGER NOT NULL,  -- 1 for budgets, 0 for limits
  current      INTEGER NOT NULL,  -- 0 once it is known to be over
  max          INTEGER NOT NULL,  -- in the meter's unit, as `used`
  used         INTEGER NOT NULL,
  fill         INTEGER NOT NULL,  -- hundredths of a percent of `max` that are used; of concurrency, reserved
  told         BLOB    NOT NULL,  -- percents that have been told of, one byte each
  revision     INTEGER NOT NULL,  -- of `limit_revisions`; 0 if it was not known
  version      INTEGER NOT NULL,  -- grows with each change of `used`, over all counts
  UNIQUE (rule, meter, subject, window_start)
) STRICT;
-- Lists are in the order of `fill`; what is over must not be walked past.
CREATE INDEX limit_counts_current ON limit_counts (budget, fill) WHERE current = 1;
CREATE INDEX limit_counts_rule    ON limit_counts (budget, rule, fill) WHERE current = 1;
CREATE INDEX limit_counts_budgets ON limit_counts (fill)         WHERE budget = 1;
CREATE INDEX limit_counts_changed ON limit_counts (version)      WHERE current = 1 AND fill >= 5000;
-- What ends next, and what may go.
CREATE INDEX limit_counts_ending  ON limit_counts (window_end) WHERE current = 1;
CREATE INDEX limit_counts_ended   ON limit_counts (keep_until) WHERE current = 0;

-- The last report of each boot that was counted.
CREATE TABLE limit_boots (
  boot    TEXT    PRIMARY KEY,
  seq     INTEGER NOT NULL,
  seen_at INTEGER NOT NULL  -- µs
) STRICT, WITHOUT ROWID;

-- Policies that proxies have reported the rules of.
CREATE TABLE limit_revisions (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  name     TEXT    NOT NULL UNIQUE,
  seen_at  INTEGER NOT NULL  -- µs
) STRICT;
CREATE TABLE limit_rules (
  rule     TEXT    NOT NULL,
  revision INTEGER NOT NULL,
  body     TEXT    NOT NULL,  -- JSON of `headgate_limits::Rule`
  PRIMARY KEY (rule, revision)
) STRICT, WITHOUT ROWID;

-- `version` of the last write. Every report moves it on, so it also tells whether a transaction has come to pass.
CREATE TABLE limit_state (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  version INTEGER NOT NULL
) STRICT;
INSERT INTO limit_state VALUES (1, 0);

-- Thresholds of budgets that were crossed: each once.
CREATE TABLE limit_crossings (
  crossing     INTEGER PRIMARY KEY,
  id           TEXT    NOT NULL UNIQUE,  -- UUIDv7
  rule         TEXT    NOT NULL,
  meter        TEXT    NOT NULL,
  subject      TEXT    NOT NULL,
  window_start INTEGER NOT NULL,
  window_end   INTEGER NOT NULL,
  percent      INTEGER NOT NULL,
  at           INTEGER NOT NULL,  -- µs
  UNIQUE (rule, meter, subject, window_start, percent)
) STRICT;
CREATE INDEX limit_crossings_at ON limit_crossings (at);

-- Crossings that an address has still to be told of.
CREATE TABLE limit_outbox (
  id       TEXT    PRIMARY KEY,  -- of `limit_crossings`
  variable TEXT    NOT NULL,     -- environment variable with the address
  body     TEXT    NOT NULL,
  tries    INTEGER NOT NULL DEFAULT 0,
  since    INTEGER NOT NULL,     -- µs
  due_at   INTEGER NOT NULL      -- µs
) STRICT, WITHOUT ROWID;
CREATE INDEX limit_outbox_due ON limit_outbox (due_at);
