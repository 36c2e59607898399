//! The problems that a process knows of itself, each with its cause, since when, and
//! the next command. [`words`] says them.

pub mod words;

use std::time::Instant;

use jiff::Timestamp;
use zoomd_store::inspect::Problem;

use crate::context::EngineContext;
use words::Times;

/// Problems that an engine knows of, the worst first.
pub(crate) fn all(ctx: &EngineContext) -> Vec<Problem> {
    let times = Times { now: Instant::now(), now_ms: Timestamp::now().as_millisecond() };
    let mut problems: Vec<_> = redis(ctx, times).collect();
    problems.extend(zoom(ctx, times));
    problems.extend(rotation(ctx, times));
    problems
}

fn redis(ctx: &EngineContext, times: Times) -> impl Iterator<Item = Problem> {
    let trouble = ctx
        .redis_health
        .problem()
        .map(|(kind, what, since)| words::redis(kind, &what).since(times.ms(since)));
    let changed = ctx.redis_health.changed_at(times.now);
    let held = ctx.holds_intake(times.now);
    let changed = changed.map(|at| words::redis_failed_over(held).since(times.ms(at)));
    trouble.into_iter().chain(changed)
}

fn zoom(ctx: &EngineContext, times: Times) -> Vec<Problem> {
    let (away, writes_wait) = {
        let circuits = ctx.circuits();
        (circuits.out_of_reach(), circuits.writes_wait())
    };
    let calls = ctx.tokens.zoom_calls();
    let is_away = |host: &str| away.iter().any(|known| **known == *host);
    let faults = calls.faults(times.now, is_away);
    let faults = faults.iter().map(|(host, fault)| {
        words::zoom(host, fault, is_away(host), writes_wait.contains(host), times)
    });
    let mut problems: Vec<_> = faults.collect();
    let rotator = ctx.tokens.rotator();
    if let Some((since, why)) = rotator.outage() {
        problems.push(words::token_endpoint(&rotator.ours().issuer, &why).since(times.ms(since)));
    }
    if let Some((ahead_ms, since)) = calls.skew_ms() {
        problems.push(words::skew(ahead_ms).since(times.ms(since)));
    }
    problems
}

fn rotation(ctx: &EngineContext, times: Times) -> Vec<Problem> {
    let (tokens, rotator) = (&ctx.tokens, ctx.tokens.rotator());
    let mut problems = Vec::new();
    if let Some((error, since)) = tokens.journal().trouble_since() {
        problems.push(words::journal(&error.to_string()).since(times.ms(since)));
    }
    if let Some(since) = rotator.held_since() {
        problems.push(words::rotation_held().since(times.ms(since)));
    }
    rotator.credentials(|known| {
        for (client_id, refused) in known.app.known(times.now) {
            let problem = words::app_rejected(client_id, &refused.why);
            problems.push(problem.since(times.ms(refused.since)));
        }
        problems.extend(words::own_apps_rejected(known.own_apps.known(times.now), times));
        problems.extend(words::keys_missing(known.grants.known(times.now), times));
    });
    problems
}
