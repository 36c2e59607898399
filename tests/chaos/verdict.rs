//! After a round: what must hold, held against what Zoom and the consumer saw.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use zoomd_store::grants::AccountState;
use zoomd_wire::AccountName;

use crate::book::{Book, Outcome};
use crate::plan::Kind;
use crate::readings;
use crate::world::{World, starts_in_the_past};

/// Judges the round and adds it to the rows.
pub async fn judge(world: &mut World, accounts: &[String]) -> Result<(), String> {
    still(world).await;
    let book = std::mem::take(&mut *world.books.open());
    let meetings = meetings(world, &book);
    let kind = world.plan.kind;
    let open = kind.window().is_some() || readings::leave_open(&world.readings);
    let mut wrong: Vec<String> =
        book.strays.iter().map(|s| format!("a stray outcome: {s}")).collect();
    let changes: HashSet<_> = book
        .families
        .iter()
        .flat_map(|family| family.members().skip(1))
        .map(|member| member.key.as_str())
        .collect();
    let mut twins = HashMap::new();
    for (key, outcomes) in &book.jobs {
        let made = meetings.get(key.as_str()).map_or(&[][..], Vec::as_slice);
        // No list may show the result of a create whose start was past.
        let open = open || starts_in_the_past(key);
        let judged = match changes.contains(key.as_str()) {
            true => change(kind, outcomes),
            false => job(kind, open, outcomes, made),
        };
        if let Err(mut what) = judged {
            if outcomes.is_empty() {
                what += &place(world, key);
            }
            wrong.push(format!("{key}: {what}; outcomes {outcomes:?}, meetings {made:?}"));
        }
        if made.len() > 1 {
            twins.insert(key.as_str(), made.len() - 1);
        }
    }
    let all = world.sim.meetings();
    for family in &book.families {
        let seen: Vec<_> = all.iter().filter(|m| m.topic == family.create()).collect();
        world.rows.targets += 1;
        if let Err(what) = family.judge(kind, &book, &seen) {
            let outcomes: Vec<_> = family.members().map(|m| (m, book.jobs.get(&m.key))).collect();
            wrong.push(format!("{}: {what}; {outcomes:?}, zoom {seen:?}", family.create()));
        }
    }
    if let Some(others) = meetings.get("") {
        wrong.push(format!("meetings of no job of this round: {others:?}"));
    }
    let counters = world.sim.counters();
    if is_paced(kind) {
        let arrived = &counters.arrived;
        let calls = arrived.create
            + arrived.list
            + arrived.get
            + arrived.update
            + arrived.delete
            + arrived.status;
        world.rows.paced.0 += calls;
        world.rows.paced.1 += counters.broken.over_per_second;
    }
    for (rule, times) in counters.broken.list() {
        *world.rows.broken.entry(rule.to_owned()).or_default() += times;
        if !forgiven(kind, rule) {
            let seen = world.sim.violations();
            let seen = seen.iter().filter(|v| v.rule == rule).take(3).collect::<Vec<_>>();
            wrong.push(format!("{times} times against {rule}: {seen:?}"));
        }
    }
    for name in accounts {
        wrong.extend(account(world, open, &book, name).await.err());
    }
    world.rows.add(kind, &book, &twins);
    if wrong.is_empty() {
        world.daemons.iter().for_each(crate::daemon::Daemon::forget_logs);
        Ok(())
    } else {
        Err(wrong.join("\n  "))
    }
}

