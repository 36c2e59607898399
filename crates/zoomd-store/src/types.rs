//! Keys of a wrong type under our names: found, and named.

use crate::error::{ErrorKind, StoreError};
use crate::{Keys, Store};

/// A key that holds something that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misplaced {
    /// Its name.
    pub key: String,
    /// What it should be.
    pub expected: &'static str,
    /// What it is.
    pub found: String,
}

impl Store {
    /// Looks at the keys of the namespace, and of `account` if one is given, and
    /// answers those of a wrong type.
    ///
    /// # Errors
    /// What Redis refused, or that it could not be asked.
    pub async fn misplaced(&self, account: Option<&str>) -> Result<Vec<Misplaced>, StoreError> {
        let mut expected = of_all(self.keys());
        if let Some(account) = account {
            expected.extend(of_account(self.keys(), account));
        }
        let mut pipeline = redis::pipe();
        for (key, _) in &expected {
            pipeline.cmd("TYPE").arg(key);
        }
        let found = self.connection().values(&pipeline).await?;
        let mut wrong = Vec::new();
        for ((key, expected), found) in expected.into_iter().zip(found) {
            let found: String = redis::from_redis_value(found)?;
            if found != expected && found != "none" {
                wrong.push(Misplaced { key, expected, found });
            }
        }
        Ok(wrong)
    }

    /// An error about a wrong type, with the names of the keys it may be about.
    pub(crate) async fn explained(&self, error: StoreError) -> StoreError {
        if error.kind() != ErrorKind::WrongType {
            return error;
        }
        match self.misplaced(None).await {
            Ok(wrong) if !wrong.is_empty() => {
                let keys: Vec<_> = wrong
                    .iter()
                    .map(|w| format!("{} is a {}, not a {}", w.key, w.found, w.expected))
                    .collect();
                StoreError::new(
                    ErrorKind::WrongType,
                    format!("a key of ours was overwritten: {}", keys.join(", ")),
                )
            }
            _ => error,
        }
    }
}

/// The types of the single keys, by what follows the prefix.
pub(crate) const FIXED: &[(&str, &str)] = &[
    ("meta", "hash"),
    ("accounts", "zset"),
    ("u", "hash"),
    ("tomb", "hash"),
    ("intents", "zset"),
    ("probes", "zset"),
    ("stop", "hash"),
    ("deaths", "zset"),
    ("ids", "hash"),
    ("lease", "zset"),
    ("own", "hash"),
    ("ring", "zset"),
    ("zz", "zset"),
    ("due", "zset"),
    ("dl", "zset"),
    ("f", "zset"),
    ("stats", "hash"),
    ("daemons", "zset"),
    ("beats", "zset"),
    ("hold", "hash"),
    ("gone", "zset"),
    ("bye", "hash"),
    ("ticks", "hash"),
    ("jk", "hash"),
    ("twd", "zset"),
    ("tw", "hash"),
];

fn of_all(keys: &Keys) -> Vec<(String, &'static str)> {
    [keys.jobs(), keys.results(), keys.failures(), keys.events()]
        .into_iter()
        .map(|stream| (stream, "stream"))
        .chain(FIXED.iter().map(|(name, kind)| (format!("{}{name}", keys.prefix()), *kind)))
        .collect()
}

fn of_account(keys: &Keys, account: &str) -> Vec<(String, &'static str)> {
    vec![
        (keys.account(account), "hash"),
        (keys.grant(account), "hash"),
        (keys.intent(account), "hash"),
        (keys.timeline(account), "list"),
        (keys.in_flight(account), "zset"),
        (keys.payloads(account), "hash"),
        (keys.records(account), "hash"),
        (keys.rooms(account), "zset"),
    ]
}

#[cfg(test)]
mod tests {
    use super::FIXED;
    use crate::Keys;

    #[test]
    fn every_single_key_has_a_type() {
        let named = Keys::FIXED.iter().filter(|name| !["wake", "ask"].contains(name));
        for name in named {
            assert!(FIXED.iter().any(|(known, _)| known == name), "{name}");
        }
    }
}
