//! The story of a job as a list of lines, from acceptance to its result.
//!
//! Pure: what is known of a job in, lines out, for people and for programs alike.
//! Steps come from the job's record, or from the entry of its result. A job that
//! went to Zoom at once and succeeded has none: its outcome says all. Waits
//! between two steps are told as lines of their own.

use jiff::Timestamp;
use serde_json::Value;
use zoomd_store::inspect::{Block, JobView, State};
use zoomd_store::queue::{Next, Step, StepKind, WaitReason};
use zoomd_wire::Kind;

use super::line::{Line, line, time, told};

/// A shorter time between two steps is no wait worth a line.
const SHORTEST_WAIT_MS: i64 = 1_000;
/// Waits in which people may have held the job back, which these words do not say.
const OPEN: [&str; 3] = ["queue", "turn", "token"];

/// All lines of a job's story.
pub fn of(view: &JobView) -> Vec<Line> {
    let outcome = view.outcome.as_deref().and_then(|json| serde_json::from_str(json).ok());
    let outcome: Value = outcome.unwrap_or_default();
    let accepted_ms = view.entry.as_deref().and_then(entry_ms);
    let over_ms =
        view.state.is_over().then(|| ms_of(&outcome["finished_at"], &outcome["failed_at"]));
    let over_ms = over_ms.flatten();
    let mut steps = view.record.story.timeline.clone();
    // A call that no daemon came back from was written down by a script.
    for step in steps.iter_mut().filter(|step| step.kind == StepKind::Call) {
        step.endpoint.get_or_insert(kind_of(view, &outcome).as_str().into());
    }
    if steps.is_empty() {
        steps.extend(only_call(view, &outcome));
    }
    let mut blocks = view.blocks.clone();
    blocks.extend(accepted_ms.and_then(|ms| not_before(view, ms)));
    blocks.sort_by_key(|block| block.from_ms);
    let mut lines = Vec::with_capacity(2 * steps.len() + 3);
    lines.extend(accepted_ms.map(|at_ms| line(at_ms, "accepted", "accepted".to_owned())));
    if view.record.story.dropped > 0 {
        let what = format!("{} earlier steps are not recorded", view.record.story.dropped);
        lines.push(Line { kind: "dropped", what, ..Line::default() });
    }
    let mut since = accepted_ms.map(|ms| Since { ms, why: "queue", until_ms: None });
    for (at, step) in steps.iter().enumerate() {
        lines.extend(since.iter().flat_map(|since| since.waits(step.at_ms, &blocks)));
        let next_ms = steps.get(at + 1).map(|next| next.at_ms).or(over_ms);
        let end_ms = next_ms.map(|next_ms| ended(step, next_ms, &blocks));
        // A wait of no length is none; a call may be over within a millisecond.
        let empty = step.kind == StepKind::Wait && end_ms == Some(step.at_ms);
        lines.extend((!empty).then(|| told(step, end_ms)));
        since = after(step, end_ms);
    }
    if view.state.is_over() {
        let to_ms = over_ms.unwrap_or_default();
        lines.extend(since.iter().flat_map(|since| since.waits(to_ms, &blocks)));
        lines.push(result(view, &outcome, over_ms));
    } else if let Some(now) = going_on(view, steps.last(), since.map(|since| since.ms)) {
        // It was sent back for that, and waits for something else by now.
        let before = lines.last_mut().filter(|line| line.kind == "wait" && line.to.is_none());
        if let Some(before) = before {
            before.what = before.what.replacen("waiting", "sent back to wait", 1);
        }
        lines.push(now);
    }
    if let Some(from_ms) = view.blocks_from_ms.filter(|ms| lines.iter().any(|l| is_open(l, *ms))) {
        let at = usize::from(lines.first().is_some_and(|line| line.kind == "accepted"));
        lines.insert(at, unknown_before(from_ms));
    }
    lines
}

/// A wait from before `from_ms` that may have been a pause or a lost authorization.
fn is_open(line: &Line, from_ms: i64) -> bool {
    let open = line.reason.as_deref().is_some_and(|reason| OPEN.contains(&reason));
    line.kind == "wait" && open && line.at < time(from_ms)
}

/// Pauses and lost authorizations that are not kept: a wait of then may be one of them.
fn unknown_before(from_ms: i64) -> Line {
    let at = time(from_ms).map(|at| format!("{at:.0}")).unwrap_or_default();
    let what = format!("pauses and lost authorizations before {at} are not recorded");
    Line { kind: "unknown", what, to: time(from_ms), ..Line::default() }
}

/// The time before which the job was not to be sent, where the job is at hand.
fn not_before(view: &JobView, accepted_ms: i64) -> Option<Block> {
    let job: Value = serde_json::from_slice(view.job.as_deref()?).ok()?;
    let to_ms = Some(ms_of(&job["not_before"], &Value::Null)?);
    Some(Block { why: WaitReason::NotBefore, from_ms: accepted_ms, to_ms })
}

/// Since when nothing is told, and what the job waits for from then on.
#[derive(Debug, Clone, Copy)]
struct Since<'a> {
    ms: i64,
    why: &'a str,
    /// It waits for something else from then on: for its turn.
    until_ms: Option<i64>,
}

