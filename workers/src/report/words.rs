//! The text of each problem: what is wrong and why, and the next command. Pure.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use zoomd_store::ErrorKind;
use zoomd_store::inspect::Problem;

use crate::problems::endpoints::Fault;
use crate::problems::lasting::Trouble;
use crate::problems::pace::{SLOW, Slow};

/// Accounts that are told one by one.
const NAMED: usize = 20;

/// One time by two clocks.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The monotonic clock.
    pub now: Instant,
    /// The wall clock, in ms since 1970.
    pub now_ms: i64,
}

impl Times {
    /// An earlier time, in ms since 1970.
    #[must_use]
    pub fn ms(self, at: Instant) -> i64 {
        let ago = self.now.saturating_duration_since(at).as_millis();
        self.now_ms.saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX))
    }
}

/// Redis does not do what it is asked.
#[must_use]
pub fn redis(kind: ErrorKind, error: &str) -> Problem {
    let next = "zoomd doctor";
    match kind {
        ErrorKind::ReadOnly => Problem::down(
            "redis_read_only",
            format!("redis is read-only, a replica: {error}"),
            next,
        ),
        ErrorKind::OutOfMemory => Problem::down(
            "redis_full",
            format!("redis is full and accepts no new jobs: {error}"),
            next,
        ),
        ErrorKind::Unreachable => {
            Problem::down("redis_unreachable", format!("redis is unreachable: {error}"), next)
        }
        ErrorKind::Config => {
            Problem::down("redis_unreachable", format!("redis cannot be used: {error}"), next)
        }
        _ => Problem::down("redis_unreachable", format!("redis refuses a command: {error}"), next),
    }
}

/// Redis is another than before. `held`: new jobs are not taken in yet.
#[must_use]
pub fn redis_failed_over(held: bool) -> Problem {
    let (code, next) = ("redis_failed_over", "zoomd status -w");
    if held {
        let what = "redis restarted or failed over a moment ago: new jobs wait a few seconds while \
                    the daemons replay recent calls to it";
        return Problem::degraded(code, what, next);
    }
    let what = "redis restarted or failed over a moment ago; recent calls were replayed to it, and \
                what it lost of the last seconds besides them is not known";
    Problem::notice(code, what, next)
}

/// A fault of Zoom's. `away`: every job of the host waits. `writes_wait`: jobs that
/// write do.
#[must_use]
pub fn zoom(host: &str, fault: &Fault, away: bool, writes_wait: bool, times: Times) -> Problem {
    let next = "zoomd doctor";
    match fault {
        Fault::Host(streak) => {
            let (cause, calls) = (&streak.cause, streak.calls);
            let what = if away {
                format!("cannot reach {host}: {cause}; its jobs are on hold")
            } else {
                format!("cannot use {host}: {cause}; the last {calls} calls failed")
            };
            Problem::degraded("zoom_unreachable", what, next).since(times.ms(streak.since))
        }
        Fault::Endpoint(endpoint, streak, other) => {
            let (cause, calls) = (&streak.cause, streak.calls);
            let held = if writes_wait { "; its jobs are on hold" } else { "" };
            let what = format!(
                "{} at {host} fails ({endpoint}): {cause}; the last {calls} calls failed, while {} \
                 ({other}) succeeds{held}",
                deed(endpoint),
                deed(other)
            );
            Problem::degraded("zoom_endpoint_failing", what, next)
                .since(times.ms(streak.since))
                .of_endpoint(*endpoint)
        }
        Fault::Slow(endpoint, slow) => {
            let what =
                format!("{} at {host} is slow ({endpoint}): {}", deed(endpoint), times_of(slow));
            Problem::degraded("zoom_slow", what, next).since(times.ms(slow.since))
        }
    }
    .of_host(host)
}

/// Action of an endpoint, as the subject of a sentence.
fn deed(endpoint: &str) -> Cow<'_, str> {
    Cow::Borrowed(match endpoint {
        "list_meetings" => "listing meetings",
        "get_meeting" => "reading a meeting",
        "users_me" => "reading the user",
        "token" => "refreshing a token",
        // The call of a job: a verb and its object.
        other => match other.split_once('_') {
            Some((verb, what)) => {
                return format!("{}ing a {what}", verb.trim_end_matches('e')).into();
            }
            None => other,
        },
    })
}

