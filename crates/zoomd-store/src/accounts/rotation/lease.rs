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

/// Request for the rotation lease of an account.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    pub account: &'a AccountName,
    /// Random unique name.
    pub owner: &'a str,
    pub lease: Duration,
    /// True if a rest after a bad rotation does not matter.
    pub hurry: bool,
    /// Maximum duration of the hold after a change of Redis' run id.
    pub settle: Duration,
    /// The mark of the configured secret, for telling whether a stop is about it.
    pub mark: &'a str,
    /// The run id that the asker's beat heard last; empty: it has just begun.
    pub run_id: &'a str,
}

/// Result of asking for the lease.
#[derive(Debug)]
pub enum Acquired {
    /// The lease is the asker's.
    Got(Box<Held>),
    /// Another has it.
    HeldBy {
        /// End of the other's lease, ms by Redis' clock.
        until_ms: i64,
    },
    /// The last rotation failed; the account rests.
    Resting {
        /// End of the rest.
        until_ms: i64,
    },
    /// The rotations of the account's app are stopped.
    Stopped {
        /// End of the stop.
        until_ms: i64,
        /// Reason for the stop.
        why: String,
    },
    /// Redis restarted or failed over: journals are committed first.
    Settling {
        /// Time to ask again.
        until_ms: i64,
    },
    /// A person must act before the account can be used.
    State {
        state: String,
        /// Reason for the state.
        why: Option<String>,
    },
    /// There is no such account, or it has no grant.
    NoAccount,
}

/// State that a rotation reads under its lease.
#[derive(Debug)]
pub struct Held {
    /// The time of Redis.
    pub now_ms: i64,
    /// Requests in flight on the access token.
    pub in_flight: u64,
    pub account: AccountRecord,
    pub grant: GrantRecord,
    /// Intent that an earlier rotation left open.
    pub intent: Option<OpenIntent>,
}

/// End of a rotation that used no token.
#[derive(Debug, Clone, Default)]
pub struct End {
    /// The intent to remove, when one was written.
    pub intent: Option<String>,
    /// Time for which the account's gate stays closed, and no rotation is tried.
    pub rest: Duration,
    /// Kept as the grant's last error.
    pub error: Option<String>,
    /// A line for the timeline.
    pub line: Option<Line>,
    /// New state of the account, if its grant turned out to be another app's or no longer is.
    pub state: Option<NewState>,
}

/// State that follows from a check of the grant's owner (rule I).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewState {
    /// Made by another app or another Zoom than is configured.
    WrongApp(String),
    /// The configured ones are right again.
    Active,
}

impl Rotations {
    /// Asks for the lease, and reads all a rotation needs in the same step.
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

    /// Ends a rotation that used no token.
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
