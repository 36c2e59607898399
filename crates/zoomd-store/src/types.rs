//! Keys of a wrong type under our names: found, and named.

use crate::error::{ErrorKind, StoreError};
use crate::{Keys, Store};

/// A key that holds something that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misplaced {
    pub key: String,
    pub expected: &'static str,
    /// Kind of it.
    pub found: String,
}

impl Store {
    /// Checks the keys of the namespace, and of `account` if one is given, and returns those of a
    /// wrong type.
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

fn of_all(keys: &Keys) -> Vec<(String, &'static str)> {
    [keys.jobs(), keys.results(), keys.failures(), keys.events()]
        .into_iter()
        .map(|stream| (stream, "stream"))
        .chain(Keys::SINGLE.iter().map(|(name, kind)| (format!("{}{name}", keys.prefix()), *kind)))
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
