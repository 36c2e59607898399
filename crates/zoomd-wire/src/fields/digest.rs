//! Digest of a job's request.
//!
//! The order of keys, white space and escapes do not change it: a producer in a language whose maps
//! have no order sends the same job twice in two texts. It is stored, so it must never change:
//! plain arithmetic, no library's hash.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Digest of a job: its owner and its request.
pub(crate) fn of(names: [&str; 3], asked: u64) -> u64 {
    names.into_iter().map(text).chain([asked]).fold(0, join)
}

/// The part of a request that is a number.
pub(crate) fn of_number(number: u64) -> u64 {
    tagged(3, number).0
}

/// The part of a request that is a name.
pub(crate) fn of_name(name: &str) -> u64 {
    tagged(6, text(name)).0
}

/// A part of a request, and one more.
pub(crate) fn and(part: u64, more: u64) -> u64 {
    join(part, more)
}

/// The part of a request that is a JSON text.
pub(crate) fn of_json(json: &str) -> u64 {
    whole(json).map_or_else(|| text(json), |hash| hash.0)
}

/// The hash of one JSON value.
struct Hash(u64);

fn whole(json: &str) -> Option<Hash> {
    serde_json::from_str(json).ok()
}

fn entry(key: &Hash, value: &Hash) -> u64 {
    join(key.0, value.0)
}

/// Spreads every bit over the whole (the end of splitmix64).
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Order matters.
fn join(before: u64, next: u64) -> u64 {
    mix(before.wrapping_mul(31).wrapping_add(next).wrapping_add(0x9e37_79b9_7f4a_7c15))
}

/// FNV-1a, spread.
fn text(value: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(value.bytes().fold(0xcbf2_9ce4_8422_2325, fnv))
}

fn tagged(tag: u64, bits: u64) -> Hash {
    Hash(mix(bits ^ mix(tag)))
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Hasher)
    }
}

struct Hasher;

impl<'de> Visitor<'de> for Hasher {
    type Value = Hash;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Hash, E> {
        Ok(tagged(1, 0))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Hash, E> {
        Ok(tagged(2, u64::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Hash, E> {
        Ok(tagged(3, value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Hash, E> {
        Ok(tagged(4, value.cast_unsigned()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Hash, E> {
        Ok(tagged(5, value.to_bits()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Hash, E> {
        Ok(tagged(6, text(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Hash, A::Error> {
        let mut hash = 0;
        while let Some(item) = items.next_element::<Hash>()? {
            hash = join(hash, item.0);
        }
        Ok(tagged(7, hash))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Hash, A::Error> {
        let mut sum = 0u64;
        while let Some((key, value)) = fields.next_entry::<Hash, Hash>()? {
            sum = sum.wrapping_add(entry(&key, &value));
        }
        Ok(tagged(8, sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(json: &str) -> u64 {
        whole(json).unwrap().0
    }

    #[test]
    fn sees_what_is_said_and_not_how() {
        assert_eq!(hash(r#"{"a":1,"b":[1,2]}"#), hash(r#"{ "b" : [1, 2], "\u0061" : 1 }"#));
    }

    #[test]
    fn tells_values_apart() {
        let all = [
            "null",
            "true",
            "false",
            "0",
            "1",
            "-1",
            "1.5",
            r#""""#,
            r#""1""#,
            "[]",
            "[1]",
            "[1,2]",
            "[2,1]",
            "[[1],2]",
            "{}",
            r#"{"a":1}"#,
            r#"{"a":2}"#,
            r#"{"b":1}"#,
            r#"{"a":1,"b":2}"#,
            r#"{"a":2,"b":1}"#,
            r#"{"a":{"b":1}}"#,
            r#"["a",1]"#,
        ];
        let mut hashes: Vec<_> = all.iter().map(|json| hash(json)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), all.len());
    }

    #[test]
    fn never_changes() {
        assert_eq!(hash(r#"{"topic":"Weekly sync","type":2}"#), 7_339_772_513_150_428_208);
    }
}
