//! Faults: kind, place and number of times. A fault stays until it has struck `count` times;
//! several may strike one request, in the order they were made, until one of them ends it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::coding::Coding;
use crate::endpoint::Endpoint;
use crate::limits::LimitKind;

/// A fault to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Requests that the fault strikes.
    #[serde(default = "any")]
    pub at: Endpoint,
    /// Only requests of this Zoom user (id or e-mail) or Zoom account.
    #[serde(default)]
    pub who: Option<String>,
    /// Only token requests of this grant type.
    #[serde(default)]
    pub grant_type: Option<String>,
    /// Number of matching requests to let pass first.
    #[serde(default)]
    pub skip: u32,
    /// Number of strikes; unlimited when absent.
    #[serde(default = "once")]
    pub count: Option<u32>,
    /// Strikes a matching request with this chance (0 to 1), drawn from the seed.
    #[serde(default = "always")]
    pub chance: f64,
    /// Before Zoom has done anything, or after it has done it.
    #[serde(default)]
    pub when: When,
    /// Event.
    pub what: What,
}

fn any() -> Endpoint {
    Endpoint::Any
}
#[expect(clippy::unnecessary_wraps, reason = "the shape serde asks for")]
fn once() -> Option<u32> {
    Some(1)
}
fn always() -> f64 {
    1.0
}

/// On which side of the deed a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Nothing has happened at Zoom.
    #[default]
    Before,
    /// The meeting exists, the token is rotated; only the reply suffers.
    After,
}

/// Effect of a fault on a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Additional delay in milliseconds.
    DelayMs(u64),
    /// It waits for `release`.
    Hold,
    /// It is never answered.
    Hang,
    /// The connection is closed.
    Drop,
    /// The connection is reset (RST).
    Reset,
    /// Sends the head and this number of bytes of the body, then closes the connection.
    HalfReply(usize),
    /// This status with Zoom's kind of body.
    Status(u16),
    /// A server in trouble that asks for a pause: this status with `Retry-After`.
    Busy {
        status: u16,
        /// The header's value, in whatever form.
        retry_after: String,
    },
    /// 404 with code 3001, the meeting being there.
    Missing,
    /// This status with this body and content type.
    Body { status: u16, content_type: String, body: String },
    /// An XML error.
    Xml(u16),
    /// An HTML page.
    Html(u16),
    /// The reply that was due, its JSON cut short (with its length right).
    MalformedJson,
    /// JSON body of this number of bytes, with the regular status.
    Huge(u64),
    /// 401 with code 124, the token being good.
    Unauthorized,
    /// A 429 of this kind.
    Limit(LimitKind),
    /// A redirect to this address.
    Redirect {
        status: u16,
        /// Target of the redirect.
        location: String,
    },
    /// A refusal of the token endpoint.
    TokenError {
        status: u16,
        /// `error`
        error: String,
        /// `reason`
        reason: Option<String>,
    },
    /// A refresh is answered with this status; so many milliseconds later the server
    /// puts the grant back to the token that was presented, and what was issued
    /// meanwhile is dead. After the deed: the rotation is rolled back. Before it: the
    /// exchange ends late, over whatever happened since.
    Undone {
        status: u16,
        /// Delay.
        after_ms: u64,
    },
    /// A token reply without these fields; without `refresh_token` nothing is rotated.
    TokenWithout(Vec<String>),
    /// A reply without these fields of its JSON.
    Without(Vec<String>),
    /// The reply that goes out is compressed, though nobody asked for it. Ends nothing.
    Compressed(Coding),
    /// The reply that goes out begins with a byte-order mark. Ends nothing.
    ByteOrderMark,
}

impl Fault {
    /// Strikes the next request of `at`, once, before anything has happened.
    pub fn new(at: Endpoint, what: What) -> Self {
        let when = When::Before;
        Self { at, who: None, grant_type: None, skip: 0, count: Some(1), chance: 1.0, when, what }
    }

    /// A reply of the token endpoint that never arrives, the token being rotated.
    pub fn token_reply_lost() -> Self {
        Self::new(Endpoint::Token, What::Drop).after()
    }

    /// A refresh that Zoom does, answers with a failure, and rolls back later.
    pub fn rolled_back(status: u16, after_ms: u64) -> Self {
        Self::new(Endpoint::Token, What::Undone { status, after_ms }).after()
    }

    /// A refresh that Zoom answers with a failure before it ends: at its end the
    /// presented token is the living one, whatever was issued since.
    pub fn ends_late(status: u16, after_ms: u64) -> Self {
        Self::new(Endpoint::Token, What::Undone { status, after_ms })
    }

    /// Strikes after the deed.
    pub fn after(mut self) -> Self {
        self.when = When::After;
        self
    }

    /// Only requests of this Zoom user (id or e-mail) or Zoom account.
    pub fn of(mut self, who: &str) -> Self {
        self.who = Some(who.into());
        self
    }

    /// Lets `n` matching requests pass first.
    pub fn skip(mut self, n: u32) -> Self {
        self.skip = n;
        self
    }

    /// Strikes `n` times.
    pub fn times(mut self, n: u32) -> Self {
        self.count = Some(n);
        self
    }

    /// Strikes until it is cleared.
    pub fn always(mut self) -> Self {
        self.count = None;
        self
    }

    /// Strikes with this chance.
    pub fn chance(mut self, chance: f64) -> Self {
        self.chance = chance;
        self
    }
}

/// Names a fault that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FaultId(pub u64);

