//! Redis: reachable, writable, with room, and not one that forgets.

use zoomd_store::ErrorKind;
use zoomd_store::Replicas;
use zoomd_store::inspect::{Problem, Refusal};
use zoomd_store::probe::ServerFacts;

use super::{Found, Here, length};
use crate::health::facts::Absent;

/// A restart of Redis is told for so long, ms.
const NEWS_MS: i64 = 600_000;
/// Memory in use, in percent, from which it is told.
const NEARLY_FULL: u64 = 80;
/// Clocks that differ by less are right, ms.
const SKEW_MS: i64 = 2_000;

/// A Redis that could not be asked.
pub(super) fn absent(here: &Here, absent: &Absent) -> Problem {
    let place = &here.redis;
    let text = absent.text.strip_prefix("redis: ").unwrap_or(&absent.text);
    let (code, what) = match absent.kind {
        ErrorKind::ReadOnly => {
            ("redis_read_only", format!("Redis at {place} takes no writes: {text}"))
        }
        ErrorKind::Layout => ("other_layout", text.to_owned()),
        ErrorKind::Auth => {
            ("redis_unreachable", format!("Redis at {place} refuses the login: {text}"))
        }
        _ => ("redis_unreachable", format!("Redis at {place} is unreachable: {text}")),
    };
    Problem::down(code, what, when_absent(here, absent)).since(absent.since_ms)
}

/// Never a Redis without the data of this one: jobs and tokens are in it.
fn when_absent(here: &Here, absent: &Absent) -> String {
    let (text, tools) = (absent.text.as_str(), &here.tools);
    let cli = |command: &str| tools.redis(&here.redis, command);
    let local = ["://127.", "://localhost", "://[::1]", "unix://"]
        .iter()
        .any(|place| here.redis.replace("***@", "").contains(place));
    match absent.kind {
        ErrorKind::Auth => "put user and password into the file that ZOOMD_REDIS_URL_FILE names: \
                            redis://USER:PASSWORD@HOST:PORT"
            .to_owned(),
        ErrorKind::ReadOnly => "point redis.url (ZOOMD_REDIS_URL) at the primary".to_owned(),
        ErrorKind::Layout => {
            "stop the daemons of the earlier version, or run that version".to_owned()
        }
        ErrorKind::Config => "zoomd help config".to_owned(),
        _ if text.contains("max number of clients") => format!(
            "{} shows who leaves connections open; or {}",
            cli("CLIENT LIST"),
            cli("CONFIG SET maxclients 10000")
        ),
        _ if text.contains("BUSY") => {
            format!("{} ends the script that blocks Redis", cli("SCRIPT KILL"))
        }
        _ if text.contains("LOADING") || text.contains("loading") => {
            format!("wait until Redis has read its data: {}", cli("INFO persistence"))
        }
        _ if text.contains("redis.ca_file") => {
            "name the authority of Redis' certificate: ZOOMD_REDIS_CA_FILE=/path/to/ca.pem"
                .to_owned()
        }
        _ => match (tools.sentinel(&here.redis), tools.redis_service.filter(|_| local)) {
            (Some(ask), _) => format!(
                "{ask}; daemons find a new master by themselves, and without a failover the old \
                 one must start with the data it had"
            ),
            (None, Some(service)) => {
                format!("systemctl status {service}; it must start with the data it had")
            }
            (None, None) => format!(
                "{}; if nothing answers, start that server again with the data it had, or correct \
                 redis.url (ZOOMD_REDIS_URL)",
                cli("PING")
            ),
        },
    }
}

/// A Redis that answers.
pub(super) fn server(here: &Here, found: &Found) -> Vec<Problem> {
    let facts = &found.vitals.server;
    let mut problems = Vec::new();
    match &found.vitals.refusal {
        Some(refusal) => problems.push(refused(here, found, refusal)),
        None => problems.extend(nearly_full(here, facts)),
    }
    problems.extend(evicts(here, facts));
    problems.extend(forgets(here, facts));
    problems.extend(replicas(here, found));
    problems.extend(changed(found));
    problems
}

fn refused(here: &Here, found: &Found, refusal: &Refusal) -> Problem {
    let look = here.tools.redis(&here.redis, &format!("INFO {}", refusal.section));
    let (code, next) = match refusal.kind {
        ErrorKind::OutOfMemory => {
            ("redis_full", format!("{look}; then raise maxmemory, or free memory"))
        }
        _ => ("redis_read_only", look),
    };
    Problem::down(code, &refusal.what, next).holding(found.unfinished())
}

