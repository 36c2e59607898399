//! The story of a job: what happened to it, step by step, oldest first.
//!
//! It is kept in the [`Record`](super::Record) of a live job and of a failure, and
//! in the entry of a result. Two steps that say the same are one that says how
//! often, and the list is bounded, so that a job that is sent back every few
//! seconds for a day keeps its first steps' number and its last steps.
//!
//! Scripts do not read it. Each step has the fields `at_ms` and `what`, which
//! versions before this one need; an unknown word of a newer version is no error.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Steps that are kept.
pub const LONGEST: usize = 32;

/// Steps of a job, and how many older ones were dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Story {
    /// The steps, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Step>,
    /// Older steps that are not kept.
    #[serde(rename = "dropped_steps", skip_serializing_if = "is_zero")]
    pub dropped: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// The job waits from here on.
    Wait,
    /// A call that makes the meeting, with its answer.
    Call,
    /// A search of Zoom's list after a lost reply.
    Look,
    /// A new run begins.
    Run,
    /// A sentence and nothing else, or a word of another version.
    #[default]
    #[serde(other)]
    Note,
}

/// Consequence of a call or a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// The job succeeds.
    Done,
    /// The job fails.
    Failed,
    /// Another attempt.
    Retry,
    /// A search of Zoom's list.
    Look,
    /// Waiting, without using an attempt.
    Wait,
    /// A word of another version.
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// Start time, by the clock of Redis.
    pub at_ms: i64,
    /// The details in words; may be empty where the fields say all.
    pub what: Cow<'static, str>,
    #[serde(skip_serializing_if = "is_note")]
    pub kind: StepKind,
    /// The reason of a wait, one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
    /// The endpoint that was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Cow<'static, str>>,
    /// The number of the attempt; `None`: the call used none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The HTTP status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The kind of transport error, where there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'static, str>>,
    /// Duration, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// Time of the next step, or the latest end of the wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// Number of repetitions in a row, if more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_note(kind: &StepKind) -> bool {
    *kind == StepKind::Note
}

impl Step {
    /// A sentence.
    #[must_use]
    pub fn note(at_ms: i64, what: impl Into<Cow<'static, str>>) -> Self {
        Self { at_ms, what: what.into(), ..Self::default() }
    }

    /// A wait that begins.
    #[must_use]
    pub fn wait(at_ms: i64, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { at_ms, kind: StepKind::Wait, reason: Some(reason.into()), ..Self::default() }
    }

    /// True if `other` is the same step at a later time. Attempts are kept separately.
    fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.attempt.is_none()
            && other.attempt.is_none()
            && (&self.reason, &self.endpoint, self.status, &self.error, self.next)
                == (&other.reason, &other.endpoint, other.status, &other.error, other.next)
            && match self.kind {
                StepKind::Wait | StepKind::Call => true,
                StepKind::Look => self.what == other.what,
                StepKind::Run | StepKind::Note => false,
            }
    }

    fn again(&mut self, until_ms: Option<i64>) {
        self.times = Some(self.times.unwrap_or(1).saturating_add(1));
        self.until_ms = until_ms;
    }
}