/// A fault and how it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FaultState {
    pub id: FaultId,
    /// The fault as made.
    pub fault: Fault,
    /// Requests that matched.
    pub seen: u64,
    /// Requests it struck.
    pub struck: u64,
}

/// Opened once, for all who wait at it.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open: std::sync::atomic::AtomicBool,
    opened: Notify,
}

impl Gate {
    pub(crate) fn open(&self) {
        self.open.store(true, std::sync::atomic::Ordering::SeqCst);
        self.opened.notify_waiters();
    }

    pub(crate) async fn pass(&self) {
        let opened = self.opened.notified();
        if !self.open.load(std::sync::atomic::Ordering::SeqCst) {
            opened.await;
        }
    }
}

/// A fault as it strikes one request.
#[derive(Clone, Debug)]
pub(crate) struct Strike {
    pub(crate) when: When,
    pub(crate) what: What,
    pub(crate) gate: Arc<Gate>,
}

/// Whom a request is of, as far as faults care.
pub(crate) struct Subject<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) grant_type: Option<&'a str>,
    /// Id, e-mail and account of the user.
    pub(crate) names: [&'a str; 3],
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    last_id: u64,
    standing: Vec<(FaultState, Arc<Gate>)>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) -> FaultId {
        self.last_id += 1;
        let id = FaultId(self.last_id);
        self.standing.push((FaultState { id, fault, seen: 0, struck: 0 }, Arc::default()));
        id
    }

    /// Removes a fault (all without an id) and releases the requests it held.
    pub(crate) fn clear(&mut self, id: Option<FaultId>) -> usize {
        let before = self.standing.len();
        self.standing.retain(|(state, gate)| {
            let stays = id.is_some_and(|id| id != state.id);
            if !stays {
                gate.open();
            }
            stays
        });
        before - self.standing.len()
    }

    /// Releases the requests that the fault holds now; it holds none from now on.
    pub(crate) fn release(&mut self, id: FaultId) -> bool {
        let found = self.standing.iter().find(|(state, _)| state.id == id);
        found.map(|(_, gate)| gate.open()).is_some()
    }

    pub(crate) fn list(&self) -> Vec<FaultState> {
        self.standing.iter().map(|(state, _)| state.clone()).collect()
    }

    /// The faults that strike this request; `draw` gives numbers from 0 to 1.
    pub(crate) fn strike(
        &mut self,
        of: &Subject<'_>,
        mut draw: impl FnMut() -> f64,
    ) -> Vec<Strike> {
        let mut strikes = Vec::new();
        for (state, gate) in &mut self.standing {
            let fault = &state.fault;
            let matches = fault.at.covers(of.endpoint)
                && fault.who.as_deref().is_none_or(|who| of.names.contains(&who))
                && fault.grant_type.as_deref().is_none_or(|g| of.grant_type == Some(g));
            if !matches || fault.count.is_some_and(|n| state.struck >= u64::from(n)) {
                continue;
            }
            state.seen += 1;
            if state.seen <= u64::from(fault.skip) || (fault.chance < 1.0 && draw() >= fault.chance)
            {
                continue;
            }
            state.struck += 1;
            let (when, what, gate) = (fault.when, fault.what.clone(), gate.clone());
            let ends = !matches!(
                what,
                What::DelayMs(_) | What::Hold | What::Compressed(_) | What::ByteOrderMark
            );
            strikes.push(Strike { when, what, gate });
            if ends {
                break;
            }
        }
        strikes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(faults: &mut Faults, endpoint: Endpoint, user: &str) -> usize {
        let names = ["id", user, "acct"];
        faults.strike(&Subject { endpoint, grant_type: None, names }, || 0.5).len()
    }

    #[test]
    fn scope_skip_and_count() {
        let mut faults = Faults::default();
        let id = faults.add(Fault::new(Endpoint::Create, What::Drop).of("a@x").skip(1).times(2));
        let mut hits = Vec::new();
        for (endpoint, user) in [
            (Endpoint::Create, "a@x"),
            (Endpoint::List, "a@x"),
            (Endpoint::Create, "b@x"),
            (Endpoint::Create, "a@x"),
            (Endpoint::Create, "a@x"),
            (Endpoint::Create, "a@x"),
        ] {
            hits.push(struck(&mut faults, endpoint, user));
        }
        assert_eq!(hits, [0, 0, 0, 1, 1, 0]);
        assert_eq!(faults.list()[0].struck, 2);
        assert_eq!(faults.clear(Some(id)), 1);
    }

    #[test]
    fn delays_add_up_and_an_end_ends() {
        let mut faults = Faults::default();
        faults.add(Fault::new(Endpoint::Any, What::DelayMs(1)));
        faults.add(Fault::new(Endpoint::Any, What::Drop));
        faults.add(Fault::new(Endpoint::Any, What::Hang));
        assert_eq!(struck(&mut faults, Endpoint::Get, "a"), 2);
        assert_eq!(struck(&mut faults, Endpoint::Get, "a"), 1);
        assert_eq!(struck(&mut faults, Endpoint::Get, "a"), 0);
    }

    #[test]
    fn read_from_json() {
        let json = r#"{"at":"create","when":"after","what":{"status":503}}"#;
        let fault: Fault = serde_json::from_str(json).expect("a fault");
        assert_eq!((fault.count, fault.what), (Some(1), What::Status(503)));
        let json = r#"{"what":"hang","count":null}"#;
        let fault: Fault = serde_json::from_str(json).expect("a fault");
        assert_eq!((fault.at, fault.count), (Endpoint::Any, None));
    }
}
