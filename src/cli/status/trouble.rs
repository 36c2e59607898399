//! The verdict and its problems, for people.

use std::fmt::Write as _;

use jiff::Timestamp;
use zoomd_store::inspect::{Level, Problem};

use crate::health::{Judgement, Verdict, held};
use crate::output::{FAIL, FAINT, GOOD, HINT, Output, WARN, paint};
use crate::text::one_line;

/// The first line is the verdict. Each problem follows: what, since when, how many
/// jobs it holds back, the next command.
pub(super) fn text(out: &Output, judgement: &Judgement) -> String {
    let style = match judgement.verdict {
        Verdict::Ok => GOOD,
        Verdict::Degraded => WARN,
        Verdict::Down => FAIL,
    };
    let mut text = format!("{}\n", paint(&one_line(&judgement.headline()), style));
    for problem in &judgement.problems {
        text += &one(out, problem);
    }
    text + "\n"
}

fn one(out: &Output, problem: &Problem) -> String {
    let (mark, style) = match problem.level {
        Level::Down => ("!", FAIL),
        Level::Degraded => ("!", WARN),
        Level::Notice => ("-", FAINT),
    };
    let mut text = format!("{} {}\n", paint(mark, style), one_line(&problem.what));
    let since = problem.since_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let since = since.map(|at| format!("since {}", out.moment(at, Timestamp::now())));
    let facts: Vec<_> = since.into_iter().chain(held(problem)).collect();
    if !facts.is_empty() {
        let _ = writeln!(text, "  {}", paint(&facts.join(", "), FAINT));
    }
    let _ = writeln!(text, "  {} {}", paint("next:", HINT), one_line(&problem.next));
    text
}
