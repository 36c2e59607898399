//! Epoch and generation: the grant, and its rotation.
//!
//! An [`Epoch`] is chosen when a code is exchanged or a token imported; a generation counts the
//! rotations since. Together they order everything that was ever stored for an account, independent
//! of leases and clocks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One consent (or import): its time and a random part. Written
/// `<13 digits of ms>-<8 hex>`, so that its text orders as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch {
    ms: u64,
    random: u32,
}

impl Epoch {
    /// The largest time a text of 13 digits holds (the year 2286).
    const MAX_MS: u64 = 9_999_999_999_999;

    /// Chooses a new epoch: `now_ms`, or one millisecond after the latest of
    /// those `known`, whichever is later. A slow clock is thus never refused.
    #[must_use]
    pub fn choose(now_ms: u64, known: impl IntoIterator<Item = Epoch>, random: u32) -> Self {
        let after = known.into_iter().map(|epoch| epoch.ms + 1).max().unwrap_or(0);
        Self { ms: now_ms.max(after).min(Self::MAX_MS), random }
    }

    /// Time, in milliseconds since 1970.
    #[must_use]
    pub fn ms(&self) -> u64 {
        self.ms
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:013}-{:08x}", self.ms, self.random)
    }
}

/// A text that is not an epoch or not a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an epoch")]
pub struct NotAnEpoch;

impl FromStr for Epoch {
    type Err = NotAnEpoch;

    fn from_str(text: &str) -> Result<Self, NotAnEpoch> {
        let (ms, random) = text.split_once('-').ok_or(NotAnEpoch)?;
        let digits = ms.len() == 13 && ms.bytes().all(|b| b.is_ascii_digit());
        if !digits || random.len() != 8 {
            return Err(NotAnEpoch);
        }
        Ok(Self {
            ms: ms.parse().map_err(|_| NotAnEpoch)?,
            random: u32::from_str_radix(random, 16).map_err(|_| NotAnEpoch)?,
        })
    }
}

impl Serialize for Epoch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Epoch first, then generation: rule P accepts the greater and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GrantVersion {
    /// Epoch of the consent.
    pub epoch: Epoch,
    /// Number of rotations since the consent.
    pub generation: u64,
}

impl GrantVersion {
    /// The first version of a new consent.
    #[must_use]
    pub fn first(epoch: Epoch) -> Self {
        Self { epoch, generation: 0 }
    }

    /// The version a rotation of this one makes.
    #[must_use]
    pub fn next(self) -> Self {
        Self { generation: self.generation + 1, ..self }
    }
}

impl fmt::Display for GrantVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.generation)
    }
}

impl FromStr for GrantVersion {
    type Err = NotAnEpoch;

    fn from_str(text: &str) -> Result<Self, NotAnEpoch> {
        let (epoch, generation) = text.split_once('.').ok_or(NotAnEpoch)?;
        Ok(Self { epoch: epoch.parse()?, generation: generation.parse().map_err(|_| NotAnEpoch)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(ms: u64, random: u32) -> Epoch {
        Epoch { ms, random }
    }

    #[test]
    fn the_text_orders_as_the_epoch_does() {
        let epochs = [
            epoch(0, 0),
            epoch(9, 0xffff_ffff),
            epoch(10, 1),
            epoch(10, 0x10),
            epoch(1_700_000_000_000, 0),
            epoch(Epoch::MAX_MS, 0),
        ];
        for pair in epochs.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].to_string() < pair[1].to_string());
        }
    }

    #[test]
    fn a_chosen_epoch_is_later_than_every_known_one() {
        let known = [epoch(500, u32::MAX), epoch(2_000, u32::MAX)];
        assert_eq!(Epoch::choose(1_000, known, 0).ms(), 2_001);
        assert_eq!(Epoch::choose(3_000, known, 0).ms(), 3_000);
        assert_eq!(Epoch::choose(3_000, [], 7), epoch(3_000, 7));
    }

    #[test]
    fn texts_round_trip_and_nonsense_is_refused() {
        let version = GrantVersion { epoch: epoch(1_700_000_000_000, 0xabc), generation: 12 };
        assert_eq!(version.to_string(), "1700000000000-00000abc.12");
        assert_eq!(version.to_string().parse(), Ok(version));
        for bad in ["", "1-2", "1700000000000-xyz.1", "1700000000000-00000abc", "-.0"] {
            assert!(bad.parse::<GrantVersion>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_new_consent_beats_every_rotation_of_the_old() {
        let old = GrantVersion { epoch: epoch(1, 0), generation: 1_000_000 };
        assert!(GrantVersion::first(epoch(2, 0)) > old);
        assert!(old.next() > old);
    }
}
