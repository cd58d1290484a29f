//! The id of an exchange, by which the contexts of one request find it.

use crate::host::Host;
use headgate_policy::RequestId;

/// The place of an exchange, and the id of its request. A place is used again, also by the VM that follows one that died, so
/// the place alone could lead an attempt to another client's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExchangeId {
    pub(crate) place: u32,
    pub(crate) request: RequestId,
}

impl ExchangeId {
    /// Shows it to the attempts of the stream that is being served.
    pub(crate) fn show_to_attempts(self, host: &impl Host) {
        let _ = host.show_exchange(&self.to_bytes());
    }

    /// Returns the id of the stream that is being served.
    pub(crate) fn current(host: &impl Host) -> Option<Self> {
        Self::from_bytes(&host.shown_exchange().ok()?)
    }

    fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        let (place, request) = bytes.split_at_mut(4);
        place.copy_from_slice(&self.place.to_le_bytes());
        request.copy_from_slice(&self.request.0);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (place, request) = bytes.split_first_chunk()?;
        Some(Self { place: u32::from_le_bytes(*place), request: RequestId(request.try_into().ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_shown_as_bytes() {
        let id = ExchangeId { place: 258, request: RequestId([1; 16]) };
        assert_eq!(ExchangeId::from_bytes(&id.to_bytes()), Some(id));
        assert_eq!(ExchangeId::from_bytes(&[1; 19]), None);
        assert_eq!(ExchangeId::from_bytes(&[]), None);
    }
}