impl Story {
    /// True if there are no steps.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timeline.is_empty()
    }

    /// Adds a step. One that repeats the last, or a call that repeats the one
    /// before the last wait, is counted there; a search only where there is no
    /// more room.
    pub fn push(&mut self, step: Step) {
        let steps = &mut self.timeline;
        let counted = step.kind != StepKind::Look || steps.len() >= LONGEST;
        let before = match steps.last() {
            Some(last) if last.kind == StepKind::Wait && step.kind == StepKind::Call => 2,
            _ => 1,
        };
        let earlier = steps.len().checked_sub(before).and_then(|at| steps.get_mut(at));
        if let Some(earlier) = earlier.filter(|earlier| counted && earlier.is_like(&step)) {
            return earlier.again(step.until_ms);
        }
        steps.push(step);
        let surplus = steps.len().saturating_sub(LONGEST);
        steps.drain(..surplus);
        self.dropped = self.dropped.saturating_add(u32::try_from(surplus).unwrap_or(u32::MAX));
    }

    /// Adds a wait that ended at `until_ms`. It began with the last step, or when
    /// the job came.
    pub fn waited(&mut self, reason: &'static str, came_ms: i64, until_ms: i64) {
        let last = self.timeline.last();
        if last.is_some_and(|last| last.reason.as_deref() == Some(reason)) {
            return;
        }
        let from_ms = last.map_or(came_ms, |last| match last.kind {
            StepKind::Wait => last.until_ms.filter(|ms| *ms < until_ms).unwrap_or(last.at_ms),
            _ => last.at_ms,
        });
        if from_ms < until_ms {
            self.push(Step { until_ms: Some(until_ms), ..Step::wait(from_ms, reason) });
        }
    }

    /// The stored form; `None` if there are no steps.
    #[must_use]
    pub fn to_json(&self) -> Option<Box<str>> {
        let json = (!self.is_empty()).then(|| serde_json::to_string(self).ok()).flatten();
        json.map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(at_ms: i64) -> Step {
        Step {
            at_ms,
            kind: StepKind::Call,
            endpoint: Some("create_meeting".into()),
            error: Some("connect".into()),
            next: Some(Next::Wait),
            ..Step::default()
        }
    }

    #[test]
    fn a_job_sent_back_for_a_day_tells_it_in_two_steps() {
        let mut story = Story::default();
        for n in 0..5_000 {
            story.push(refused(10 * n));
            story.push(Step::wait(10 * n + 1, "zoom_unreachable"));
        }
        let told: Vec<_> = story.timeline.iter().map(|s| (s.at_ms, s.kind, s.times)).collect();
        let times = Some(5_000);
        assert_eq!(told, [(0, StepKind::Call, times), (1, StepKind::Wait, times)]);
        story.push(Step::wait(60_000, "token"));
        assert_eq!(story.timeline.len(), 3);
        assert_eq!(story.dropped, 0);
    }

    #[test]
    fn the_last_steps_are_kept_and_the_others_counted() {
        let mut story = Story::default();
        for n in 1..=40 {
            story.push(Step { attempt: Some(n), ..refused(n.into()) });
        }
        assert_eq!((story.timeline.len(), story.dropped), (LONGEST, 8));
        assert_eq!(story.timeline[0].attempt, Some(9));
        let again: Story = serde_json::from_str(&story.to_json().expect("told")).expect("json");
        assert_eq!(again, story);
        assert_eq!(Story::default().to_json(), None);
    }

    #[test]
    fn a_search_that_fails_for_a_day_leaves_room_for_the_call() {
        let mut story = Story::default();
        story.push(Step { attempt: Some(1), ..refused(0) });
        for n in 1..=90 {
            let what = "Zoom error (HTTP 500)".into();
            story.push(Step { at_ms: n, what, kind: StepKind::Look, ..Step::default() });
        }
        assert_eq!((story.timeline.len(), story.dropped), (LONGEST, 0));
        assert_eq!(story.timeline[0].attempt, Some(1));
        assert_eq!(story.timeline[LONGEST - 1].times, Some(60));
    }

    #[test]
    fn waits_that_are_over_follow_each_other() {
        let mut story = Story::default();
        story.waited("not_before", 100, 100);
        assert!(story.is_empty(), "it had come by then");
        story.waited("not_before", 100, 500);
        story.waited("host_day", 100, 900);
        story.waited("host_day", 100, 900);
        let told: Vec<_> = story.timeline.iter().map(|s| (s.at_ms, s.until_ms)).collect();
        assert_eq!(told, [(100, Some(500)), (500, Some(900))]);
    }

    #[test]
    fn steps_of_other_versions_are_read() {
        let older = r#"{"at_ms":7,"what":"zoom answered 503"}"#;
        assert_eq!(
            serde_json::from_str::<Step>(older).expect("a step"),
            Step::note(7, "zoom answered 503")
        );
        let newer = r#"{"at_ms":7,"what":"x","kind":"moved","next":"elsewhere","place":1}"#;
        let step: Step = serde_json::from_str(newer).expect("a step");
        assert_eq!((step.kind, step.next), (StepKind::Note, Some(Next::Other)));
        // An older version needs both fields.
        let text = serde_json::to_string(&Step::wait(7, "token")).expect("json");
        assert!(text.starts_with(r#"{"at_ms":7,"what":"","#), "{text}");
    }
}
