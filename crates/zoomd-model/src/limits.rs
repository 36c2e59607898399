//! The budgets as a pure model: what lib/budget.lua decides, in Rust.
//!
//! It holds what Redis holds of one namespace's budgets and answers as the
//! scripts do; a test walks both through the same random steps and compares
//! every answer. It serves to reason about limits in virtual time: a month of
//! ten thousand accounts takes seconds. No clock, no IO: `now_ms` is passed in.

use std::collections::{BTreeMap, HashMap};

use zoomd_store::clock::DAY_MS;
use zoomd_store::eta::{MIDNIGHT_MARGIN_MS, next_day};
use zoomd_store::limits::{Budgets, Label, PlanLimits, SECOND_MS};
use zoomd_store::queue::WaitReason;

/// Request for one create.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The account, whose name spreads the time its hosts wake at.
    pub account: &'a str,
    /// The Zoom account whose budgets it uses.
    pub zoom: &'a str,
    pub plan: &'a str,
    /// The host's user id.
    pub host: &'a str,
    /// Time of the request, ms.
    pub now_ms: i64,
}

/// Decision of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The call may be made; all its budgets are charged.
    Go,
    /// Not now.
    Waits {
        why: WaitReason,
        /// Earliest time to ask again.
        until_ms: i64,
    },
}

/// The budgets of a namespace.
#[derive(Debug, Clone)]
pub struct LimitsModel {
    budgets: Budgets,
    send_ms: i64,
    zooms: HashMap<String, Zoom>,
}

/// State of one Zoom account.
#[derive(Debug, Clone, Default)]
struct Zoom {
    /// Times of the last grants, newest first.
    grants: Vec<i64>,
    /// Calls by day (counted from 1970) and field.
    ledger: BTreeMap<(i64, String), u32>,
    /// Closed until.
    gates: HashMap<String, i64>,
    /// Time of the last per-second 429, and the lowered fraction of the rate since.
    hit_ms: i64,
    lowered: Option<(f64, i64)>,
}

impl LimitsModel {
    /// Unused budgets; a call is sent at the latest `send_ms` after its grant.
    #[must_use]
    pub fn new(budgets: Budgets, send_ms: i64) -> Self {
        Self { budgets, send_ms, zooms: HashMap::new() }
    }

    /// Puts a Zoom account where it stands: grants, newest first; what is used of a
    /// UTC day (since 1970) under a field of the ledger; gates by field; a rate that
    /// was lowered to a part, and when.
    pub(crate) fn restore(
        &mut self,
        zoom: &str,
        grants: Vec<i64>,
        ledger: BTreeMap<(i64, String), u32>,
        gates: HashMap<String, i64>,
        lowered: Option<(f64, i64)>,
    ) {
        let zoom = self.zooms.entry(zoom.to_owned()).or_default();
        *zoom = Zoom { grants, ledger, gates, hit_ms: 0, lowered };
    }

    /// Asks for one create.
    pub fn ask(&mut self, ask: Ask<'_>) -> Verdict {
        if let Some((why, until_ms)) = self.hindrance(ask) {
            return Verdict::Waits { why, until_ms };
        }
        let label = self.budgets.classes.hosted();
        let rate = self.budgets.granted_per_second(self.plan(ask.plan).of(label));
        let days = days_of(ask.now_ms, self.send_ms);
        let zoom = self.zooms.entry(ask.zoom.to_owned()).or_default();
        for day in days {
            for field in [label_field(label), host_field(ask.host)] {
                *zoom.ledger.entry((day, field)).or_default() += 1;
            }
        }
        if rate > 0 {
            zoom.grants.insert(0, ask.now_ms);
            zoom.grants.truncate(rate as usize);
        }
        Verdict::Go
    }

    /// The first reason why a create cannot be made, without charging anything.
    #[must_use]
    pub fn hindrance(&self, ask: Ask<'_>) -> Option<(WaitReason, i64)> {
        let none_left = |(left, why, until_ms)| (left < 1).then_some((why, until_ms));
        self.left_of_zoom(ask)
            .and_then(none_left)
            .or_else(|| self.left_of_host(ask).and_then(none_left))
    }

