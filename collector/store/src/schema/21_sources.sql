-- Version 21: records get a column for their source, which tells requests of the playground from those of applications (the
-- column is data, not a table: see `backfill/searchable.rs`), and audit entries are found by outcome, resource name and address.
ALTER TABLE audit ADD COLUMN outcome INTEGER;
ALTER TABLE audit ADD COLUMN resource_name INTEGER;
ALTER TABLE audit ADD COLUMN address INTEGER;
CREATE INDEX audit_outcome ON audit (outcome, position);
