-- Version 17: more of a record and of an audit entry can be searched for, and usage told apart by more.
--
-- Records get further columns (`store/columns/cells.rs`): names, and digests of texts that are as many as records. Usage is told
-- apart by application, cost center, tenant and policy revision too (`store/usage/anew.rs`).

-- The name of the actor, for those who know an actor by it.
ALTER TABLE audit ADD COLUMN actor_name INTEGER;
CREATE INDEX audit_actor_name ON audit (actor_name, position) WHERE actor_name IS NOT NULL;
