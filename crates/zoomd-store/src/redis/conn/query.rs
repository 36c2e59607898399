//! The part of a Redis URL behind the question mark.

use crate::error::{ErrorKind, StoreError};

/// The error of a URL that cannot be used.
pub(super) fn bad(why: &str) -> StoreError {
    StoreError::new(ErrorKind::Config, format!("the redis url cannot be used: {why}"))
}

/// Parameters, each taken by who reads it.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((plain(name)?, plain(value)?))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The value of `name`, which is read now.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// The parameters of these names as a query of their own, for another reader.
    pub(super) fn take_all(&mut self, names: &[&str]) -> String {
        let taken = names.iter().filter_map(|name| Some((name, self.take(name)?)));
        let taken = taken.map(|(name, value)| format!("{name}={}", escaped(&value)));
        let taken = taken.collect::<Vec<_>>().join("&");
        if taken.is_empty() { taken } else { format!("?{taken}") }
    }

    /// Refuses what is left. RESP2 is what is spoken anyway.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        let protocol = self.take("protocol");
        match (protocol.as_deref(), self.0.first()) {
            (None | Some("2" | "resp2"), None) => Ok(()),
            (None | Some("2" | "resp2"), Some((name, _))) => {
                let name = name.escape_debug();
                Err(bad(&format!("zoomd does not know its parameter `{name}`; remove it")))
            }
            (Some(_), _) => Err(bad("zoomd speaks RESP2; remove its parameter `protocol`")),
        }
    }
}

/// `%40` and the like, read.
fn plain(text: &str) -> Result<String, StoreError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        (rest, _) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let (Some(high), Some(low)) = (digit(high), digit(low)) else {
                    return Err(bad("a % in its query is not followed by two hexadecimal digits"));
                };
                (tail, bytes.push(u8::try_from(high * 16 + low).unwrap_or_default()))
            }
            (b'%', _) => return Err(bad("its query ends within a %")),
            (byte, tail) => (tail, bytes.push(*byte)),
        };
    }
    String::from_utf8(bytes).map_err(|_| bad("its query is not UTF-8"))
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(one).collect()
}
