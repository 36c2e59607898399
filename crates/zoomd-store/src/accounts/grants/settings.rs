//! Settings of an account that can change without a new grant.

use zoomd_wire::AccountName;

use super::new::Identity;
use super::timeline::Line;
use super::{Epoch, GrantError, Grants, Plan};
use crate::StoreError;
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::{ACCOUNT_LEARN, ACCOUNT_SET, ACCOUNT_WAKE};

/// Number of sleeping jobs read in one step.
const SCAN: usize = 500;

/// A change of an account's settings; `None` leaves what is there.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Another plan.
    pub plan: Option<Plan>,
    /// Another cap of requests in flight; `Some(0)` is no cap.
    pub cap: Option<u32>,
    /// The Zoom account it belongs to, and shares the limits of.
    pub zoom_account: Option<String>,
}

/// Result of storing an identity that was learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Learnt {
    Stored,
    /// The grant it was learnt with is not the stored one any more.
    Changed,
    /// Another account has a grant of this Zoom user: one of the two is invalid.
    AlsoHeldBy {
        /// The other account.
        account: String,
    },
}

impl Grants {
    /// Changes settings; `false` when there is no such account.
    pub async fn set(&self, name: &AccountName, change: Change) -> Result<bool, StoreError> {
        let mut fields = Vec::new();
        let mut told = Vec::new();
        if let Some(plan) = change.plan {
            fields.push(("plan", plan.as_str().to_owned()));
            told.push(format!("plan {plan}"));
        }
        if let Some(cap) = change.cap {
            fields.push(("cap", if cap == 0 { String::new() } else { cap.to_string() }));
            told.push(if cap == 0 { "no cap".to_owned() } else { format!("cap {cap}") });
        }
        if let Some(zoom_account) = &change.zoom_account {
            fields.push(("z", zoom_account.clone()));
            told.push(format!("Zoom account {zoom_account}"));
        }
        let limits = change.plan.is_some() || change.zoom_account.is_some();
        let line = Line::new("set").detail(told.join(", "));
        let there = self.change(name, &line, true, &fields).await?;
        if there && limits {
            self.wake_rooms(name).await?;
        }
        Ok(there)
    }

    /// Serves the account's rooms that sleep, whatever they sleep for: each is
    /// looked at again, and sleeps on if it must.
    ///
    /// # Errors
    /// Fails if Redis cannot be reached; the jobs then wake when their time comes.
    pub async fn wake_rooms(&self, name: &AccountName) -> Result<(), StoreError> {
        let (keys, conn) = (self.store.keys(), self.store.connection());
        let mut cursor = 0_u64;
        loop {
            // A name holds nothing that means something in a pattern.
            let mut scan = redis::cmd("ZSCAN");
            scan.arg(keys.asleep()).arg(cursor).arg("MATCH").arg(format!("{name}|*"));
            scan.arg("COUNT").arg(SCAN);
            let (next, found): (u64, Vec<(String, f64)>) =
                redis::from_redis_value(conn.value(&scan).await?)?;
            let mut call = self.call(&ACCOUNT_WAKE).arg(name.as_str());
            for (room, _) in &found {
                call.push(room.split_once('|').map_or("", |(_, host)| host));
            }
            if !found.is_empty() {
                call.run(&conn).await?;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    /// Holds the account's jobs back; `false` when there is no such account.
    pub async fn pause(&self, name: &AccountName, reason: &str) -> Result<bool, StoreError> {
        let reason = if reason.is_empty() { "paused by an operator" } else { reason };
        let line = Line::new("paused").detail(reason);
        self.change(name, &line, false, &[("paused", reason.to_owned())]).await
    }

    /// Resumes the account's jobs; `false` when there is no such account.
    pub async fn resume(&self, name: &AccountName) -> Result<bool, StoreError> {
        self.change(name, &Line::new("resumed"), true, &[("paused", String::new())]).await
    }

    async fn change(
        &self,
        name: &AccountName,
        line: &Line,
        wake: bool,
        fields: &[(&str, String)],
    ) -> Result<bool, StoreError> {
        let mut call =
            self.call(&ACCOUNT_SET).arg(name.as_str()).arg(line.to_json()).arg(u8::from(wake));
        for (field, value) in fields {
            call.push(*field);
            call.push(value);
        }
        let answer = call.run(&self.store.connection()).await?;
        Ok(ScriptReply::new(answer, "a change of an account")?.next_if_any()?.is_some())
    }

    /// Records the owner of a grant, learnt while using the grant of `epoch`.
    pub async fn learn(
        &self,
        name: &AccountName,
        epoch: Epoch,
        identity: &Identity,
    ) -> Result<Learnt, GrantError> {
        let answer = self
            .call(&ACCOUNT_LEARN)
            .arg(name.as_str())
            .arg(epoch.to_string())
            .arg(identity.zoom_account.as_deref().unwrap_or_default())
            .arg(identity.zoom_user.as_deref().unwrap_or_default())
            .arg(identity.aliases_json())
            .run(&self.store.connection())
            .await?;
        let mut answer = ScriptReply::new(answer, "an identity")?;
        Ok(match answer.next()?.as_str() {
            "learnt" => Learnt::Stored,
            "held" => Learnt::AlsoHeldBy { account: answer.next()? },
            _ => Learnt::Changed,
        })
    }
}
