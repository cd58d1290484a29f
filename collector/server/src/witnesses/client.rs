//! The call to a witness.

use super::settings::WitnessSettings;
use headgate_collector_tree::{AddCheckpoint, Cosignature, NoteSignature, WitnessKey};
use headgate_http_client::Trust;
use std::time::Duration;

/// The longest time of a call.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of an answer.
const MAX_BYTES: u64 = 64 << 10;
/// The media type of a size.
const SIZE: &str = "text/x.tlog.size";

/// The answer of a witness.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has confirmed the checkpoint.
    Confirmed(Box<Cosignature>),
    /// The newest checkpoint that it has confirmed has this size.
    OtherSize(u64),
    /// The checkpoint does not continue the one that it has confirmed.
    Contradicts,
    /// It does not know the log.
    UnknownLog,
    /// It does not accept the signature of the log.
    UnknownKey,
    /// It cannot be reached, or is busy.
    Silent(String),
    /// Its answer has another form, or is not signed by its key.
    Invalid(String),
}

/// A client of one witness.
#[derive(Debug, Clone)]
pub(super) struct WitnessClient {
    agent: ureq::Agent,
    url: String,
    key: WitnessKey,
}

impl WitnessClient {
    pub(super) fn new(settings: &WitnessSettings) -> Result<Self, String> {
        let trust = Trust::of(settings.ca_file.as_deref())?;
        let name = concat!("headgate-collector/", env!("CARGO_PKG_VERSION"));
        let agent = headgate_http_client::agent_with(name, TIMEOUT, &trust);
        Ok(Self { agent, url: format!("{}/add-checkpoint", settings.url), key: settings.key.clone() })
    }

    /// Asks for a cosignature of a checkpoint with this text. It blocks.
    pub(super) fn ask(&self, request: &AddCheckpoint, text: &str) -> Answer {
        let sent = self.agent.post(&self.url).content_type("text/plain; charset=utf-8").send(request.text());
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => return Answer::Silent(error.to_string()),
        };
        let status = answer.status().as_u16();
        let is_size = answer.headers().get("content-type").is_some_and(|kind| {
            kind.to_str().is_ok_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == SIZE))
        });
        let body = match answer.into_body().with_config().limit(MAX_BYTES).read_to_vec() {
            Ok(body) => String::from_utf8(body).unwrap_or_default(),
            Err(error) => return Answer::Silent(format!("status {status}, but its body cannot be read: {error}")),
        };
        match status {
            200 => self.confirmed(text, &body),
            409 if is_size => match body.strip_suffix('\n').unwrap_or(&body).parse() {
                Ok(size) => Answer::OtherSize(size),
                Err(_) => Answer::Invalid("status 409 without a size".to_owned()),
            },
            409 | 422 => Answer::Contradicts,
            403 => Answer::UnknownKey,
            404 => Answer::UnknownLog,
            429 | 500..=599 => Answer::Silent(format!("status {status}")),
            _ => Answer::Invalid(format!("status {status}")),
        }
    }

    fn confirmed(&self, text: &str, body: &str) -> Answer {
        match NoteSignature::parse_lines(body).and_then(|lines| self.key.verify(text, &lines)) {
            Ok(cosignature) => Answer::Confirmed(Box::new(cosignature)),
            Err(error) => Answer::Invalid(format!("its answer does not verify with its key: {error}")),
        }
    }
}
