//! The state of a namespace as programs see it: the verdict, its problems, and the
//! numbers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use zoomd_store::inspect::{
    DaemonLine, Problem, ROTATION_DAYS, RotationDays, Status, Vitals, WaitingJobs,
};

use super::line::time;
use super::waiting::{self, Waiting};
use crate::health::Judgement;

/// The share of rotations whose token should be stored in time.
pub const OBJECTIVE: f64 = 0.999;
/// The status as JSON. Fields are only ever added.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    pub namespace: &'a str,
    #[serde(flatten)]
    pub judgement: &'a Judgement,
    /// The numbers; left out where Redis cannot be asked.
    #[serde(flatten)]
    pub numbers: Option<Numbers<'a>>,
}

#[derive(Debug, Serialize)]
pub struct Numbers<'a> {
    pub at: Option<Timestamp>,
    pub paused: bool,
    pub pause_reason: Option<&'a str>,
    pub queued: u64,
    pub oldest_queued_at: Option<Timestamp>,
    pub running: u64,
    pub waiting: u64,
    pub sleeping: u64,
    pub waiting_by_reason: Vec<Waiting<'a>>,
    /// Waiting jobs that were not read for it.
    pub waiting_unread: u64,
    pub results_kept: u64,
    pub failures_listed: u64,
    pub failures_last_day: u64,
    pub succeeded_total: u64,
    pub failed_total: u64,
    pub accounts: BTreeMap<&'a str, u64>,
    pub accounts_in_trouble: Vec<Trouble<'a>>,
    pub rotations: Rotations,
    pub daemons: Vec<Daemon<'a>>,
    pub redis: Redis<'a>,
}

#[derive(Debug, Serialize)]
pub struct Trouble<'a> {
    pub account: &'a str,
    pub state: &'a str,
}

/// The rotations of the last days, beside what they should be: each new token
/// stored within five seconds of asking Zoom, and none lost.
#[derive(Debug, Serialize)]
pub struct Rotations {
    pub days: u32,
    pub in_time: u64,
    pub late: u64,
    pub repaired: u64,
    pub lost: u64,
    pub refused: u64,
    pub in_doubt: u64,
    pub share_in_time: Option<f64>,
    pub objective: f64,
    pub met: bool,
}

#[derive(Debug, Serialize)]
pub struct Daemon<'a> {
    pub id: &'a str,
    pub host: &'a str,
    pub pid: u32,
    pub version: &'a str,
    pub alive: bool,
    pub problems: &'a [Problem],
    pub seen_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
pub struct Redis<'a> {
    pub product: &'a str,
    pub version: &'a str,
    pub used_memory: u64,
    pub max_memory: u64,
    pub aof: bool,
    pub policy: &'a str,
    /// The reason why it takes no writes; jobs and token refreshes wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refuses_writes: Option<String>,
}

/// The status, and the reads that it was made of.
#[derive(Debug)]
pub struct Found {
    pub status: Status,
    pub vitals: Vitals,
    pub waiting: WaitingJobs,
}

impl<'a> Numbers<'a> {
    /// The numbers in what was read.
    pub fn of(Found { status, vitals, waiting }: &'a Found) -> Self {
        let trouble = status.trouble.iter();
        let facts = &vitals.server;
        Self {
            at: time(status.now_ms),
            paused: status.paused.is_some(),
            pause_reason: status.paused.as_ref().map(|paused| paused.reason.as_str()),
            queued: status.queued,
            oldest_queued_at: status.oldest_queued_ms.and_then(time),
            running: status.running,
            waiting: status.waiting,
            sleeping: status.sleeping,
            waiting_by_reason: waiting::of(waiting),
            waiting_unread: waiting.unread,
            results_kept: status.results,
            failures_listed: status.failures.0,
            failures_last_day: status.failures.1,
            succeeded_total: status.ended.0,
            failed_total: status.ended.1,
            accounts: status.accounts.iter().map(|(k, v)| (k.as_str(), *v)).collect(),
            accounts_in_trouble: trouble
                .map(|(account, state)| Trouble { account, state })
                .collect(),
            rotations: rotations(&status.rotations),
            daemons: status.daemons.iter().map(daemon).collect(),
            redis: Redis {
                product: &facts.product,
                version: &facts.version,
                used_memory: facts.used_memory,
                max_memory: facts.max_memory,
                aof: facts.aof,
                policy: &facts.policy,
                refuses_writes: vitals.refusal.as_ref().map(|refusal| refusal.what.clone()),
            },
        }
    }
}

fn daemon(line: &DaemonLine) -> Daemon<'_> {
    Daemon {
        id: &line.presence.id,
        host: &line.presence.host,
        pid: line.presence.pid,
        version: &line.presence.version,
        alive: line.alive,
        problems: &line.presence.problems,
        seen_at: time(line.seen_ms),
        started_at: time(line.presence.started_ms),
    }
}

fn rotations(of: &RotationDays) -> Rotations {
    let share = of.share_in_time();
    Rotations {
        days: ROTATION_DAYS,
        in_time: of.in_time,
        late: of.late,
        repaired: of.repaired,
        lost: of.lost,
        refused: of.refused,
        in_doubt: of.in_doubt,
        share_in_time: share,
        objective: OBJECTIVE,
        met: of.lost == 0 && share.is_none_or(|share| share >= OBJECTIVE),
    }
}