impl Since<'_> {
    /// The waits that are worth a line, until the next step at `to_ms`.
    fn waits(&self, to_ms: i64, blocks: &[Block]) -> Vec<Line> {
        let (mut lines, mut from_ms) = (Vec::new(), self.ms);
        let mut add = |from_ms: i64, to_ms: i64, why: &str| {
            let long = to_ms - from_ms >= SHORTEST_WAIT_MS;
            lines.extend(long.then(|| told(&Step::wait(from_ms, why.to_owned()), Some(to_ms))));
        };
        let mut why = self.why;
        if let Some(until_ms) = self.until_ms.filter(|ms| to_ms - ms >= SHORTEST_WAIT_MS) {
            add(from_ms, until_ms, why);
            (from_ms, why) = (from_ms.max(until_ms), "queue");
        }
        for block in blocks.iter().filter(|_| OPEN.contains(&why)) {
            let block_ms = (block.from_ms.max(from_ms), block.to_ms.unwrap_or(to_ms).min(to_ms));
            if block_ms.1 - block_ms.0 >= SHORTEST_WAIT_MS {
                add(from_ms, block_ms.0, why);
                add(block_ms.0, block_ms.1, block.why.as_str());
                from_ms = block_ms.1;
            }
        }
        add(from_ms, to_ms, why);
        lines
    }
}

/// The call of a job of whose story nothing was written: its outcome tells it.
fn only_call(view: &JobView, outcome: &Value) -> Option<Step> {
    let at_ms = ms_of(&outcome["started_at"], &Value::Null)?;
    let end_ms = ms_of(&outcome["finished_at"], &outcome["failed_at"])?;
    if outcome["attempts"] != 1 || outcome["reconciled"] == true {
        return None;
    }
    let succeeded = view.state == State::Succeeded;
    let status = outcome["zoom"]["status"].as_u64().and_then(|status| status.try_into().ok());
    Some(Step {
        at_ms,
        kind: StepKind::Call,
        endpoint: Some(kind_of(view, outcome).as_str().into()),
        attempt: Some(1),
        status: if succeeded { Some(kind_of(view, outcome).success_status()) } else { status },
        ms: u64::try_from(end_ms - at_ms).ok(),
        next: Some(if succeeded { Next::Done } else { Next::Failed }),
        ..Step::default()
    })
}

/// The request of the job, as its outcome or the job itself says.
fn kind_of(view: &JobView, outcome: &Value) -> Kind {
    let word = |value: &Value| value["kind"].as_str().and_then(|word| word.parse().ok());
    let job = || word(&serde_json::from_slice(view.job.as_deref()?).ok()?);
    word(outcome).or_else(job).unwrap_or_default()
}

/// The end of a step: a wait may have been followed by another.
fn ended(step: &Step, next_ms: i64, blocks: &[Block]) -> i64 {
    if step.kind != StepKind::Wait {
        return next_ms;
    }
    let open = step.reason.as_deref().is_some_and(|why| OPEN.contains(&why));
    let block_ms = blocks.iter().filter(|_| open).map(|block| block.from_ms);
    let others = block_ms.chain(step.until_ms);
    let others = others.filter(|ms| (step.at_ms..=next_ms - SHORTEST_WAIT_MS).contains(ms));
    others.min().unwrap_or(next_ms)
}

/// The wait behind a step that ended at `end_ms`, if it was a wait.
fn after(step: &Step, end_ms: Option<i64>) -> Option<Since<'_>> {
    let took_ms = step.ms.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0);
    let since = |why, until_ms| Since { ms: step.at_ms + took_ms, why, until_ms };
    Some(match (step.kind, step.next) {
        (StepKind::Wait, _) if step.until_ms == end_ms => {
            Since { ms: end_ms?, why: "queue", until_ms: None }
        }
        (StepKind::Wait, _) => Since { ms: end_ms?, why: step.reason.as_deref()?, until_ms: None },
        (_, Some(Next::Done | Next::Failed)) => return None,
        (_, Some(Next::Retry)) => since("backoff", step.until_ms),
        (_, Some(Next::Look)) => since("reconcile", step.until_ms),
        _ => since("queue", None),
    })
}

/// The wait of a live job now.
fn going_on(view: &JobView, last: Option<&Step>, since_ms: Option<i64>) -> Option<Line> {
    let why = match view.state {
        State::Running => return None,
        State::Queued => "queue",
        State::Reconciling if view.daemon.is_some() => return None,
        State::Reconciling => "reconcile",
        _ => view.why?.as_str(),
    };
    let waits = last.filter(|step| step.kind == StepKind::Wait);
    // A job that was sent back for a token waits for its refresh.
    let same = |said: &str| said == why || (said, why) == ("token", WaitReason::Rotation.as_str());
    if waits.and_then(|step| step.reason.as_deref()).is_some_and(same) {
        return None;
    }
    let mut line = told(&Step::wait(0, why), None);
    line.at = since_ms.and_then(time);
    line.next_at = view.until_ms.and_then(time);
    Some(line)
}

fn result(view: &JobView, outcome: &Value, over_ms: Option<i64>) -> Line {
    let code = outcome["code"].as_str().map(str::to_owned);
    let what = match (&code, &outcome["meeting"]["id"]) {
        (Some(code), _) => format!("failed: {code}"),
        (None, Value::Null) => view.state.as_str().to_owned(),
        (None, id) => match outcome["effect"].as_str() {
            Some(effect) => format!("succeeded: meeting {id} {}", effect.replace('_', " ")),
            None => format!("succeeded: meeting {id}"),
        },
    };
    Line { code, at: over_ms.and_then(time), ..line(0, "result", what) }
}

fn entry_ms(entry: &str) -> Option<i64> {
    let entry: zoomd_wire::EntryId = entry.parse().ok()?;
    i64::try_from(entry.ms).ok()
}

fn ms_of(first: &Value, second: &Value) -> Option<i64> {
    let text = first.as_str().or(second.as_str())?;
    Some(text.parse::<Timestamp>().ok()?.as_millisecond())
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
