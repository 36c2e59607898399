//! Words on a job at acceptance: when it will run, and whether that is
//! today.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};
use zoomd_store::clock::next_midnight_ms;
use zoomd_store::inspect::JobView;
use zoomd_store::queue::WaitReason;
use zoomd_wire::Job;

use crate::cli::ctx::Ctx;
use crate::views::reason;

/// A shorter wait is not worth a word.
const SOON_MS: i64 = 60_000;

/// The time at which a job is expected to run, and why then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expectation {
    why: WaitReason,
    because: String,
    next: Option<String>,
    at_ms: Option<i64>,
    now_ms: i64,
}

/// Users whose daily limit a job uses: the host, and the user who schedules for it.
pub(super) fn hosts(job: &Job) -> Vec<Cow<'_, str>> {
    let [host, other] = job.charged_hosts();
    let mut hosts: Vec<_> = host.into_iter().map(Cow::from).collect();
    if let Some(user) = other {
        let user: Cow<'_, str> =
            if user.contains('@') { user.to_lowercase().into() } else { user.into() };
        if !hosts.contains(&user) {
            hosts.push(user);
        }
    }
    hosts
}

impl Expectation {
    pub(super) fn of(view: &JobView, now_ms: i64) -> Self {
        let why = view.why.unwrap_or(WaitReason::Turn);
        let (because, next) = (reason::sentence(why, view), reason::next(view));
        Self { why, because, next, at_ms: view.until_ms, now_ms }
    }

    /// True when it runs on this UTC day; `None` while nobody can say.
    fn fits_today(&self) -> Option<bool> {
        self.at_ms.map(|at| at < next_midnight_ms(self.now_ms))
    }

    fn is_soon(&self) -> bool {
        self.at_ms.is_some_and(|at| at - self.now_ms <= SOON_MS)
    }

    /// Adds it to what is printed as JSON.
    pub(super) fn add_to(&self, shown: &mut Value) {
        let at = self.at_ms.and_then(|at| Timestamp::from_millisecond(at).ok());
        let waits = !self.is_soon();
        shown["expected_at"] = json!(at);
        shown["fits_today"] = json!(self.fits_today());
        for name in ["reason", "why"] {
            shown[name] = json!(waits.then(|| self.why.as_str()));
        }
        for name in ["explanation", "because"] {
            shown[name] = json!(waits.then_some(&self.because));
        }
    }

    /// One sentence for people; none for a job that runs soon.
    pub(super) fn sentence(&self) -> Option<String> {
        if self.is_soon() {
            return None;
        }
        let at = self.at_ms.and_then(|at| Timestamp::from_second(at / 1000).ok());
        let at = at.map_or_else(
            || ", expected time not known".to_owned(),
            |at| format!(", expected {at}"),
        );
        let head = match self.fits_today() {
            Some(false) if self.why != WaitReason::NotBefore => "is over today's limit",
            _ => "will wait",
        };
        Some(format!("{head}{at}: {}", self.because))
    }

    pub(super) fn tell(&self, ctx: &Ctx) {
        // Consent was told of, with what to do.
        if let Some(text) = self.sentence().filter(|_| self.why != WaitReason::Consent) {
            ctx.out.note(text);
            if let Some(next) = &self.next {
                ctx.out.hint(next);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_wait_that_is_worth_it_is_told() {
        let now_ms = 1_790_000_000_000;
        let told = |why, after: Option<i64>| {
            let mut view = JobView::waiting("");
            (view.why, view.until_ms) = (Some(why), after.map(|after| now_ms + after));
            let expected = Expectation::of(&view, now_ms);
            let mut shown = json!({});
            expected.add_to(&mut shown);
            (expected.sentence(), shown)
        };
        let (text, shown) = told(WaitReason::Turn, Some(0));
        assert_eq!((text, &shown["fits_today"], &shown["why"]), (None, &true.into(), &Value::Null));
        let (text, shown) = told(WaitReason::HostDay, Some(86_400_000));
        assert!(text.is_some_and(|t| t.starts_with("is over today's limit, expected 2026-")));
        assert_eq!((&shown["fits_today"], &shown["why"]), (&false.into(), &"host_day".into()));
        let (text, _) = told(WaitReason::NotBefore, Some(86_400_000));
        assert!(text.is_some_and(|t| t.starts_with("will wait, expected 2026-")));
        let (text, shown) = told(WaitReason::Paused, None);
        assert!(text.is_some_and(|t| t.starts_with("will wait, expected time not known: ")));
        assert_eq!((&shown["fits_today"], &shown["expected_at"]), (&Value::Null, &Value::Null));
    }
}
