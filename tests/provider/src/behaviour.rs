//! The behaviour of the provider, selected by the model name that it receives.
//!
//! | name | behaviour |
//! |---|---|
//! | any other, `ok` | a good answer |
//! | `status-N`, `status-N-retry-after-S` | an error answer with status N in the API's shape |
//! | `flaky-N` | 503 the first N times this name is asked for, good from then on |
//! | `slow-first-byte-MS` | a good answer after MS milliseconds |
//! | `stream-N-delay-MS` | N content chunks, MS milliseconds apart |
//! | `many-chunks` | 1000 content chunks without a pause |
//! | `big-N` | an answer with N KB of text |
//! | `split-bytes` | the body in HTTP chunks of one byte, one write each |
//! | `no-usage` | usage is not reported at all |
//! | `gzip` | the body gzip-encoded, asked for or not |
//! | `huge-header` | 70 KB in one response header |
//! | `hang` | never answers |
//! | `reset-before`, `close-before` | RST or FIN before any byte |
//! | `reset-mid-stream` | RST after three chunks, or after half of the JSON |
//! | `half-json` | half of the promised length, then FIN |
//! | `half-json-ok` | a complete HTTP message with half a JSON in it |
//! | `garbage` | 200, `application/json`, and bytes that are no JSON |
//! | `garbage-http` | bytes that are no HTTP |

/// One row of the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Ok,
    Status { code: u16, retry_after: Option<u32> },
    Flaky { failures: u32 },
    SlowFirstByte { ms: u64 },
    Paced { chunks: usize, delay_ms: u64 },
    Big { kilobytes: usize },
    SplitBytes,
    NoUsage,
    Gzip,
    HugeHeader,
    Hang,
    ResetBefore,
    CloseBefore,
    ResetMidStream,
    HalfJson,
    HalfJsonOk,
    Garbage,
    GarbageHttp,
}

impl Behaviour {
    pub(crate) fn of(model: &str) -> Self {
        plain(model).or_else(|| numbered(model)).unwrap_or(Self::Ok)
    }
}

fn plain(model: &str) -> Option<Behaviour> {
    Some(match model {
        "many-chunks" => Behaviour::Paced { chunks: 1000, delay_ms: 0 },
        "split-bytes" => Behaviour::SplitBytes,
        "no-usage" => Behaviour::NoUsage,
        "gzip" => Behaviour::Gzip,
        "huge-header" => Behaviour::HugeHeader,
        "hang" => Behaviour::Hang,
        "reset-before" => Behaviour::ResetBefore,
        "close-before" => Behaviour::CloseBefore,
        "reset-mid-stream" => Behaviour::ResetMidStream,
        "half-json" => Behaviour::HalfJson,
        "half-json-ok" => Behaviour::HalfJsonOk,
        "garbage" => Behaviour::Garbage,
        "garbage-http" => Behaviour::GarbageHttp,
        _ => return None,
    })
}

fn numbered(model: &str) -> Option<Behaviour> {
    if let Some(rest) = model.strip_prefix("status-") {
        return status(rest);
    }
    if let Some(rest) = model.strip_prefix("stream-") {
        let (chunks, delay) = rest.split_once("-delay-")?;
        return Some(Behaviour::Paced { chunks: chunks.parse().ok()?, delay_ms: delay.parse().ok()? });
    }
    if let Some(n) = model.strip_prefix("slow-first-byte-") {
        return Some(Behaviour::SlowFirstByte { ms: n.parse().ok()? });
    }
    if let Some(n) = model.strip_prefix("big-") {
        return Some(Behaviour::Big { kilobytes: n.parse().ok()? });
    }
    Some(Behaviour::Flaky { failures: model.strip_prefix("flaky-")?.parse().ok()? })
}

fn status(rest: &str) -> Option<Behaviour> {
    let (code, retry_after) = match rest.split_once("-retry-after-") {
        Some((code, seconds)) => (code, Some(seconds.parse().ok()?)),
        None => (rest, None),
    };
    let code = code.parse().ok().filter(|c| (200..600).contains(c))?;
    Some(Behaviour::Status { code, retry_after })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_the_name() {
        assert_eq!(Behaviour::of("status-429-retry-after-7"), Behaviour::Status { code: 429, retry_after: Some(7) });
        assert_eq!(Behaviour::of("status-500"), Behaviour::Status { code: 500, retry_after: None });
        assert_eq!(Behaviour::of("stream-50-delay-20"), Behaviour::Paced { chunks: 50, delay_ms: 20 });
        assert_eq!(Behaviour::of("flaky-2"), Behaviour::Flaky { failures: 2 });
    }

    #[test]
    fn an_unknown_or_odd_name_is_served_well() {
        for name in ["gpt-5.2", "", "status-", "status-9", "stream-x-delay-1", "big-"] {
            assert_eq!(Behaviour::of(name), Behaviour::Ok, "{name}");
        }
    }
}
