//! Refused tries to sign in, by address and minute.
//!
//! Addresses are an attacker's to choose, so their number is bounded: beyond it, all others count as one address. A network of
//! IPv6 counts as one address too.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Refused tries a minute before an address has to wait.
const MAX_TRIES: u32 = 5;
/// Addresses that are told apart in a minute.
const MAX_ADDRESSES: usize = 128;
const MINUTE_US: i64 = 60_000_000;
/// The bits of an IPv6 address that name its network.
const NETWORK: u128 = !(u64::MAX as u128);

/// The refused tries; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tries(Arc<Mutex<Minute>>);

#[derive(Debug, Default)]
struct Minute {
    number: i64,
    /// By address; `None` is all those for which there was no place.
    tries: HashMap<Option<IpAddr>, u32>,
}

impl Tries {
    /// Returns the seconds that an address has to wait, if it has to.
    pub(crate) fn wait(&self, address: IpAddr, now: i64) -> Option<i64> {
        self.tried(address, now, 0).1
    }

    /// Counts a refused try. Returns the name under which the address is counted, and how long it has to wait.
    pub(crate) fn refused(&self, address: IpAddr, now: i64) -> (String, Option<i64>) {
        self.tried(address, now, 1)
    }

    /// Returns the name under which the address is counted.
    pub(crate) fn place(&self, address: IpAddr, now: i64) -> String {
        self.tried(address, now, 0).0
    }

    fn tried(&self, address: IpAddr, now: i64, more: u32) -> (String, Option<i64>) {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.number != now / MINUTE_US {
            *minute = Minute { number: now / MINUTE_US, tries: HashMap::new() };
        }
        let place = minute.place(network(address));
        let tries = minute.tries.entry(place).or_default();
        let left = MINUTE_US.saturating_sub(now.rem_euclid(MINUTE_US));
        let wait = (*tries >= MAX_TRIES).then(|| left.saturating_add(999_999) / 1_000_000);
        *tries = tries.saturating_add(more);
        (place.map_or_else(|| "others".to_owned(), |place| place.to_string()), wait)
    }
}

impl Minute {
    fn place(&self, address: IpAddr) -> Option<IpAddr> {
        Some(address).filter(|_| self.tries.contains_key(&Some(address)) || self.tries.len() < MAX_ADDRESSES)
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & NETWORK).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_waits_for_the_next_minute_after_five_tries() {
        let tries = Tries::default();
        let [one, same, other] =
            ["2001:db8::1", "2001:db8::ffff:1", "::ffff:10.0.0.1"].map(|text| text.parse().unwrap());
        let now = 7 * MINUTE_US + 10_000_000;
        for _ in 0..5 {
            assert_eq!(tries.wait(one, now), None);
            assert_eq!(tries.refused(one, now), ("2001:db8::".to_owned(), None));
        }
        assert_eq!((tries.wait(same, now), tries.refused(same, now).1), (Some(50), Some(50)), "one network");
        assert_eq!((tries.wait(other, now), tries.place(other, now)), (None, "10.0.0.1".to_owned()));
        assert_eq!(tries.wait(one, 8 * MINUTE_US), None, "the next minute");
    }

    #[test]
    fn many_addresses_take_bounded_room() {
        let tries = Tries::default();
        for number in 0..1_000_u32 {
            tries.refused(IpAddr::V4(number.into()), 1);
        }
        assert_eq!(tries.0.lock().unwrap().tries.len(), MAX_ADDRESSES + 1);
        assert_eq!(tries.place(IpAddr::V4(999.into()), 1), "others");
        assert!(tries.wait(IpAddr::V4(2_000.into()), 1).is_some(), "those without a place wait together");
        assert_eq!(tries.wait(IpAddr::V4(0.into()), 1), None);
    }
}