fn nearly_full(here: &Here, facts: &ServerFacts) -> Option<Problem> {
    let keeps = matches!(facts.policy.as_str(), "noeviction" | "");
    if facts.max_memory == 0 || !keeps {
        return None;
    }
    let used = facts.used_memory.saturating_mul(100) / facts.max_memory;
    let what = format!("Redis uses {used} % of {} MiB", facts.max_memory >> 20);
    let next = "give Redis more memory before it is full";
    let next = format!("{}; {next}", here.tools.redis(&here.redis, "INFO memory"));
    (used >= NEARLY_FULL).then(|| Problem::notice("redis_full", what, next))
}

/// Turns a setting of Redis on, and keeps it on.
fn set(here: &Here, facts: &ServerFacts, name: &str, value: &str) -> String {
    let now = here.tools.redis(&here.redis, &format!("CONFIG SET {name} {value}"));
    match facts.has_file {
        true => format!("{now} && {}", here.tools.redis(&here.redis, "CONFIG REWRITE")),
        false => format!(
            "{now}, and start Redis with --{name} {value} (it runs without a configuration file)"
        ),
    }
}

fn evicts(here: &Here, facts: &ServerFacts) -> Option<Problem> {
    let policy = facts.policy.as_str();
    if matches!(policy, "noeviction" | "") {
        return None;
    }
    let next = set(here, facts, "maxmemory-policy", "noeviction");
    if facts.max_memory == 0 {
        let what = format!("Redis would evict jobs and tokens under a memory limit ({policy})");
        return Some(Problem::notice("redis_evicts", what, next));
    }
    let lost = match policy.starts_with("volatile") {
        true => "counts of Zoom's limits",
        false => "jobs and tokens",
    };
    let what = format!("Redis evicts {lost} when memory is short ({policy})");
    Some(Problem::degraded("redis_evicts", what, next))
}

fn forgets(here: &Here, facts: &ServerFacts) -> Option<Problem> {
    let code = "redis_not_durable";
    if !facts.aof {
        let what = "Redis has no append-only file: its restart loses jobs and refreshed tokens";
        return Some(Problem::degraded(code, what, set(here, facts, "appendonly", "yes")));
    }
    if !facts.persists {
        let what = "the last write of Redis' append-only file failed";
        let next = format!("df -h; {}", here.tools.redis(&here.redis, "INFO persistence"));
        return Some(Problem::degraded(code, what, next));
    }
    if facts.fsync.as_deref() == Some("no") {
        let what =
            "appendfsync is no: a crash of the Redis server can lose the last 30 seconds of writes";
        return Some(Problem::notice(code, what, set(here, facts, "appendfsync", "everysec")));
    }
    (facts.replicas > 0 && facts.min_replicas == Some(0)).then(|| {
        let what = "min-replicas-to-write is 0: a primary that was cut off from its replicas \
                    takes writes that the failover loses";
        Problem::notice(code, what, set(here, facts, "min-replicas-to-write", "1"))
    })
}

/// Replicas that must confirm, and are not attached.
fn replicas(here: &Here, found: &Found) -> Option<Problem> {
    let attached = found.vitals.server.replicas;
    let wanted = match here.replicas {
        Replicas::AtLeast(count) => count,
        Replicas::Remembered => u32::from(found.vitals.replica_seen),
    };
    let what = format!(
        "{attached} of {wanted} replicas of Redis are attached: no token is refreshed until one \
         confirms"
    );
    let next = "attach a replica, or set ZOOMD_REDIS_REPLICAS=0 if there is to be none";
    let problem = || Problem::degraded("rotation_impossible", what, next);
    (attached < wanted).then(|| problem().holding_at_most(found.waiting_for_a_token()))
}

fn changed(found: &Found) -> Option<Problem> {
    let (at, now_ms) = (found.vitals.run_at_ms, found.vitals.now_ms);
    let what = "Redis restarted or failed over; what it accepted last may be lost";
    let next = "zoomd job show ID; if the job is unknown, send it again with the same id";
    (at > 0 && now_ms - at < NEWS_MS)
        .then(|| Problem::notice("redis_failed_over", what, next).since(at))
}

/// The clock of Redis and that of this machine.
pub(super) fn clock(here: &Here, found: &Found) -> Option<Problem> {
    let off = found.clock_off_ms;
    let which = if off > 0 { "behind" } else { "ahead of" };
    let what = format!(
        "the clock of this machine ({}) is {} {which} that of Redis",
        here.machine,
        length(off.abs())
    );
    let next = "timedatectl set-ntp true, on both machines";
    (off.abs() >= SKEW_MS).then(|| Problem::degraded("clock_skew", what, next))
}
