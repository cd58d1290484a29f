//! The monitor: keeps the last checkpoint of each log, demands a proof that the log has only grown, and looks at the tree itself.
//!
//! A proof of growth touches the right edge of the tree alone. So the monitor also reads all hashes of level 8, which must lead
//! to the root, and compares some tiles of leaves with them: all new ones, and old ones in turn.

use super::client::{LogClient, Missing};
use super::state::{self, Seen, State};
use headgate_collector_recovery::{Check, Verdict};
use headgate_collector_store::key_of;
use headgate_collector_tree::{
    Checkpoint, CompactRange, Error, Hash, TILE_HEIGHT, TILE_WIDTH, Tile, TlogPolicy, VerifyingKey, decode_hash,
    encode_base64, verify_consistency,
};
use headgate_collector_types::Log;
use std::path::Path;

/// Checks both logs of a collector, and keeps what was seen if nothing is contradicted.
pub(super) fn run(
    url: &str,
    path: &Path,
    given: Option<&VerifyingKey>,
    policy: Option<&TlogPolicy>,
    tiles: u32,
) -> Result<Verdict, String> {
    let mut state = state::read(path)?;
    let key = key(&mut state, given)?;
    let client = LogClient::new(url);
    let mut verdict = Verdict::default();
    verdict.add(Check::holds(
        "key",
        match policy {
            None => "the logs are signed by the operator only, unless witnesses confirm them; --policy looks at that",
            Some(_) => "the logs are signed by the operator",
        },
    ));
    for log in Log::ALL {
        let seen = state.logs.get(log.as_str()).cloned().unwrap_or_default();
        let mut look = Look { client: &client, log, verdict: &mut verdict, policy, tiles };
        match look.run(&key, &seen) {
            Ok(Some(seen)) => drop(state.logs.insert(log.as_str().to_owned(), seen)),
            Ok(None) => {}
            Err(Missing::Deleted(why) | Missing::Lost(why) | Missing::Failed(why)) => {
                verdict.add(Check::unknown(log.as_str(), why))
            }
        }
    }
    state::write(path, &state)?;
    Ok(verdict)
}

/// Returns the key that the logs are verified with: the one that was given, or the one of the first look.
fn key(state: &mut State, given: Option<&VerifyingKey>) -> Result<VerifyingKey, String> {
    let known = state.public_key.as_deref().map(VerifyingKey::parse).transpose().map_err(|e| e.to_string())?;
    match (given, known) {
        (Some(given), Some(known)) if *given != known => {
            Err("the state was made with another key than --public-key; use another --state for another key".to_owned())
        }
        (None, None) => Err("the first look needs --public-key: the line public_key= of `log-key new`".to_owned()),
        (Some(key), _) => {
            state.public_key = Some(key.to_string());
            Ok(key.clone())
        }
        (None, Some(key)) => Ok(key),
    }
}

/// A look at one log.
struct Look<'a> {
    client: &'a LogClient,
    log: Log,
    verdict: &'a mut Verdict,
    policy: Option<&'a TlogPolicy>,
    tiles: u32,
}

