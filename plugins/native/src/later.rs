//! Acts that make the host call its filters, and so wait for the end of a hook.

use crate::abi::Stream;

/// See the module's text.
#[derive(Debug)]
pub(crate) enum Later {
    Reply(u16, Vec<(String, String)>, Vec<u8>),
    ContinueRequest,
    ContinueResponse,
    Reset,
}

impl Later {
    pub(crate) fn run(self, stream: Stream) {
        match self {
            Self::Reply(status, headers, body) => {
                let headers: Vec<(&str, &str)> =
                    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                stream.reply(status, &headers, &body);
            }
            Self::ContinueRequest => stream.continue_request(),
            Self::ContinueResponse => stream.continue_response(),
            Self::Reset => stream.reset(),
        }
    }
}
