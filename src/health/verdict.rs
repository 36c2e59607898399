//! The verdict: one word, one line, one exit code.

use serde::Serialize;
use zoomd_store::inspect::{Level, Problem};

use crate::exit::Exit;
use crate::text::count;

/// The state of a namespace in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Jobs run.
    Ok,
    /// Some jobs wait or fail, or soon will.
    Degraded,
    /// No job runs.
    Down,
}

impl Verdict {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Degraded => "DEGRADED",
            Self::Down => "DOWN",
        }
    }

    /// The exit code of a command that reports it.
    pub fn exit(self) -> Exit {
        match self {
            Self::Ok => Exit::Done,
            Self::Degraded => Exit::Failed,
            Self::Down => Exit::Unreachable,
        }
    }
}

/// The number of jobs that a problem holds back, in words; nothing where it holds none.
pub fn held(problem: &Problem) -> Option<String> {
    let jobs = count(problem.jobs.filter(|jobs| *jobs > 0)?, "job");
    let at_most = if problem.jobs_at_most { "up to " } else { "" };
    Some(format!("holds back {at_most}{jobs}"))
}

/// The verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The state in one word.
    pub verdict: Verdict,
    /// All problems, the worst first; notices last.
    pub problems: Vec<Problem>,
}

impl Judgement {
    /// The verdict on these problems, which are in their order.
    pub(super) fn of(problems: Vec<Problem>) -> Self {
        let verdict = match problems.iter().map(|problem| problem.level).max() {
            Some(Level::Down) => Verdict::Down,
            Some(Level::Degraded) => Verdict::Degraded,
            Some(Level::Notice) | None => Verdict::Ok,
        };
        Self { verdict, problems }
    }

    /// Problems that count: all but the notices.
    pub fn counted(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.level > Level::Notice)
    }

    /// The first line of `zoomd status`: `DEGRADED: first problem (+2 more)`.
    pub fn headline(&self) -> String {
        let word = self.verdict.as_str();
        let mut counted = self.counted();
        let Some(first) = counted.next() else { return word.to_owned() };
        match counted.count() {
            0 => format!("{word}: {}", first.what),
            more => format!("{word}: {} (+{more} more)", first.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_problem_decides_and_is_told_first() {
        let notice = Problem::notice("clock_skew", "c", "n");
        let degraded = |what: &str| Problem::degraded("daily_limit", what, "n");
        let down = Problem::down("no_daemon", "no daemon runs", "n");
        for (problems, line, exit) in [
            (vec![], "OK", Exit::Done),
            (vec![notice.clone()], "OK", Exit::Done),
            (vec![degraded("a"), notice.clone()], "DEGRADED: a", Exit::Failed),
            (vec![degraded("a"), degraded("b"), notice], "DEGRADED: a (+1 more)", Exit::Failed),
            (vec![down, degraded("a")], "DOWN: no daemon runs (+1 more)", Exit::Unreachable),
        ] {
            let judgement = Judgement::of(problems);
            assert_eq!((judgement.headline().as_str(), judgement.verdict.exit()), (line, exit));
        }
    }
}