    /// Number of calls that the Zoom account has left, else the wait reason and its end: the
    /// smallest of its limits; `None` if nothing limits it.
    #[must_use]
    pub fn left_of_zoom(&self, ask: Ask<'_>) -> Option<(i64, WaitReason, i64)> {
        let label = self.budgets.classes.hosted();
        let zoom = self.zooms.get(ask.zoom);
        let mut least = Least::default();
        let closed = zoom.map_or(0, |zoom| {
            zoom.closed(label.as_str()).max(zoom.closed(&format!("day:{}", label.as_str())))
        });
        if closed > ask.now_ms {
            least.hold(0, WaitReason::Limited, closed);
        }
        let limits = self.plan(ask.plan).of(label);
        if limits.per_day > 0 {
            let left = i64::from(limits.per_day) - self.used(ask, &label_field(label));
            least.hold(left, WaitReason::LabelDay, next_day(ask.now_ms, ask.zoom));
        }
        let rate = self.budgets.granted_per_second(limits);
        if rate > 0 {
            let (left, until_ms) = zoom.unwrap_or(&Zoom::default()).second(rate, ask.now_ms);
            least.hold(left, WaitReason::Second, until_ms);
        }
        least.0
    }

    /// Number of creates that the host has left today, else the wait reason and its end.
    #[must_use]
    pub fn left_of_host(&self, ask: Ask<'_>) -> Option<(i64, WaitReason, i64)> {
        let mut least = Least::default();
        let field = host_field(ask.host);
        let most = self.plan(ask.plan).host_day;
        if most > 0 {
            let left = i64::from(most) - self.used(ask, &field);
            let room = format!("{}|{}", ask.account, ask.host);
            least.hold(left, WaitReason::HostDay, next_day(ask.now_ms, &room));
        }
        let closed = self.zooms.get(ask.zoom).map_or(0, |zoom| zoom.closed(&field));
        if closed > ask.now_ms {
            least.hold(0, WaitReason::Limited, closed);
        }
        least.0
    }

    /// The highest count of the days that this time belongs to.
    fn used(&self, ask: Ask<'_>, field: &str) -> i64 {
        let Some(zoom) = self.zooms.get(ask.zoom) else { return 0 };
        let days = days_of(ask.now_ms, self.send_ms);
        days.iter().map(|day| i64::from(zoom.used(*day, field))).max().unwrap_or(0)
    }

    /// A call that is known not to have left: given back on the day it was granted.
    pub fn give_back(&mut self, zoom: &str, host: &str, granted_ms: i64, now_ms: i64) {
        if granted_ms.div_euclid(DAY_MS) != now_ms.div_euclid(DAY_MS) {
            return;
        }
        let label = self.budgets.classes.hosted();
        let days = days_of(granted_ms, self.send_ms);
        let Some(zoom) = self.zooms.get_mut(zoom) else { return };
        for day in days {
            for field in [label_field(label), host_field(host)] {
                if let Some(used) = zoom.ledger.get_mut(&(day, field)) {
                    *used = used.saturating_sub(1);
                }
            }
        }
    }

    /// An answer: on another day than the grant's it counts there too.
    pub fn answered(&mut self, zoom: &str, host: &str, granted_ms: i64, now_ms: i64) {
        let today = now_ms.div_euclid(DAY_MS);
        let both = days_of(granted_ms, self.send_ms).len() > 1;
        if granted_ms.div_euclid(DAY_MS) == today || both {
            return;
        }
        let label = self.budgets.classes.hosted();
        let zoom = self.zooms.entry(zoom.to_owned()).or_default();
        for field in [label_field(label), host_field(host)] {
            *zoom.ledger.entry((today, field)).or_default() += 1;
        }
    }

