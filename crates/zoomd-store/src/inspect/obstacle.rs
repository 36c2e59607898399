//! Obstacles: what keeps a job from running and is no budget of its own. No daemon
//! runs, Redis takes no writes, or every living daemon reports the same problem.
//!
//! The choice is pure; [`Ops::obstacles`] reads what it needs. A problem that only
//! some of the living daemons report keeps no job: another one runs it.

use super::{DaemonLine, Left, Ops, Problem, Refusal};
use crate::queue::WaitReason;
use crate::{ErrorKind, StoreError, probe};

/// Endpoints that no job's own call goes to.
const SEARCHES: [&str; 3] = ["list_meetings", "get_meeting", "users_me"];

/// Obstacle that keeps jobs from running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// Wait reason that it causes.
    pub why: WaitReason,
    /// One sentence: lower case, no full stop, no secret.
    pub what: String,
    /// The time at which it began, ms; `None`: not known.
    pub since_ms: Option<i64>,
}

impl Obstacle {
    /// True if the obstacle stays until a person acts: its end is unknown.
    #[must_use]
    pub fn lasts(&self) -> bool {
        !matches!(self.why, WaitReason::ZoomUnreachable | WaitReason::ZoomEndpointFailing)
    }
}

impl From<Refusal> for Obstacle {
    fn from(refusal: Refusal) -> Self {
        let why = match refusal.kind {
            ErrorKind::OutOfMemory => WaitReason::RedisFull,
            _ => WaitReason::RedisReadOnly,
        };
        Self { why, what: refusal.what, since_ms: None }
    }
}

/// All that is known of obstacles at one time; the default knows of none.
#[derive(Debug, Clone, Default)]
pub struct Obstacles {
    /// Reason why Redis takes no writes.
    redis: Option<Obstacle>,
    /// Known daemons; `None`: not read.
    daemons: Option<Vec<DaemonLine>>,
    /// The daemon that ended last of those that said so.
    left: Option<Left>,
}

/// The job or account that is asked about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asking<'a> {
    pub account: Option<&'a str>,
    /// The host of Zoom's API that its calls go to; `None`: not known.
    pub api_host: Option<&'a str>,
    /// True when its access token can be used: refreshes do not matter now.
    pub token_lives: bool,
}

impl Obstacles {
    /// Obstacles from the state of Redis and these daemons.
    #[must_use]
    pub fn new(redis: Option<Obstacle>, daemons: Vec<DaemonLine>) -> Self {
        Self { redis, daemons: Some(daemons), left: None }
    }

    /// Copy with the daemon that ended last.
    #[must_use]
    pub fn after(self, left: Option<Left>) -> Self {
        Self { left, ..self }
    }

    /// The first obstacle that jobs of `who` meet. A daemon cannot say that it lives
    /// while Redis takes no writes, so Redis comes first.
    #[must_use]
    pub fn of(&self, who: Asking<'_>) -> Option<Obstacle> {
        if self.redis.is_some() {
            return self.redis.clone();
        }
        let daemons = self.daemons.as_ref()?;
        let mut alive = daemons.iter().filter(|daemon| daemon.alive).peekable();
        if alive.peek().is_none() {
            return Some(no_daemon(daemons, self.left.as_ref()));
        }
        let mut common: Option<Vec<Obstacle>> = None;
        for daemon in alive {
            let mut met: Vec<_> =
                daemon.presence.problems.iter().filter_map(|problem| met(problem, who)).collect();
            if let Some(common) = common {
                // The one that began last is what all of them have had since.
                met = common.into_iter().filter_map(|one| shared(one, &met)).collect();
            }
            common = Some(met);
        }
        common?.into_iter().min_by_key(|obstacle| (!obstacle.lasts(), obstacle.why))
    }
}

impl Obstacles {
    /// The reason why a job in the hands of `daemon` takes long: that daemon is silent, or reports
    /// slow calls.
    pub(super) fn in_hands_of(&self, daemon: &str) -> Option<String> {
        let mut daemons = self.daemons.iter().flatten();
        let daemon = daemons.find(|one| one.presence.id == daemon)?;
        if !daemon.alive {
            let host = &daemon.presence.host;
            let what = "has no heartbeat; another daemon takes over the job when its lease expires";
            return Some(format!("the daemon on {host} {what}"));
        }
        let slow = daemon.presence.problems.iter().find(|problem| problem.code == "zoom_slow")?;
        Some(slow.what.clone())
    }
}

