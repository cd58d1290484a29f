-- Version 12: the policy revision that an audit entry belongs to, so that all entries of one are found at once.
ALTER TABLE audit ADD COLUMN revision INTEGER;
CREATE INDEX audit_revision ON audit (revision, position) WHERE revision IS NOT NULL;
