//! Rate limit of requests, by client.
//!
//! A fixed number of token buckets, found by a hash of the client's address:
//! the memory is bounded, whoever comes. Two clients may share a bucket; both
//! are served more slowly then, which is all that can happen to them.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

const BUCKETS: usize = 1024;
/// Requests of one client at once.
const BURST: f64 = 100.0;
/// And each second thereafter.
const PER_SECOND: f64 = 5.0;

#[derive(Debug)]
pub(super) struct Limiter {
    hasher: RandomState,
    buckets: Mutex<Vec<Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Option<Instant>,
}

impl Default for Limiter {
    fn default() -> Self {
        let bucket = Bucket { left: BURST, at: None };
        Self { hasher: RandomState::new(), buckets: Mutex::new(vec![bucket; BUCKETS]) }
    }
}

impl Limiter {
    /// True if this client may come now.
    pub(super) fn admits(&self, client: IpAddr, now: Instant) -> bool {
        let at = self.hasher.hash_one(network(client)) as usize % BUCKETS;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = &mut buckets[at];
        let since = bucket.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        bucket.left = (bucket.left + since * PER_SECOND).min(BURST);
        bucket.at = Some(now);
        if bucket.left < 1.0 {
            return false;
        }
        bucket.left -= 1.0;
        true
    }
}

/// One customer of an IPv6 provider has a whole /64.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        ip => ip,
    }
}

/// The client's address: the peer's, or the last one that a proxy of this machine or
/// network names. Only rates depend on it.
pub(super) fn client(peer: IpAddr, forwarded: Option<&str>) -> IpAddr {
    let near = match peer.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    let named = forwarded.filter(|_| near).and_then(|list| list.rsplit(',').next());
    named.and_then(|last| last.trim().parse().ok()).unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_who_comes_too_often_waits_and_others_do_not() {
        let limiter = Limiter::default();
        let now = Instant::now();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([198, 51, 100, 7]));
        let admitted = (0..1_000).filter(|_| limiter.admits(one, now)).count();
        assert_eq!(admitted, 100);
        let shared = limiter.hasher.hash_one(one) as usize % BUCKETS
            == limiter.hasher.hash_one(other) as usize % BUCKETS;
        assert!(shared || limiter.admits(other, now));
        let later = now + Duration::from_secs(2);
        assert_eq!((0..1_000).filter(|_| limiter.admits(one, later)).count(), 10);
        let much_later = later + Duration::from_secs(86_400);
        assert_eq!((0..1_000).filter(|_| limiter.admits(one, much_later)).count(), 100);
    }

    #[test]
    fn a_near_proxy_is_believed_and_a_far_one_is_not() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let near = client(ip("127.0.0.1"), Some("203.0.113.9, 198.51.100.7"));
        assert_eq!(near, ip("198.51.100.7"));
        assert_eq!(client(ip("203.0.113.1"), Some("198.51.100.7")), ip("203.0.113.1"));
        assert_eq!(client(ip("10.0.0.1"), Some("nonsense")), ip("10.0.0.1"));
        assert_eq!(client(ip("::1"), None), ip("::1"));
        assert_eq!(network(ip("2001:db8::1")), network(ip("2001:db8::ffff")));
        assert_ne!(network(ip("2001:db8:0:1::1")), network(ip("2001:db8::1")));
    }
}
