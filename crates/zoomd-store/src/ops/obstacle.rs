//! Obstacles: what keeps a job from running and is no budget of its own. No daemon
//! runs, Redis takes no writes, or every living daemon reports the same problem.
//!
//! The choice is pure; [`Ops::obstacles`] reads what it needs. A problem that only
//! some of the living daemons report keeps no job: another one runs it.

use super::{DaemonLine, Ops, Problem};
use crate::StoreError;
use crate::queue::Why;

/// One obstacle, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// Its word.
    pub why: Why,
    /// One sentence: lower case, no full stop, no secret.
    pub what: String,
    /// When it began, ms; `None`: not known.
    pub since_ms: Option<i64>,
}

impl Obstacle {
    /// Whether it stays until somebody does something, so that no time can be told.
    #[must_use]
    pub fn lasts(&self) -> bool {
        !matches!(self.why, Why::ZoomUnreachable | Why::ZoomEndpointFailing)
    }
}

/// All that is known of obstacles at one time; the default knows of none.
#[derive(Debug, Clone, Default)]
pub struct Obstacles {
    /// Why Redis takes no writes.
    redis: Option<Obstacle>,
    /// The daemons that were heard of; `None`: nobody asked.
    daemons: Option<Vec<DaemonLine>>,
}

/// The job or account that is asked about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asking<'a> {
    /// The account.
    pub account: Option<&'a str>,
    /// The host of Zoom's API that its calls go to; `None`: not known.
    pub api_host: Option<&'a str>,
    /// Its access token can be used: refreshes do not matter now.
    pub token_lives: bool,
}

impl Obstacles {
    /// Those of a Redis that takes writes or not, and of these daemons.
    #[must_use]
    pub fn new(redis: Option<Obstacle>, daemons: Vec<DaemonLine>) -> Self {
        Self { redis, daemons: Some(daemons) }
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
            return Some(no_daemon(daemons));
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
    /// The slow calls that `daemon` reports, in its words: they hold no job back, but
    /// tell why one in its hands takes long.
    pub(super) fn slow(&self, daemon: &str) -> Option<String> {
        let mut daemons = self.daemons.iter().flatten();
        let daemon = daemons.find(|one| one.presence.id == daemon)?;
        let slow = daemon.presence.problems.iter().find(|problem| problem.code == "zoom_slow")?;
        Some(slow.what.clone())
    }
}

/// The obstacle with the time since which this other daemon has it, too.
fn shared(one: Obstacle, others: &[Obstacle]) -> Option<Obstacle> {
    let other = others.iter().find(|other| other.why == one.why)?;
    Some(Obstacle { since_ms: one.since_ms.max(other.since_ms), ..one })
}

fn no_daemon(daemons: &[DaemonLine]) -> Obstacle {
    let last = daemons.iter().max_by_key(|daemon| daemon.seen_ms);
    let what = match last {
        Some(last) => {
            let presence = &last.presence;
            format!("no daemon is running; the last was {} on {}", presence.id, presence.host)
        }
        None => "no daemon is running".to_owned(),
    };
    Obstacle { why: Why::NoDaemon, what, since_ms: last.map(|daemon| daemon.seen_ms) }
}

/// The obstacle that a daemon's problem is for jobs of `who`.
fn met(problem: &Problem, who: Asking<'_>) -> Option<Obstacle> {
    let why = match &*problem.code {
        "zoom_unreachable" => Why::ZoomUnreachable,
        "zoom_endpoint_failing" => Why::ZoomEndpointFailing,
        "app_rejected" => Why::AppRejected,
        "rotation_held" => Why::RotationHeld,
        "rotation_impossible" => Why::RotationImpossible,
        "key_missing" => Why::KeyMissing,
        _ => return None,
    };
    // A token server has an address, an API host a name.
    let token_server = problem.host.as_deref().is_some_and(|host| host.contains("://"));
    let refresh = token_server || !matches!(why, Why::ZoomUnreachable | Why::ZoomEndpointFailing);
    let other_account = problem.account.is_some() && problem.account.as_deref() != who.account;
    let other_host = problem.host.as_deref().zip(who.api_host).is_some_and(|(host, ours)| {
        // A stand-in for Zoom is called for every account, whatever its grant says.
        is_zooms(host) && !host.eq_ignore_ascii_case(ours)
    });
    // Of the endpoints jobs need that of creates; a search waits for its own turn.
    let other_endpoint = problem.endpoint.as_deref().is_some_and(|at| at != "create_meeting");
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
    ///
    /// # Errors
    /// That Redis could not be asked.
    pub async fn obstacles(&self) -> Result<Obstacles, StoreError> {
        if !self.judges() {
            return Ok(Obstacles::default());
        }
        let daemons = self.daemons().await?;
        // A user who may not ask for it learns nothing of the server.
        let info = self.store().info("default").await.unwrap_or_default();
        Ok(Obstacles::new(refusal(&info), daemons))
    }
}

/// Why a server of which `INFO` says this takes no writes. A write would tell for
/// certain, but who only reads may have no right to one.
fn refusal(info: &str) -> Option<Obstacle> {
    let text = |name: &str| {
        let pairs = info.lines().filter_map(|line| line.trim_end().split_once(':'));
        pairs.filter(|(known, _)| *known == name).map(|(_, value)| value).next()
    };
    let number = |name: &str| text(name).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    let (most, policy) = (number("maxmemory"), text("maxmemory_policy").unwrap_or("noeviction"));
    let used = number("used_memory").saturating_sub(number("mem_not_counted_for_evict"));
    let (why, what) = if text("role") == Some("slave") {
        let master = format!(
            "{}:{}",
            text("master_host").unwrap_or_default(),
            text("master_port").unwrap_or_default()
        );
        (Why::RedisReadOnly, format!("Redis is read-only: it is a replica of {master}"))
    } else if text("aof_last_write_status") == Some("err") {
        let what = "Redis takes no writes: it cannot write its append-only file";
        (Why::RedisReadOnly, what.to_owned())
    } else if most > 0 && used > most && policy == "noeviction" {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let what =
            format!("Redis is full and takes no jobs: {} of {} MiB are used", mib(used), mib(most));
        (Why::RedisFull, what)
    } else {
        return None;
    };
    Some(Obstacle { why, what, since_ms: None })
}

#[cfg(test)]
#[path = "obstacle_tests.rs"]
mod tests;