/// Waits until nothing is on its way to Zoom any more.
async fn still(world: &World) {
    let end = Instant::now() + Duration::from_secs(5);
    tokio::time::sleep(Duration::from_millis(100)).await;
    while world.sim.in_flight() > 0 && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Ids of the meetings made in this round by the job they are of; those of no
/// job under an empty key.
fn meetings(world: &mut World, book: &Book) -> HashMap<String, Vec<u64>> {
    let mut by_job: HashMap<String, Vec<u64>> = HashMap::new();
    for meeting in world.sim.meetings() {
        if meeting.serial > world.meetings_before {
            world.meetings_before = meeting.serial;
            let known = book.jobs.contains_key(&meeting.topic);
            let key = if known { meeting.topic } else { String::new() };
            by_job.entry(key).or_default().push(meeting.id);
        }
    }
    by_job
}

/// One job: one outcome, and it names the one meeting there is.
fn job(kind: Kind, open: bool, outcomes: &[Outcome], made: &[u64]) -> Result<(), String> {
    let Some(first) = outcomes.first() else { return Err("lost: no outcome".into()) };
    // A job that Redis forgot is done again: its meeting is found, or it stays open.
    let same = outcomes
        .iter()
        .all(|o| o.of == first.of && (o.meeting == first.meeting || open && is_unknown(o)));
    if outcomes.len() > 1 && !(same && kind == Kind::RolledBack) {
        return Err("more than one outcome".into());
    }
    if made.len() > 1 && kind.window().is_none() {
        return Err("doubled: more than one meeting".into());
    }
    match (&first.code, first.meeting) {
        (None, Some(id)) if made.contains(&id) => Ok(()),
        (None, named) => Err(format!("its outcome names {named:?}")),
        (Some(_), _) if is_unknown(first) => match open || gave_up(first) {
            true => Ok(()),
            false => Err("it was left open, though zoom's list shows it".into()),
        },
        (Some(_), _) if made.is_empty() => Ok(()),
        (Some(code), _) => Err(format!("{code}, but there is a meeting")),
    }
}

/// The place of a job that has no outcome, as Redis has it.
fn place(world: &World, id: &str) -> String {
    let ask = |words: &[&str]| {
        let answer = world.redis.ask(words).unwrap_or_default();
        answer.lines().filter(|line| !line.starts_with(['$', '*'])).collect::<Vec<_>>().join(" ")
    };
    let live = ask(&["HGET", "zoomd:v1:ids", id]);
    let account = id.split('-').next().unwrap_or_default();
    let record = ask(&["HGET", &format!("zoomd:v1:record:{account}"), id]);
    let of = |key: &str, verb: &str| ask(&[verb, &format!("zoomd:v1:{key}"), id]);
    let (own, due, ends) = (of("owner", "HGET"), of("due", "ZSCORE"), of("deadline", "ZSCORE"));
    format!(" at {}: `{live}`, owner {own}, due {due}, deadline {ends}, {record}", ask(&["TIME"]))
}

/// One change of a meeting: one outcome. What it did is judged with its family.
fn change(kind: Kind, outcomes: &[Outcome]) -> Result<(), String> {
    let Some(first) = outcomes.first() else { return Err("lost: no outcome".into()) };
    let same = outcomes.iter().all(|o| o.of == first.of);
    if outcomes.len() > 1 && !(same && kind == Kind::RolledBack) {
        return Err("more than one outcome".into());
    }
    Ok(())
}

fn is_unknown(outcome: &Outcome) -> bool {
    outcome.code.as_deref() == Some("outcome_unknown")
}

/// True if the job failed because the daemon was killed too often with it.
fn gave_up(outcome: &Outcome) -> bool {
    outcome.why.contains("the daemon crashed")
}

/// True if calls arrive as they were granted. In other rounds they are held up and arrive
/// together with later ones, or a Redis that forgot grants them again.
fn is_paced(kind: Kind) -> bool {
    matches!(kind, Kind::Kills | Kind::Zoom | Kind::Rotations | Kind::LateList)
}

/// True if breaking this rule is tolerated in rounds of this kind.
fn forgiven(kind: Kind, rule: &str) -> bool {
    match kind {
        // Stopped past its lease, or forgotten: one 401.
        Kind::Stops | Kind::StoppedAfterLook if rule == "dead_access_token" => true,
        // Judged over the whole campaign: what is promised of it is a share of the calls.
        _ if rule == "over_per_second" => true,
        _ => rule == "twin" && kind.window().is_some(),
    }
}

/// An account is active, and its last job made a meeting.
async fn account(world: &World, open: bool, book: &Book, name: &str) -> Result<(), String> {
    let account = AccountName::new(name).map_err(|error| error.to_string())?;
    let look = world.rotations.look(&account).await.map_err(|error| error.to_string())?;
    let state = look.map(|look| (look.account.state, look.account.why));
    if !matches!(state, Some((AccountState::Active, _))) {
        return Err(format!("the token of {name} is lost: {state:?}"));
    }
    let last = book.jobs.get(&format!("{name}-last")).and_then(|outcomes| outcomes.first());
    match last {
        Some(Outcome { code: None, .. }) => Ok(()),
        Some(last) if open && is_unknown(last) => Ok(()),
        other => Err(format!("{name} does not work any more: {other:?}")),
    }
}
