-- Version 10: the gaps of a boot are found without walking over those of all others, also when they are closed.
CREATE INDEX gaps_boot ON gaps (boot, last_seq);
