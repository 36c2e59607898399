//! Reasons for which a batch waits, told while it does: counts, when the reasons
//! change, and now and then.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use zoomd_store::inspect::{BatchWait, JobView, WaitingLine};
use zoomd_store::queue::WaitReason;

use crate::cli::ctx::Ctx;
use crate::error::CliError;
use crate::text::count;
use crate::views::reason;

/// Between two looks while outcomes come.
const LOOK: Duration = Duration::from_secs(5);
/// Unchanged reasons are shown again after this time.
const AGAIN: Duration = Duration::from_secs(60);

/// Jobs that wait for the same.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Reason {
    reason: &'static str,
    explanation: String,
    jobs: u64,
    /// The time at which the first of them is expected to run; nothing where nobody knows.
    expected_at: Option<Timestamp>,
}

/// A batch at one time.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Standing {
    waiting_for: Vec<Reason>,
    running: u64,
    /// Jobs that were not looked at.
    unread: u64,
}

impl Standing {
    pub(super) fn of(batch: &BatchWait, unread: usize) -> Self {
        let mut reasons: BTreeMap<WaitReason, Vec<&WaitingLine>> = BTreeMap::new();
        for line in &batch.lines {
            reasons.entry(line.why).or_default().push(line);
        }
        let mut waiting_for: Vec<_> =
            reasons.into_iter().map(|(why, lines)| Reason::of(why, &lines)).collect();
        waiting_for.sort_by_key(|reason| std::cmp::Reverse(reason.jobs));
        let unread = u64::try_from(unread).unwrap_or(u64::MAX);
        Self { waiting_for, running: batch.running, unread }
    }

    /// True if the reasons are equal, whatever the counts.
    fn is_like(&self, other: &Self) -> bool {
        let words = |one: &Self| {
            let mut words: Vec<_> = one.waiting_for.iter().map(|r| r.explanation.clone()).collect();
            words.sort();
            words
        };
        words(self) == words(other)
    }

    /// One line for each reason.
    fn lines(&self, ctx: &Ctx, now: Timestamp) -> Vec<String> {
        let mut lines: Vec<_> = self
            .waiting_for
            .iter()
            .map(|reason| {
                let expected = reason.expected_at.map(|at| ctx.out.moment(at, now));
                let expected = expected.unwrap_or_else(|| "not known".to_owned());
                format!("{}, expected {expected}", reason.words())
            })
            .collect();
        if self.running > 0 {
            lines.push(format!("{}: running", count(self.running, "job")));
        }
        if self.unread > 0 {
            lines.push(format!("{} more were not checked", self.unread));
        }
        lines
    }
}

impl Reason {
    /// Of these lines, which have the same reason: words on it where they agree.
    fn of(why: WaitReason, lines: &[&WaitingLine]) -> Self {
        let mut view = JobView::waiting("");
        let first = lines.first();
        view.detail = first.and_then(|line| line.what.clone());
        view.since_ms = first.and_then(|line| line.since_ms);
        let agree = lines.iter().all(|line| line.what == view.detail);
        let explanation = match view.detail {
            Some(_) if agree => reason::sentence(why, &view),
            _ => reason::phrase(why).to_owned(),
        };
        let expected_ms = lines.iter().filter_map(|line| line.expected_ms).min();
        Self {
            reason: why.as_str(),
            explanation,
            jobs: lines.iter().map(|line| line.jobs).sum(),
            expected_at: expected_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        }
    }

    fn words(&self) -> String {
        format!("{}: {}", count(self.jobs, "job"), self.explanation)
    }
}

/// Tells how a batch stands.
#[derive(Debug)]
pub(super) struct Teller {
    said: Option<(Instant, Standing)>,
    looked: Instant,
}

impl Teller {
    /// State before the first message: a batch that finishes soon shows none.
    pub(super) fn new() -> Self {
        Self { said: None, looked: Instant::now() }
    }

    /// True when it is time to look, though outcomes come.
    pub(super) fn is_due(&self) -> bool {
        self.looked.elapsed() >= LOOK
    }

    /// Hears how it stands now, and tells it where that is news.
    pub(super) fn hear(
        &mut self,
        ctx: &Ctx,
        bar: &indicatif::ProgressBar,
        now: Standing,
    ) -> Result<(), CliError> {
        self.looked = Instant::now();
        let known = self.said.as_ref();
        let known = known.is_some_and(|(at, said)| at.elapsed() < AGAIN && said.is_like(&now));
        if now.waiting_for.is_empty() || known {
            return Ok(());
        }
        if ctx.out.is_json() {
            ctx.out.json_line(&now)?;
        } else {
            let lines = now.lines(ctx, Timestamp::now());
            bar.suspend(|| lines.iter().for_each(|line| ctx.out.note(line)));
        }
        self.said = Some((Instant::now(), now));
        Ok(())
    }

    /// The reasons that were told last, for the end of a sentence.
    pub(super) fn last(&self) -> String {
        let reasons = self.said.iter().flat_map(|(_, said)| &said.waiting_for);
        let reasons: Vec<_> = reasons.map(Reason::words).collect();
        if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(why: WaitReason, account: &str, jobs: u64, expected_ms: Option<i64>) -> WaitingLine {
        let account = Some(account.to_owned());
        let what = (why == WaitReason::Consent).then(|| "revoked".to_owned());
        WaitingLine { why, account, jobs, oldest_ms: None, expected_ms, what, since_ms: None }
    }

    #[test]
    fn accounts_are_counted_together_by_reason() {
        let lines = vec![
            line(WaitReason::HostDay, "acme", 2, Some(9_000)),
            line(WaitReason::Consent, "beta", 7, None),
            line(WaitReason::HostDay, "corp", 3, Some(5_000)),
        ];
        let standing = Standing::of(&BatchWait { running: 1, over: 0, lines }, 4);
        let told: Vec<_> =
            standing.waiting_for.iter().map(|r| (r.words(), r.expected_at.is_some())).collect();
        let words = [
            ("7 jobs: the account needs authorization (revoked)".to_owned(), false),
            ("5 jobs: today's meetings for this host are used up".to_owned(), true),
        ];
        assert_eq!(told, words);
        let json = serde_json::to_value(&standing).expect("JSON");
        assert_eq!(json["waiting_for"][1]["expected_at"], "1970-01-01T00:00:05Z");
        assert_eq!((&json["running"], &json["unread"]), (&1.into(), &4.into()));
    }

    #[test]
    fn only_other_reasons_are_news() {
        let of =
            |lines: Vec<WaitingLine>| Standing::of(&BatchWait { lines, ..BatchWait::default() }, 0);
        let day = |jobs| line(WaitReason::HostDay, "acme", jobs, None);
        assert!(of(vec![day(2)]).is_like(&of(vec![day(1)])));
        let both = of(vec![day(2), line(WaitReason::Queued, "acme", 1, None)]);
        assert!(!both.is_like(&of(vec![day(2)])));
    }
}
