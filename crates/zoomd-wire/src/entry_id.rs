//! The id of a stream entry: Redis' milliseconds and a sequence number.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// `<ms>-<seq>`, ordered as Redis orders it. The milliseconds are the time at
/// which the entry was written, by the clock of Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Milliseconds since 1970, by Redis' clock.
    pub ms: u64,
    /// Distinguishes entries of one millisecond.
    pub seq: u64,
}

/// A text that is not the id of a stream entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entry id looks like 1700000000000-0")]
pub struct EntryIdError;

impl EntryId {
    /// Time of the entry; the last representable instant for a time beyond it.
    pub fn time(&self) -> Timestamp {
        let ms = i64::try_from(self.ms).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl FromStr for EntryId {
    type Err = EntryIdError;
    fn from_str(text: &str) -> Result<Self, EntryIdError> {
        let (ms, rest) = number(text.as_bytes()).ok_or(EntryIdError)?;
        let seq = rest.strip_prefix(b"-").and_then(number);
        match seq {
            Some((seq, [])) => Ok(Self { ms, seq }),
            _ => Err(EntryIdError),
        }
    }
}

/// A number of one digit or more, and what follows it. Each job has its id read
/// three times; by `str::parse` that took three times as long.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    let mut length = 0;
    while let Some(digit @ b'0'..=b'9') = text.get(length) {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        length += 1;
    }
    (length > 0).then_some((number, &text[length..]))
}

impl Serialize for EntryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_what_redis_writes() {
        let id: EntryId = "1700000000000-7".parse().unwrap();
        assert_eq!(id, EntryId { ms: 1_700_000_000_000, seq: 7 });
        assert_eq!(id.to_string(), "1700000000000-7");
        assert_eq!(id.time().to_string(), "2023-11-14T22:13:20Z");
        let last: EntryId = "18446744073709551615-18446744073709551615".parse().unwrap();
        assert_eq!(last, EntryId { ms: u64::MAX, seq: u64::MAX });
        for bad in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "+1-0",
            "1-+0",
            "1-0-0",
            "1-0 ",
            "a-b",
            "18446744073709551616-0",
            "0-18446744073709551616",
        ] {
            assert!(bad.parse::<EntryId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn orders_by_time_then_sequence() {
        let id = |text: &str| text.parse::<EntryId>().unwrap();
        assert!(id("9-9") < id("10-0"));
        assert!(id("10-9") < id("10-10"));
    }

    #[test]
    fn a_time_out_of_range_is_the_last_instant() {
        assert_eq!(EntryId { ms: u64::MAX, seq: 0 }.time(), Timestamp::MAX);
    }
}