impl Look<'_> {
    /// Returns what to keep; `None` if the log contradicts itself.
    fn run(&mut self, key: &VerifyingKey, seen: &Seen) -> Result<Option<Seen>, Missing> {
        let note = self.client.checkpoint(self.log)?;
        let Some(key) = key_of(self.log, key) else { return Ok(None) };
        let checkpoint = match Checkpoint::open(&note, &[key]) {
            Ok(checkpoint) => checkpoint,
            Err(error @ (Error::Unsigned | Error::Malformed(_))) => {
                self.unknown("checkpoint", error.to_string());
                return Ok(None);
            }
            Err(error) => {
                self.contradicted("checkpoint", error.to_string());
                return Ok(None);
            }
        };
        if let Some(policy) = self.policy {
            self.verdict.add(policy.check(&format!("{} witnesses", self.log.as_str()), &note));
        }
        if !self.has_grown(seen, &checkpoint)? {
            return Ok(None);
        }
        let level_8 = self.level_8(checkpoint.size)?;
        if !self.leads_to_root(&level_8, &checkpoint)? {
            return Ok(None);
        }
        let next_tile = self.leaf_tiles(&level_8, seen)?;
        let root = encode_base64(&checkpoint.root);
        Ok(next_tile.map(|next_tile| Seen { size: checkpoint.size, root, checkpoint: note, next_tile }))
    }

    fn contradicted(&mut self, of: &str, text: impl Into<String>) {
        self.verdict.add(Check::contradicted(format!("{} {of}", self.log.as_str()), text));
    }

    fn unknown(&mut self, of: &str, text: impl Into<String>) {
        self.verdict.add(Check::unknown(format!("{} {of}", self.log.as_str()), text));
    }

    fn holds(&mut self, of: &str, text: impl Into<String>) {
        self.verdict.add(Check::holds(format!("{} {of}", self.log.as_str()), text));
    }

    /// Demands the proof that the log has only grown since the last look.
    fn has_grown(&mut self, seen: &Seen, checkpoint: &Checkpoint) -> Result<bool, Missing> {
        let size = checkpoint.size;
        if seen.size == 0 {
            self.holds("growth", format!("the first look: {size} entries"));
            return Ok(true);
        }
        let Ok(old_root) = decode_hash(&seen.root) else {
            self.unknown("growth", "the state file has no root");
            return Ok(false);
        };
        if size < seen.size {
            let text = format!("a checkpoint of {} entries was signed before, and now one of {size}", seen.size);
            self.contradicted("growth", text);
            return Ok(false);
        }
        let proof = if size == seen.size { Vec::new() } else { self.client.growth(self.log, seen.size, size)? };
        match verify_consistency((seen.size, &old_root), (size, &checkpoint.root), &proof) {
            Ok(()) => self.holds("growth", format!("from {} to {size} entries", seen.size)),
            Err(error) => self.contradicted("growth", format!("from {} to {size} entries: {error}", seen.size)),
        }
        Ok(self
            .verdict
            .checks
            .last()
            .is_some_and(|check| check.judgement == headgate_collector_recovery::Judgement::Holds))
    }

    /// Returns the hashes over all complete tiles of leaves.
    fn level_8(&self, size: u64) -> Result<Vec<Hash>, Missing> {
        let count = size / TILE_WIDTH;
        let tiles = (0..count.div_ceil(TILE_WIDTH)).map(|index| Tile {
            level: 1,
            index,
            width: (count - index * TILE_WIDTH).min(TILE_WIDTH),
        });
        let mut hashes = Vec::new();
        for tile in tiles {
            hashes.extend(self.client.tile(self.log, tile)?);
        }
        Ok(hashes)
    }

    /// Grows the tree from its hashes of level 8 and its last leaves, and compares the root.
    fn leads_to_root(&mut self, level_8: &[Hash], checkpoint: &Checkpoint) -> Result<bool, Missing> {
        let mut range = CompactRange::default();
        for hash in level_8 {
            range.push_subtree(TILE_HEIGHT, *hash, |_, _, _| {});
        }
        let rest = checkpoint.size % TILE_WIDTH;
        if rest > 0 {
            let tile = Tile { level: 0, index: checkpoint.size / TILE_WIDTH, width: rest };
            self.client.tile(self.log, tile)?.into_iter().for_each(|leaf| range.push(leaf, |_, _, _| {}));
        }
        let holds = range.size() == checkpoint.size && range.root() == checkpoint.root;
        if !holds {
            self.contradicted(
                "tree",
                format!("its hashes do not lead to the signed root of {} entries", checkpoint.size),
            );
        }
        Ok(holds)
    }

    /// Compares tiles of leaves with the hashes above. Returns where the next look goes on; `None` if one is contradicted.
    fn leaf_tiles(&mut self, level_8: &[Hash], seen: &Seen) -> Result<Option<u64>, Missing> {
        let count = u64::try_from(level_8.len()).unwrap_or(0);
        let new = (seen.size / TILE_WIDTH).min(count)..count;
        let old = u64::from(self.tiles).min(new.start);
        let begin = if seen.next_tile < new.start { seen.next_tile } else { 0 };
        let turn = (0..old).map(|step| (begin + step) % new.start.max(1));
        let (mut looked, mut deleted, mut wrong) = (0_u64, 0_u64, false);
        for index in turn.chain(new.clone()) {
            let expected = usize::try_from(index).ok().and_then(|place| level_8.get(place));
            let leaves = match self.client.tile(self.log, Tile { level: 0, index, width: TILE_WIDTH }) {
                Ok(leaves) => leaves,
                Err(Missing::Deleted(_)) => {
                    deleted += 1;
                    continue;
                }
                Err(Missing::Lost(why)) => {
                    self.unknown("tree", why);
                    continue;
                }
                Err(failed) => return Err(failed),
            };
            let mut range = CompactRange::default();
            leaves.into_iter().for_each(|leaf| range.push(leaf, |_, _, _| {}));
            looked += 1;
            if Some(&range.root()) != expected {
                wrong = true;
                let first = index * TILE_WIDTH + 1;
                let text = "these entries were changed after they were signed";
                self.contradicted(&format!("{first}-{}", first + TILE_WIDTH - 1), text);
            }
        }
        if wrong {
            return Ok(None);
        }
        let text = format!(
            "its hashes lead to the signed root; {looked} of {count} tiles of leaves were compared, {deleted} others are deleted"
        );
        self.holds("tree", text);
        Ok(Some(if new.start == 0 { 0 } else { (begin + old) % new.start }))
    }
}