fn times_of(slow: &Slow) -> String {
    let calls = if slow.calls == 1 {
        "1 slow call".to_owned()
    } else {
        format!("{} slow calls", slow.calls)
    };
    let now = format!("{} or more (p95 of the last 5 minutes, {calls})", seconds(slow.p95));
    match slow.usual {
        Some(usual) => format!("{now}; usual in the last day: up to {}", seconds(usual)),
        None => format!(
            "{now}; the usual time is not known yet, and more than {} counts as slow",
            seconds(SLOW)
        ),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// The token endpoint is in trouble.
#[must_use]
pub fn token_endpoint(issuer: &str, why: &str) -> Problem {
    let what = format!(
        "cannot use zoom's token endpoint {issuer}: {why}; jobs of accounts whose access token expires wait"
    );
    Problem::degraded("zoom_unreachable", what, "zoomd doctor").of_host(issuer)
}

/// Zoom's clock is so far ahead of this machine's.
#[must_use]
pub fn skew(ahead_ms: i64) -> Problem {
    let (apart, side) =
        (ahead_ms.unsigned_abs() / 1_000, if ahead_ms > 0 { "behind" } else { "ahead of" });
    let what = format!("this machine's clock is {apart} s {side} zoom's");
    Problem::degraded("clock_skew", what, "timedatectl set-ntp true")
}

/// The journal cannot be written.
#[must_use]
pub fn journal(error: &str) -> Problem {
    let what =
        format!("a daemon cannot write its rotation journal and refreshes no token: {error}");
    let has = |words: &str| error.contains(words);
    let next = if has("No space") || has("quota") {
        "make room on the disk of the data folder"
    } else if has("Permission denied") || has("Read-only") {
        "let the daemon's user write to the data folder again"
    } else {
        "put the data folder back, and restart the daemon"
    };
    Problem::degraded("rotation_impossible", what, next)
}

/// No rotation starts after a change of Redis.
#[must_use]
pub fn rotation_held() -> Problem {
    let what = "token refreshes are on hold: redis restarted or failed over, and the daemons \
                compare their journals with it first";
    Problem::degraded("rotation_held", what, "zoomd status -w")
}

/// Zoom refuses the configured app.
#[must_use]
pub fn app_rejected(client_id: &str, why: &str) -> Problem {
    let what = format!(
        "Zoom rejects the app's credentials (client id {client_id}): {why}; token refreshes stop until they are fixed"
    );
    let next = "correct ZOOMD_CLIENT_ID and ZOOMD_CLIENT_SECRET, then restart zoomd";
    Problem::degraded("app_rejected", what, next)
}

/// Zoom refuses apps that accounts brought.
#[must_use]
pub fn own_apps_rejected<'a>(
    refused: impl Iterator<Item = (&'a str, &'a Trouble)>,
    times: Times,
) -> Vec<Problem> {
    one_by_one(refused, times, |account, why| {
        let what = format!(
            "zoom rejected the credentials of the account's own app: {why}; its token refreshes stop until they are fixed"
        );
        let next = format!(
            "zoomd account add {account} --server-to-server ZOOM_ACCOUNT_ID --client-id ID \
             --client-secret-file FILE --replace"
        );
        Problem::degraded("app_rejected", what, next)
    })
}

/// Grants do not open with the keys of this daemon.
#[must_use]
pub fn keys_missing<'a>(
    grants: impl Iterator<Item = (&'a str, &'a Trouble)>,
    times: Times,
) -> Vec<Problem> {
    one_by_one(grants, times, |_, why| {
        let what = format!("a daemon cannot decrypt the account's tokens: {why}");
        Problem::degraded("key_missing", what, "zoomd doctor")
    })
}

/// A problem for each account, up to some.
fn one_by_one<'a>(
    troubles: impl Iterator<Item = (&'a str, &'a Trouble)>,
    times: Times,
    say: impl Fn(&str, &str) -> Problem,
) -> Vec<Problem> {
    let told = troubles.take(NAMED).map(|(account, trouble)| {
        say(account, &trouble.why).of_account(account).since(times.ms(trouble.since))
    });
    told.collect()
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
