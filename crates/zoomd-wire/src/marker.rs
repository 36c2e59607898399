//! The reconcile marker, which identifies the meeting of a job.
//!
//! It ends the meeting's agenda and is the same for all attempts and runs of the job, so that a
//! create whose reply was lost can be found at Zoom. It reveals nothing about the job to readers of
//! the invitation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::EntryId;

/// `zd-` and 12 characters of an alphabet without look-alikes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Marker([u8; Marker::LEN]);

/// A text that is not a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a marker is zd- and 12 characters")]
pub struct MarkerError;

impl Marker {
    /// Length in characters (and bytes).
    pub const LEN: usize = 15;

    /// The longest agenda, in units of UTF-16, that leaves room for it: Zoom takes
    /// 2,000 characters, and one separates it from the text. Zoom does not publish
    /// what it counts. Units are never fewer than code points; bytes, of which
    /// texts in most scripts take two or three for a letter, nobody counts against
    /// a limit of characters.
    pub const LONGEST_AGENDA: usize = 2_000 - Self::LEN - 1;

    const ALPHABET: &'static [u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

    /// A marker of the low 60 bits of `random`.
    pub fn from_bits(random: u64) -> Self {
        let mut text = *b"zd-............";
        for (index, slot) in text[3..].iter_mut().enumerate() {
            *slot = Self::ALPHABET[(random >> (5 * index)) as usize & 31];
        }
        Self(text)
    }

    /// The marker of the job whose first run came in as `entry`: the same each
    /// time it is asked for, and not to be guessed without the secret.
    pub fn derive(secret: &[u8], entry: EntryId) -> Self {
        let mut hash = Sha256::new();
        hash.update((secret.len() as u64).to_be_bytes());
        hash.update(secret);
        hash.update(entry.ms.to_be_bytes());
        hash.update(entry.seq.to_be_bytes());
        let digest = hash.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self::from_bits(u64::from_be_bytes(first))
    }

    /// The marker as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever stored.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// True if a meeting's agenda carries this marker.
    pub fn is_in(&self, agenda: &str) -> bool {
        agenda.contains(self.as_str())
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Marker {
    type Err = MarkerError;
    fn from_str(text: &str) -> Result<Self, MarkerError> {
        let bytes: [u8; Self::LEN] = text.as_bytes().try_into().map_err(|_| MarkerError)?;
        let random = bytes.strip_prefix(b"zd-").ok_or(MarkerError)?;
        if random.iter().all(|byte| Self::ALPHABET.contains(byte)) {
            Ok(Self(bytes))
        } else {
            Err(MarkerError)
        }
    }
}

impl Serialize for Marker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Marker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_fifteen_characters_and_reads_back() {
        for bits in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            let marker = Marker::from_bits(bits);
            assert_eq!(marker.as_str().len(), Marker::LEN);
            assert_eq!(marker.as_str().parse(), Ok(marker));
        }
        for bad in ["", "zd-", "zd-aaaaaaaaaaa", "zd-aaaaaaaaaaaaa", "xx-aaaaaaaaaaaa"] {
            assert!(bad.parse::<Marker>().is_err(), "{bad:?}");
        }
        assert_eq!(Marker::LONGEST_AGENDA, 1_984);
    }

    #[test]
    fn is_derived_from_the_secret_and_the_entry_alone() {
        let entry = EntryId { ms: 5, seq: 1 };
        assert_eq!(Marker::derive(b"s", entry), Marker::derive(b"s", entry));
        assert_ne!(Marker::derive(b"s", entry), Marker::derive(b"t", entry));
        assert_ne!(Marker::derive(b"s", entry), Marker::derive(b"s", EntryId { ms: 5, seq: 2 }));
    }

    #[test]
    fn is_found_in_an_agenda() {
        let marker = Marker::from_bits(7);
        assert!(marker.is_in(&format!("what we do\n{marker}")));
        assert!(!marker.is_in("what we do"));
    }
}
