//! The lease: it saves work and closes the gate; it does not carry correctness.

use std::collections::HashMap;
use std::time::Duration;

use redis::Value;

use super::{ABORT, ACQUIRE, OpenIntent, RENEW, Rotations};
use crate::StoreError;
use crate::accounts::grants::{AccountRecord, GrantRecord, Line};
use crate::clock::ms;
use crate::redis::script_reply::ScriptReply;
use zoomd_wire::AccountName;

/// Who asks for the lease of an account, and how.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// The account.
    pub account: &'a AccountName,
    /// A random name; nobody else's.
    pub owner: &'a str,
    /// Time for which the lease lasts.
    pub lease: Duration,
    /// True if a rest after a bad rotation does not matter.
    pub hurry: bool,
    /// Time for which the hold after a change of Redis' run id lasts at most.
    pub settle: Duration,
    /// The mark of the configured secret, for telling whether a stop is about it.
    pub mark: &'a str,
    /// The run id that the asker's beat heard last; empty: it has just begun.
    pub run_id: &'a str,
}

/// Result of asking. A store error is neither.
#[derive(Debug)]
pub enum Acquired {
    /// The lease is the asker's.
    Got(Box<Held>),
    /// Another has it.
    HeldBy {
        /// Until then, ms by Redis' clock.
        until_ms: i64,
    },
    /// The last rotation went badly; the account rests.
    Resting {
        /// Until then.
        until_ms: i64,
    },
    /// The rotations of the account's app are stopped.
    Stopped {
        /// Until then.
        until_ms: i64,
        /// Why.
        why: String,
    },
    /// Redis restarted or failed over: journals are committed first.
    Settling {
        /// Ask again then.
        until_ms: i64,
    },
    /// Somebody must act before the account can be used.
    State {
        /// State.
        state: String,
        /// Why it is in it.
        why: Option<String>,
    },
    /// There is no such account, or it has no grant.
    NoAccount,
}

/// Data that a rotation reads with the lease in hand.
#[derive(Debug)]
pub struct Held {
    /// The time of Redis.
    pub now_ms: i64,
    /// Requests in flight on the access token.
    pub in_flight: u64,
    /// The account.
    pub account: AccountRecord,
    /// Grant.
    pub grant: GrantRecord,
    /// An intent that somebody left open.
    pub intent: Option<OpenIntent>,
}

/// Way in which a rotation that spent nothing ends.
#[derive(Debug, Clone, Default)]
pub struct End {
    /// The intent to remove, when one was written.
    pub intent: Option<String>,
    /// Time for which the account's gate stays closed, and nothing is tried again.
    pub rest: Duration,
    /// Kept as the grant's last error.
    pub error: Option<String>,
    /// A line for the timeline.
    pub line: Option<Line>,
    /// Whether the account is found to be another app's, or no longer so.
    pub state: Option<NewState>,
}

/// Data that a rotation may find about whose grant it is (rule I).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewState {
    /// Made by another app or another Zoom than is configured.
    WrongApp(String),
    /// The configured ones are right again.
    Active,
}

impl Rotations {
    /// Asks for the lease, and reads all a rotation needs in the same step.
    ///
    /// # Errors
    /// That Redis could not be asked, or is full.
    pub async fn acquire(&self, ask: &Ask<'_>) -> Result<Acquired, StoreError> {
        let call = self
            .call(&ACQUIRE, ask.account.as_str())
            .arg(ask.owner)
            .arg(ms(ask.lease))
            .arg(u8::from(ask.hurry))
            .arg(ms(ask.settle))
            .arg(ask.mark)
            .arg(ask.run_id);
        let answer = self.run(call, "the lease of a rotation").await?;
        let mut answer = ScriptReply::new(answer, "a lease")?;
        Ok(match answer.next()?.as_str() {
            "got" => return held(ask.account, answer),
            "held" => {
                answer.next()?;
                Acquired::HeldBy { until_ms: answer.number()? }
            }
            "resting" => Acquired::Resting { until_ms: answer.number()? },
            "stopped" => Acquired::Stopped { until_ms: answer.number()?, why: answer.next()? },
            "settling" => Acquired::Settling { until_ms: answer.number()? },
            "state" => Acquired::State {
                state: answer.next()?,
                why: Some(answer.next()?).filter(|why| !why.is_empty()),
            },
            _ => Acquired::NoAccount,
        })
    }

    /// Renews the lease; answers the requests still in flight, or `None` when the
    /// lease is another's.
    ///
    /// # Errors
    /// That Redis could not be asked.
    pub async fn renew(
        &self,
        account: &AccountName,
        owner: &str,
        lease: Duration,
    ) -> Result<Option<u64>, StoreError> {
        let call = self.call(&RENEW, account.as_str()).arg(owner).arg(ms(lease));
        let mut answer = ScriptReply::new(self.run(call, "renewing a lease").await?, "a renewal")?;
        if answer.count()? == 0 { Ok(None) } else { answer.count().map(Some) }
    }

    /// Ends a rotation that is known to have spent nothing.
    ///
    /// # Errors
    /// That Redis could not be asked.
    pub async fn abort(
        &self,
        account: &AccountName,
        owner: &str,
        end: &End,
    ) -> Result<(), StoreError> {
        let (state, why) = match &end.state {
            Some(NewState::WrongApp(why)) => ("wrong_app", why.as_str()),
            Some(NewState::Active) => ("active", ""),
            None => ("", ""),
        };
        let call = self
            .call(&ABORT, account.as_str())
            .arg(owner)
            .arg(end.intent.as_deref().unwrap_or_default())
            .arg(ms(end.rest))
            .arg(end.error.as_deref().unwrap_or_default())
            .arg(end.line.as_ref().map(Line::to_json).unwrap_or_default())
            .arg(state)
            .arg(why);
        self.run(call, "giving up a rotation").await.map(|_| ())
    }

    /// Keeps the account's gate closed for `rest` where nobody has the lease: its
    /// jobs could not run, and would be handed out in vain.
    ///
    /// # Errors
    /// That Redis could not be asked.
    pub async fn rest(&self, account: &AccountName, rest: Duration) -> Result<(), StoreError> {
        self.abort(account, "-", &End { rest, ..End::default() }).await
    }
}

fn held(name: &AccountName, mut answer: ScriptReply) -> Result<Acquired, StoreError> {
    let now_ms = answer.number()?;
    answer.next()?;
    let in_flight = answer.count()?;
    let account = crate::accounts::grants::account(name, &fields(answer.value()?)?)?;
    let grant = crate::accounts::grants::grant(&fields(answer.value()?)?)?;
    let intent = OpenIntent::read(name, &fields(answer.value()?)?);
    let (Some(account), Some(grant)) = (account, grant) else { return Ok(Acquired::NoAccount) };
    Ok(Acquired::Got(Box::new(Held { now_ms, in_flight, account, grant, intent })))
}

fn fields(value: Value) -> Result<HashMap<String, String>, StoreError> {
    Ok(redis::from_redis_value(value)?)
}