/// The obstacle with the time since which this other daemon has it, too.
fn shared(one: Obstacle, others: &[Obstacle]) -> Option<Obstacle> {
    let other = others.iter().find(|other| other.why == one.why)?;
    Some(Obstacle { since_ms: one.since_ms.max(other.since_ms), ..one })
}

fn no_daemon(daemons: &[DaemonLine], left: Option<&Left>) -> Obstacle {
    let heard = daemons.iter().map(|daemon| (daemon.seen_ms, &daemon.presence));
    let heard = heard.map(|(ms, presence)| (ms, &presence.id, &presence.host));
    let last = heard.chain(left.map(|left| (left.at_ms, &left.id, &left.host))).max();
    let what = match last {
        // Of one that fell silent long ago only the id is kept.
        Some((_, id, host)) if host.is_empty() => {
            format!("no daemon is running; the last was {id}")
        }
        Some((_, id, host)) => format!("no daemon is running; the last was {id} on {host}"),
        None => "no daemon is running".to_owned(),
    };
    Obstacle { why: WaitReason::NoDaemon, what, since_ms: last.map(|(ms, ..)| ms) }
}

/// True for a problem that keeps jobs of `who` from their calls.
#[must_use]
pub fn keeps(problem: &Problem, who: Asking<'_>) -> bool {
    met(problem, who).is_some()
}

/// The obstacle that a daemon's problem is for jobs of `who`.
fn met(problem: &Problem, who: Asking<'_>) -> Option<Obstacle> {
    let why = match &*problem.code {
        "zoom_unreachable" => WaitReason::ZoomUnreachable,
        "zoom_endpoint_failing" => WaitReason::ZoomEndpointFailing,
        "app_rejected" => WaitReason::AppRejected,
        "rotation_held" => WaitReason::RotationHeld,
        "rotation_impossible" => WaitReason::RotationImpossible,
        "key_missing" => WaitReason::KeyMissing,
        _ => return None,
    };
    // A token server has an address, an API host a name.
    let token_server = problem.host.as_deref().is_some_and(|host| host.contains("://"));
    let refresh = token_server
        || !matches!(why, WaitReason::ZoomUnreachable | WaitReason::ZoomEndpointFailing);
    let other_account = problem.account.is_some() && problem.account.as_deref() != who.account;
    let other_host = problem.host.as_deref().zip(who.api_host).is_some_and(|(host, ours)| {
        // A stand-in for Zoom is called for every account, regardless of its grant.
        is_zooms(host) && !host.eq_ignore_ascii_case(ours)
    });
    // Of the endpoints jobs need that of their call; a search waits for its own turn.
    let other_endpoint = problem.endpoint.as_deref().is_some_and(|at| SEARCHES.contains(&at));
    let elsewhere = other_account || other_endpoint || !token_server && other_host;
    if elsewhere || refresh && who.token_lives {
        return None;
    }
    Some(Obstacle { why, what: problem.what.clone(), since_ms: problem.since_ms })
}

fn is_zooms(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "zoom.us" || host.ends_with(".zoom.us")
}

impl Ops {
    /// Reads what may keep jobs from running; knows of nothing unless these answers
    /// were asked for ([`judging`](Ops::judging)).
    pub async fn obstacles(&self) -> Result<Obstacles, StoreError> {
        if !self.judges() {
            return Ok(Obstacles::default());
        }
        let daemons = self.daemons().await?;
        // A user who may not ask for it learns nothing of the server.
        let refusal = probe::refusal(self.store()).await.unwrap_or_default();
        let refusal =
            refusal.and_then(|refusal| refusal.unless_written(DaemonLine::any_alive(&daemons)));
        let left = self.left().await?;
        Ok(Obstacles::new(refusal.map(Obstacle::from), daemons).after(left))
    }
}

#[cfg(test)]
#[path = "obstacle_tests.rs"]
mod tests;
