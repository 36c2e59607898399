//! The intent: the token may be used from the intent's start to its end.

use std::collections::HashMap;
use std::time::Duration;

use zoomd_wire::AccountName;

use super::{DOUBT, INTEND, Rotations, Stored};
use crate::StoreError;
use crate::accounts::encryption::Fingerprint;
use crate::accounts::grants::{GrantVersion, Line};
use crate::clock::ms;
use crate::redis::script_reply::ScriptReply;

/// An intent about to be written.
#[derive(Debug, Clone)]
pub struct Intending<'a> {
    pub account: &'a AccountName,
    /// The holder of the lease.
    pub owner: &'a str,
    /// The lease from now on: longer than the exchange can take.
    pub lease: Duration,
    /// The intent's name.
    pub id: &'a str,
    /// The journal the reply will be staged in.
    pub host: &'a str,
    /// The stored grant.
    pub stored: Stored,
    /// The token that is presented: the stored token, or a candidate.
    pub presented: Fingerprint,
    /// The open intent that this one takes over.
    pub instead_of: Option<&'a str>,
    /// Time after which others may present the token if the host stays silent.
    pub silence: Duration,
    /// A line for the timeline.
    pub line: Line,
}

/// The outcome of writing an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intended {
    Written {
        /// Time of the write, by the clock of Redis.
        at_ms: i64,
        /// Time of the token's last presentation with an unknown outcome; `at_ms` if there was
        /// none.
        since_ms: i64,
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

/// Reason why the outcome of an intent is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The token server answered that it failed: the exchange is over.
    Server,
    /// A gateway answered for the token server, which may still be at work.
    Gateway,
    /// No answer came, or none that can be read.
    Silence,
    /// The token was refused, too soon after the presentation before for a verdict.
    Early,
}

impl Doubt {
    /// The word as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Gateway => "gateway",
            Self::Silence => "silence",
            Self::Early => "early",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Server, Self::Gateway, Self::Silence, Self::Early]
            .into_iter()
            .find(|doubt| doubt.as_str() == word)
    }
}

/// The pauses before a token in doubt may be presented again.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// From a presentation until it is surely over.
    pub exchange: Duration,
    /// From the first answer of the token server; doubled with each further one.
    pub answered: Duration,
    /// The most of those.
    pub longest: Duration,
}

/// Report of an intent's host that its outcome is unknown.
#[derive(Debug, Clone)]
pub struct Doubted<'a> {
    pub account: &'a AccountName,
    /// Owner of the lease to give back.
    pub owner: Option<&'a str>,
    /// The intent.
    pub id: &'a str,
    /// Reason why the outcome is unknown.
    pub doubt: Doubt,
    /// Kept as the grant's last error.
    pub why: Option<&'a str>,
    /// A line for the timeline.
    pub line: Option<&'a Line>,
    /// Pauses until the token may be presented again.
    pub pauses: Pauses,
}

/// An intent as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIntent {
    pub account: AccountName,
    pub id: String,
    /// Daemon whose journal would hold the reply.
    pub host: String,
    /// The version that was stored.
    pub version: Option<GrantVersion>,
    /// Fingerprint of the presented token.
    pub fp: Option<Fingerprint>,
    /// Time of the write, by the clock of Redis.
    pub at_ms: i64,
    /// Reason reported by its host, whose journal holds no reply with a token.
    pub doubt: Option<Doubt>,
    /// Earliest time of a probe; later while the host is silent. `None`: an older daemon wrote it.
    pub due_ms: Option<i64>,
    /// True if it was itself a probe of an earlier one in doubt.
    pub probe: bool,
}

impl OpenIntent {
    /// Description of the intent for people.
    #[must_use]
    pub fn told(&self) -> String {
        let unknown = "whether the token was spent is not known";
        match self.doubt {
            None => format!(
                "the process {} sent the token and has not said what came of it: it was killed, \
                 stopped, or is cut off",
                self.host
            ),
            Some(Doubt::Server) => {
                format!("Zoom's token server answered that it failed; {unknown}")
            }
            Some(Doubt::Gateway) => {
                format!("a gateway answered for Zoom's token server; {unknown}")
            }
            Some(Doubt::Silence) => format!("no answer to the token exchange came; {unknown}"),
            Some(Doubt::Early) => "Zoom refused the token soon after an exchange that failed, \
                                   which is no verdict yet"
                .to_owned(),
        }
    }
}

impl OpenIntent {
    pub(crate) fn read(account: &AccountName, fields: &HashMap<String, String>) -> Option<Self> {
        let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
        let epoch = fields.get("ep").and_then(|epoch| epoch.parse().ok());
        let generation = fields.get("gen").and_then(|number| number.parse().ok());
        let ms = |name: &str| fields.get(name).and_then(|ms| ms.parse().ok());
        let at_ms = ms("at").unwrap_or(0);
        let silent = (text("none") == "1").then_some(Doubt::Silence);
        Some(Self {
            account: account.clone(),
            id: fields.get("id")?.clone(),
            host: text("host"),
            version: epoch
                .zip(generation)
                .map(|(epoch, generation)| GrantVersion { epoch, generation }),
            fp: text("fp").parse().ok(),
            at_ms,
            doubt: Doubt::from_word(&text("case")).or(silent),
            due_ms: ms("due"),
            probe: text("probe") == "1",
        })
    }
}

