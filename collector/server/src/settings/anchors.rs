//! The tables `[[anchors]]` of the file of settings: places outside that hold checkpoints.
//!
//! They have no options on the command line: there may be several.

use super::buckets::{self, BucketDraft};
use super::forwarders::wait;
use super::tables::{Draft, http_address, lacks, path, quoted, short_name};
use crate::anchors::{AnchorSettings, Place};
use std::path::PathBuf;
use std::time::Duration;

/// The time between two checkpoints.
const DEFAULT_EVERY: Duration = Duration::from_secs(3_600);
/// The time between two looks at objects in a bucket.
const DEFAULT_READ_BACK: Duration = Duration::from_secs(3_600);

/// The keys of one table that have been read so far.
#[derive(Default)]
pub(super) struct AnchorDraft {
    name: Option<String>,
    kind: Option<Kind>,
    url: Option<String>,
    days: Option<u16>,
    every: Option<Duration>,
    read_back: Option<Duration>,
    bucket: BucketDraft,
    ca_file: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    ObjectLock,
    Rfc3161,
}

impl Draft for AnchorDraft {
    type Settings = AnchorSettings;
    const TABLES: &str = "anchors";
    const OWNER: &str = "an anchor";
    const KEYS: &[&str] =
        &["name", "kind", "url", "days", "every", "read_back", "region", "access_key", "secret_key", "ca_file"];
    const MOST: usize = 8;

    fn take_text(&mut self, name: &str, text: &str) -> Result<(), String> {
        match name {
            "name" => self.name = Some(short_name(text)?),
            "kind" => {
                self.kind = match text {
                    "object_lock" => Some(Kind::ObjectLock),
                    "rfc3161" => Some(Kind::Rfc3161),
                    _ => return Err("there are: object_lock, rfc3161".to_owned()),
                }
            }
            "url" => self.url = Some(http_address(text)?),
            "days" => {
                let days = text.parse().ok().filter(|days| (1..=36_500).contains(days));
                self.days = Some(days.ok_or("it must be a number of days from \"1\" to \"36500\"")?);
            }
            "every" => self.every = Some(wait(text)?),
            "read_back" => self.read_back = Some(wait(text)?),
            name if buckets::KEYS.contains(&name) => self.bucket.take(name, text)?,
            // All other keys are known not to be there.
            _ => self.ca_file = Some(path(text)?),
        }
        Ok(())
    }

    fn settings(self) -> Result<AnchorSettings, String> {
        let name = self.name.ok_or("an anchor has no `name`; give it one, such as \"archive\"")?;
        let lacks = |what: &str| lacks("anchor", &name, what);
        let kind = self.kind.ok_or_else(|| lacks("`kind`; there are: object_lock, rfc3161"))?;
        let url = self.url.ok_or_else(|| lacks("`url`; set it to the address of the bucket or the authority"))?;
        let place = match kind {
            Kind::Rfc3161 => Place::Authority(url),
            Kind::ObjectLock => {
                let days = self
                    .days
                    .ok_or_else(|| lacks("`days`; set it to the days for which nobody may change a checkpoint"))?;
                let bucket = self.bucket.open(&url).map_err(|why| format!("the anchor {}: {why}", quoted(&name)))?;
                Place::Bucket { bucket, days }
            }
        };
        let every = self.every.unwrap_or(DEFAULT_EVERY);
        let read_back = self.read_back.unwrap_or(DEFAULT_READ_BACK);
        Ok(AnchorSettings { name, place, every, read_back, ca_file: self.ca_file })
    }

    fn twin(before: &[AnchorSettings], one: &AnchorSettings) -> Option<String> {
        let is_twin = before.iter().any(|other| other.name == one.name);
        is_twin.then(|| format!("two anchors have the name {}; give each its own", quoted(&one.name)))
    }
}
