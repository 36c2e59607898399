//! Names that people choose: the namespace, an account, a job.
//!
//! Each is checked once, where it comes in, and cannot hold a character that
//! would need escaping in a key, a log line or a shell. Clones are cheap.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// A name that breaks its rule; the message states the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be 1 to {max} characters of {allowed}")]
pub struct NameError {
    what: &'static str,
    max: usize,
    allowed: &'static str,
}

fn check(text: &str, allowed: &[bool; 256], error: NameError) -> Result<(), NameError> {
    let fits = !text.is_empty() && text.len() <= error.max;
    if fits && text.bytes().all(|byte| allowed[usize::from(byte)]) { Ok(()) } else { Err(error) }
}

/// Letters, digits and `extra`.
const fn alphabet(extra: &[u8]) -> [bool; 256] {
    let mut allowed = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        allowed[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut index = 0;
    while index < extra.len() {
        allowed[extra[index] as usize] = true;
        index += 1;
    }
    allowed
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $allowed:literal, $extra:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The rule in words.
            pub const RULE: &'static str = concat!("1 to ", $max, " characters of ", $allowed);

            const ALPHABET: [bool; 256] = alphabet($extra);

            /// Checks `text` against the rule and keeps it.
            pub fn new(text: &str) -> Result<Self, NameError> {
                let error = NameError { what: $what, max: $max, allowed: $allowed };
                check(text, &Self::ALPHABET, error)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::new(&text).map_err(de::Error::custom)
            }
        }
    };
}

name_type!(
    /// The name of a connected Zoom account.
    AccountName, "an account's name", 128, "A-Z a-z 0-9 . _ @ -", b"._@-"
);

name_type!(
    /// Id of a job: the producer's idempotency key, else the id of its stream entry.
    JobId, "a job's id", 128, "A-Z a-z 0-9 . _ : @ + -", b"._:@+-"
);

impl JobId {
    /// The hash of a line, of which [`of_line`](Self::of_line) makes an id.
    pub fn hash_of(line: &str) -> [u8; 32] {
        Sha256::digest(line).into()
    }

    /// The id of a job that was written without one in a file of lines: `line-`, 32
    /// digits of the hash of its line, and a number, 1 for the first of equal
    /// lines. The same in every version: it is what makes a repeat of a file a
    /// repeat.
    pub fn of_line(hash: &[u8; 32], number: u32) -> Self {
        let mut text = String::from("line-");
        for byte in &hash[..16] {
            // A String takes all there is.
            let _ = write!(text, "{byte:02x}");
        }
        let _ = write!(text, "-{number}");
        Self(text.into())
    }
}

/// The prefix of every key of one installation in Redis.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Namespace(Arc<str>);

/// A namespace that breaks its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a namespace must be 1 to 64 characters of A-Z a-z 0-9 . _ -, with at most one {{…}}")]
pub struct NamespaceError;

impl Namespace {
    /// Checks `text` and keeps it.
    pub fn new(text: &str) -> Result<Self, NamespaceError> {
        let plain =
            |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        let sound = match text.split_once('{') {
            None => plain(text),
            Some((before, rest)) => rest.split_once('}').is_some_and(|(tag, after)| {
                !tag.is_empty() && plain(before) && plain(tag) && plain(after)
            }),
        };
        if sound && !text.is_empty() && text.len() <= 64 {
            Ok(Self(text.into()))
        } else {
            Err(NamespaceError)
        }
    }

    /// The namespace as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Text between the braces. On Redis Cluster a namespace must have one, so that all its keys
    /// are in one slot.
    pub fn hash_tag(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once('{')?;
        rest.split_once('}').map(|(tag, _)| tag)
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self("zoomd".into())
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl FromStr for Namespace {
    type Err = NamespaceError;
    fn from_str(text: &str) -> Result<Self, NamespaceError> {
        Self::new(text)
    }
}

impl Serialize for Namespace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Namespace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_alphabet_and_length() {
        assert!(AccountName::new("acme.eu_1@x-y").is_ok());
        assert!(AccountName::new(&"a".repeat(128)).is_ok());
        for bad in ["", "a b", "a:b", "a|b", "é", "a\0", &"a".repeat(129)] {
            assert!(AccountName::new(bad).is_err(), "{bad:?}");
        }
        assert!(JobId::new("order:1234+eu@x").is_ok());
        assert!(JobId::new("1700000000000-0").is_ok());
        assert!(JobId::new("a|b").is_err());
        assert_eq!(
            JobId::new("").unwrap_err().to_string(),
            "a job's id must be 1 to 128 characters of A-Z a-z 0-9 . _ : @ + -"
        );
    }

    #[test]
    fn the_id_of_a_line_never_changes() {
        let id = JobId::of_line(&JobId::hash_of("abc"), 3);
        assert_eq!(id.as_str(), "line-ba7816bf8f01cfea414140de5dae2223-3");
        assert_eq!(JobId::new(id.as_str()), Ok(id));
    }

    #[test]
    fn a_namespace_has_at_most_one_hash_tag() {
        assert_eq!(Namespace::new("zoomd").unwrap().hash_tag(), None);
        assert_eq!(Namespace::new("a{zoomd}b").unwrap().hash_tag(), Some("zoomd"));
        for bad in ["", "{}", "{a", "a}", "{a}{b}", "{a{b}}", "a:b", "a b", &"a".repeat(65)] {
            assert!(Namespace::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_pass_through_json() {
        let id: JobId = serde_json::from_str(r#""a\u0062c""#).unwrap();
        assert_eq!(id.as_str(), "abc");
        assert_eq!(serde_json::to_string(&id).unwrap(), r#""abc""#);
        assert!(serde_json::from_str::<AccountName>(r#""a b""#).is_err());
    }
}