    /// Zoom said 429 for the second of creates.
    pub fn close_second(&mut self, zoom: &str, until_ms: i64, now_ms: i64) {
        let label = self.budgets.classes.hosted().as_str();
        let zoom = self.zooms.entry(zoom.to_owned()).or_default();
        zoom.close(label, until_ms);
        let since = now_ms - zoom.hit_ms;
        if since > 1000 && since < 10_000 {
            let now_at = zoom.lowered.map_or(1.0, |(part, at)| recovered(part, at, now_ms));
            // As the script writes it: three places.
            let part = (f64::max(0.05, now_at / 2.0) * 1000.0).round() / 1000.0;
            zoom.lowered = Some((part, now_ms));
        }
        if since > 1000 {
            zoom.hit_ms = now_ms;
        }
    }

    /// Zoom said 429 for the day of creates.
    pub fn close_label_day(&mut self, zoom: &str, until_ms: i64) {
        let field = format!("day:{}", self.budgets.classes.hosted().as_str());
        self.zooms.entry(zoom.to_owned()).or_default().close(&field, until_ms);
    }

    /// Zoom said 429 for the host's hundred.
    pub fn close_host_day(&mut self, zoom: &str, host: &str, until_ms: i64) {
        self.zooms.entry(zoom.to_owned()).or_default().close(&host_field(host), until_ms);
    }

    fn plan(&self, name: &str) -> PlanLimits {
        let plans = &self.budgets.plans;
        plans.get(name).or_else(|| plans.get("pro")).copied().unwrap_or_default()
    }
}

impl Zoom {
    fn used(&self, day: i64, field: &str) -> u32 {
        self.ledger.get(&(day, field.to_owned())).copied().unwrap_or(0)
    }

    fn closed(&self, field: &str) -> i64 {
        self.gates.get(field).copied().unwrap_or(0)
    }

    /// A gate's time only grows.
    fn close(&mut self, field: &str, until_ms: i64) {
        let until = self.gates.entry(field.to_owned()).or_default();
        *until = (*until).max(until_ms);
    }

    /// Rest of this second, and when the oldest grant in it leaves it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a small positive number"
    )]
    fn second(&self, rate: u32, now_ms: i64) -> (i64, i64) {
        let rate = self.lowered.map_or(rate, |(part, at)| {
            ((f64::from(rate) * recovered(part, at, now_ms)) as u32).max(1)
        });
        let in_second = |at: &i64| *at > now_ms - SECOND_MS && *at < now_ms + 10_000;
        let known = &self.grants[..self.grants.len().min(rate as usize)];
        let fresh = known.iter().rposition(in_second).map_or(0, |index| index + 1);
        let until_ms = if fresh > 0 { known[fresh - 1] } else { now_ms } + SECOND_MS;
        let left = i64::from(rate) - i64::try_from(fresh).unwrap_or(i64::MAX);
        (left, until_ms.max(now_ms + 1))
    }
}

/// A lowered rate comes back by a tenth every ten seconds.
fn recovered(part: f64, at_ms: i64, now_ms: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "seconds, not centuries")]
    let since = (now_ms - at_ms) as f64;
    f64::min(1.0, part + since / 100_000.0)
}

/// The smallest of what several limits leave; the first of equals.
#[derive(Default)]
struct Least(Option<(i64, WaitReason, i64)>);

impl Least {
    fn hold(&mut self, left: i64, why: WaitReason, until_ms: i64) {
        if self.0.is_none_or(|(least, ..)| left.max(0) < least) {
            self.0 = Some((left.max(0), why, until_ms));
        }
    }
}

fn label_field(label: Label) -> String {
    format!("l:{}", label.as_str())
}

fn host_field(host: &str) -> String {
    format!("h:{host}")
}

/// The days a call belongs to that is granted now.
fn days_of(now_ms: i64, send_ms: i64) -> Vec<i64> {
    let (day, tod) = (now_ms.div_euclid(DAY_MS), now_ms.rem_euclid(DAY_MS));
    if tod < MIDNIGHT_MARGIN_MS {
        vec![day, day - 1]
    } else if tod >= DAY_MS - MIDNIGHT_MARGIN_MS - send_ms {
        vec![day, day + 1]
    } else {
        vec![day]
    }
}