impl Rotations {
    /// Writes an intent, and waits until a replica and the disk have it, where
    /// there are such and the server can say so.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached, is full, or no replica confirms.
    pub async fn intend(&self, intending: &Intending<'_>) -> Result<Intended, StoreError> {
        let call = self
            .call(&INTEND, intending.account.as_str())
            .arg(intending.owner)
            .arg(ms(intending.lease))
            .arg(intending.id)
            .arg(intending.host)
            .arg(intending.stored.version.epoch.to_string())
            .arg(intending.stored.version.generation)
            .arg(intending.stored.fp.to_string())
            .arg(intending.presented.to_string())
            .arg(intending.instead_of.unwrap_or_default())
            .arg(intending.line.to_json())
            .arg(ms(intending.silence));
        let (answer, written) =
            self.durable.write(call).await.map_err(|error| error.during("writing an intent"))?;
        let mut answer = ScriptReply::new(answer, "an intent")?;
        let intended = match answer.next()?.as_str() {
            "ok" => Intended::Written { at_ms: answer.number()?, since_ms: answer.number()? },
            "lost" => return Ok(Intended::LeaseLost),
            "busy" => return Ok(Intended::Busy),
            "intent" => return Ok(Intended::Another),
            _ => return Ok(Intended::Moved),
        };
        self.durable.confirm(written).await?;
        Ok(intended)
    }

    /// Says what became of an intent's exchange where its outcome is not known,
    /// and gives back the lease. Answers when the intent may be probed; `None` when
    /// it does not stand any more.
    pub async fn doubt(&self, doubted: &Doubted<'_>) -> Result<Option<i64>, StoreError> {
        let call = self
            .call(&DOUBT, doubted.account.as_str())
            .arg(doubted.owner.unwrap_or_default())
            .arg(doubted.id)
            .arg(doubted.why.unwrap_or_default())
            .arg(doubted.line.map(Line::to_json).unwrap_or_default())
            .arg(doubted.doubt.as_str())
            .arg(ms(doubted.pauses.exchange))
            .arg(ms(doubted.pauses.answered))
            .arg(ms(doubted.pauses.longest));
        let answer = self.run(call, "answering for an intent").await?;
        Ok(Some(redis::from_redis_value::<i64>(answer)?).filter(|due| *due > 0))
    }

    pub async fn intent(&self, account: &AccountName) -> Result<Option<OpenIntent>, StoreError> {
        let mut read = redis::cmd("HGETALL");
        read.arg(self.store.keys().intent(account.as_str()));
        let value = self.store.connection().value(&read).await?;
        Ok(OpenIntent::read(account, &redis::from_redis_value(value)?))
    }

    /// The open intents that may be probed first, at most `limit`.
    pub async fn next_probes(&self, limit: usize) -> Result<Vec<OpenIntent>, StoreError> {
        let mut list = redis::cmd("ZRANGE");
        list.arg(self.store.keys().probes()).arg(0).arg(limit.saturating_sub(1));
        self.intents_of(&self.listed(&list).await?).await
    }

    /// A page of all open intents, the oldest first: the `limit` behind the first `from`.
    /// Intents of an earlier version are queued for their probes, `silence` after their
    /// write. Also returns the number of intents read: less than `limit` at the end.
    pub async fn open_intents(
        &self,
        from: usize,
        limit: usize,
        silence: Duration,
    ) -> Result<(usize, Vec<OpenIntent>), StoreError> {
        let keys = self.store.keys();
        let mut list = redis::cmd("ZRANGE");
        list.arg(keys.intents()).arg(from).arg((from + limit).saturating_sub(1));
        let names = self.listed(&list).await?;
        let open = self.intents_of(&names).await?;
        let mut lines = redis::pipe();
        for intent in &open {
            let due = intent.due_ms.unwrap_or(intent.at_ms.saturating_add_unsigned(ms(silence)));
            lines.cmd("ZADD").arg(keys.probes()).arg("NX").arg(due).arg(intent.account.as_str());
        }
        if !open.is_empty() {
            for answer in self.store.connection().values(&lines).await? {
                answer.extract_error()?;
            }
        }
        Ok((names.len(), open))
    }

    async fn listed(&self, list: &redis::Cmd) -> Result<Vec<AccountName>, StoreError> {
        let value = self.store.connection().value(list).await?;
        let names: Vec<String> = redis::from_redis_value(value)?;
        Ok(names.iter().filter_map(|name| AccountName::new(name).ok()).collect())
    }

    async fn intents_of(&self, names: &[AccountName]) -> Result<Vec<OpenIntent>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let mut reads = redis::pipe();
        for name in names {
            reads.cmd("HGETALL").arg(keys.intent(name.as_str()));
        }
        let (mut open, mut forget, mut gone) = (Vec::new(), redis::pipe(), false);
        for (name, value) in names.iter().zip(conn.values(&reads).await?) {
            if let Some(intent) = OpenIntent::read(name, &redis::from_redis_value(value)?) {
                open.push(intent);
                continue;
            }
            // The account was removed or connected again meanwhile.
            gone = true;
            for list in [keys.intents(), keys.probes()] {
                forget.cmd("ZREM").arg(list).arg(name.as_str());
            }
        }
        if gone {
            conn.values(&forget).await?;
        }
        Ok(open)
    }
}
