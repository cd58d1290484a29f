//! The signature of a call to a webhook, as Standard Webhooks has it.

use crate::event::Event;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The beginning of a key that is written in base64.
const ENCODED: &str = "whsec_";

/// Returns the id of the message with these events. It is the same when the message is sent again.
pub(crate) fn message_id(events: &[Event]) -> String {
    let first = events.first().map(Event::unique_id).unwrap_or_default();
    format!("msg_{first}_{}", events.len())
}

/// Returns the headers that sign a message at a time, s since the Unix epoch.
pub(crate) fn headers(key: &str, id: String, now_s: i64, body: &[u8]) -> [(&'static str, String); 3] {
    let decoded = key.strip_prefix(ENCODED).and_then(|text| BASE64_STANDARD.decode(text).ok());
    let key = decoded.unwrap_or_else(|| key.as_bytes().to_vec());
    // A key of any length will do.
    let signature = Hmac::<Sha256>::new_from_slice(&key).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(format!("{id}.{now_s}.").as_bytes());
            mac.update(body);
            BASE64_STANDARD.encode(mac.finalize().into_bytes())
        },
    );
    [("webhook-id", id), ("webhook-timestamp", now_s.to_string()), ("webhook-signature", format!("v1,{signature}"))]
}

#[cfg(test)]
mod tests {
    use super::headers;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // The example of the specification's reference libraries.
        let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let body = br#"{"test": 2432232314}"#;
        let [_, _, (_, signature)] = headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned(), 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
