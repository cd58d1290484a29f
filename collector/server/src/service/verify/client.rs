//! The public routes of a log, as somebody outside asks for them.

use headgate_collector_tree::{Hash, Tile, decode_hash};
use headgate_collector_types::Log;
use serde::Deserialize;
use std::time::Duration;

/// The longest time for a request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of an answer.
const MAX_BYTES: u64 = 1 << 20;

/// The reason why there is no answer.
pub(super) enum Missing {
    /// The hashes are deleted there with their segment.
    Deleted(String),
    /// The hashes are lost there.
    Lost(String),
    /// The collector cannot be reached, or answers something else.
    Failed(String),
}

/// A client of a collector.
pub(super) struct LogClient {
    agent: ureq::Agent,
    url: String,
}

#[derive(Deserialize)]
struct Growth {
    proof: Vec<String>,
}

impl LogClient {
    pub(super) fn new(url: &str) -> Self {
        let agent = headgate_http_client::agent(concat!("headgate-collector/", env!("CARGO_PKG_VERSION")), TIMEOUT);
        Self { agent, url: url.trim_end_matches('/').to_owned() }
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, Missing> {
        let failed = |why: String| Missing::Failed(format!("GET {path}: {why}"));
        let answer = self.agent.get(format!("{}{path}", self.url)).call().map_err(|e| failed(e.to_string()))?;
        let (status, mut body) = (answer.status().as_u16(), answer.into_body());
        let body = body.with_config().limit(MAX_BYTES).read_to_vec().map_err(|e| failed(e.to_string()))?;
        match status {
            200 => Ok(body),
            409 => Err(Missing::Lost(format!("GET {path}: the collector has lost the hashes"))),
            410 => Err(Missing::Deleted(format!("GET {path}: the collector has deleted the hashes"))),
            _ => Err(failed(format!("status {status}"))),
        }
    }

    /// Returns the newest checkpoint of a log.
    pub(super) fn checkpoint(&self, log: Log) -> Result<String, Missing> {
        let path = format!("/log/{}/checkpoint", log.as_str());
        String::from_utf8(self.get(&path)?).map_err(|_| Missing::Failed(format!("GET {path}: it is no text")))
    }

    /// Returns a tile.
    pub(super) fn tile(&self, log: Log, tile: Tile) -> Result<Vec<Hash>, Missing> {
        let path = format!("/log/{}/{}", log.as_str(), tile.path());
        let bytes = self.get(&path)?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        if rest.is_empty() && u64::try_from(hashes.len()) == Ok(tile.width) {
            Ok(hashes.to_vec())
        } else {
            Err(Missing::Failed(format!("GET {path}: the tile does not have {} hashes", tile.width)))
        }
    }

    /// Returns the proof that the tree of size `from` is the beginning of that of size `to`.
    pub(super) fn growth(&self, log: Log, from: u64, to: u64) -> Result<Vec<Hash>, Missing> {
        let path = format!("/v1/log/{}/consistency?from={from}&to={to}", log.as_str());
        let bytes = self.get(&path)?;
        let growth: Growth =
            serde_json::from_slice(&bytes).map_err(|_| Missing::Failed(format!("GET {path}: it is no proof")))?;
        let hashes: Result<Vec<Hash>, _> = growth.proof.iter().map(|hash| decode_hash(hash)).collect();
        hashes.map_err(|_| Missing::Failed(format!("GET {path}: it is no proof")))
    }
}
