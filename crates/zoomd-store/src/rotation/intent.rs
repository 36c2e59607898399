//! The intent: from its writing to its end the token may have been spent.

use std::collections::HashMap;
use std::time::Duration;

use zoomd_wire::AccountName;

use super::{DOUBT, INTEND, Rotations, Stored, millis};
use crate::StoreError;
use crate::answer::Words;
use crate::grants::{GrantVersion, Line};
use crate::seal::Fingerprint;

/// An intent about to be written.
#[derive(Debug, Clone)]
pub struct Intending<'a> {
    /// The account.
    pub account: &'a AccountName,
    /// Who holds the lease.
    pub owner: &'a str,
    /// The lease from now on: longer than the exchange can take.
    pub lease: Duration,
    /// The intent's name.
    pub id: &'a str,
    /// The journal the reply will be staged in.
    pub host: &'a str,
    /// What is stored.
    pub stored: Stored,
    /// What is presented: the stored token, or a candidate.
    pub presented: Fingerprint,
    /// The open intent that this one takes over.
    pub instead_of: Option<&'a str>,
    /// A line for the timeline.
    pub line: Line,
}

/// What came of writing an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intended {
    /// It is written.
    Written {
        /// When, by the clock of Redis.
        at_ms: i64,
    },
    /// The lease ended meanwhile.
    LeaseLost,
    /// The grant changed meanwhile.
    Moved,
    /// Another intent is open.
    Another,
    /// Requests are in flight.
    Busy,
}

/// An intent as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIntent {
    /// The account.
    pub account: AccountName,
    /// Its name.
    pub id: String,
    /// Whose journal the reply would lie in.
    pub host: String,
    /// The version that was stored.
    pub version: Option<GrantVersion>,
    /// What was presented.
    pub fp: Option<Fingerprint>,
    /// When it was written, by the clock of Redis.
    pub at_ms: i64,
    /// Whether its host said that it holds no reply for it.
    pub no_reply: bool,
    /// Whether it was itself a probe of an earlier one in doubt.
    pub probe: bool,
}

impl OpenIntent {
    pub(super) fn read(account: &AccountName, fields: &HashMap<String, String>) -> Option<Self> {
        let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
        let epoch = fields.get("ep").and_then(|epoch| epoch.parse().ok());
        let generation = fields.get("gen").and_then(|number| number.parse().ok());
        Some(Self {
            account: account.clone(),
            id: fields.get("id")?.clone(),
            host: text("host"),
            version: epoch
                .zip(generation)
                .map(|(epoch, generation)| GrantVersion { epoch, generation }),
            fp: text("fp").parse().ok(),
            at_ms: text("at").parse().unwrap_or(0),
            no_reply: text("none") == "1",
            probe: text("probe") == "1",
        })
    }
}

impl Rotations {
    /// Writes an intent, and waits until a replica and the disk have it, where
    /// there are such and the server can say so.
    ///
    /// # Errors
    /// That Redis could not be asked, is full, or that no replica answered.
    pub async fn intend(&self, intending: &Intending<'_>) -> Result<Intended, StoreError> {
        let call = self
            .call(&INTEND, intending.account.as_str())
            .arg(intending.owner)
            .arg(millis(intending.lease))
            .arg(intending.id)
            .arg(intending.host)
            .arg(intending.stored.version.epoch.to_string())
            .arg(intending.stored.version.generation)
            .arg(intending.stored.fp.to_string())
            .arg(intending.presented.to_string())
            .arg(intending.instead_of.unwrap_or_default())
            .arg(intending.line.to_json());
        let (answer, written) =
            self.durable.write(call).await.map_err(|error| error.during("writing an intent"))?;
        let mut answer = Words::new(answer, "an intent")?;
        let intended = match answer.next()?.as_str() {
            "ok" => Intended::Written { at_ms: answer.number()? },
            "lost" => return Ok(Intended::LeaseLost),
            "busy" => return Ok(Intended::Busy),
            "intent" => return Ok(Intended::Another),
            _ => return Ok(Intended::Moved),
        };
        self.durable.confirm(written).await?;
        Ok(intended)
    }

    /// Says that the host of intent `id` holds no reply for it, gives back the
    /// lease of `owner` and keeps `why`. Answers whether the intent still stands.
    ///
    /// # Errors
    /// That Redis could not be asked.
    pub async fn no_reply(
        &self,
        account: &AccountName,
        owner: Option<&str>,
        id: &str,
        why: Option<&str>,
        line: Option<&Line>,
    ) -> Result<bool, StoreError> {
        let call = self
            .call(&DOUBT, account.as_str())
            .arg(owner.unwrap_or_default())
            .arg(id)
            .arg(why.unwrap_or_default())
            .arg(line.map(Line::to_json).unwrap_or_default());
        let answer = self.run(call, "answering for an intent").await?;
        Ok(redis::from_redis_value::<u64>(answer)? == 1)
    }

    /// The oldest open intents, at most `limit`, written before `before_ms`.
    ///
    /// # Errors
    /// That Redis could not be asked.
    pub async fn open_intents(
        &self,
        before_ms: i64,
        limit: usize,
    ) -> Result<Vec<OpenIntent>, StoreError> {
        let keys = self.store.keys();
        let mut list = redis::cmd("ZRANGEBYSCORE");
        list.arg(keys.intents()).arg("-inf").arg(before_ms).arg("LIMIT").arg(0).arg(limit);
        let conn = self.store.connection();
        let names: Vec<String> = redis::from_redis_value(conn.value(&list).await?)?;
        let names: Vec<_> = names.iter().filter_map(|name| AccountName::new(name).ok()).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut reads = redis::pipe();
        for name in &names {
            reads.cmd("HGETALL").arg(keys.intent(name.as_str()));
        }
        let mut open = Vec::new();
        for (name, value) in names.iter().zip(conn.values(&reads).await?) {
            match OpenIntent::read(name, &redis::from_redis_value(value)?) {
                Some(intent) => open.push(intent),
                None => {
                    // An account that was removed or connected anew meanwhile.
                    let mut forget = redis::cmd("ZREM");
                    forget.arg(keys.intents()).arg(name.as_str());
                    conn.value(&forget).await?;
                }
            }
        }
        Ok(open)
    }
}
