//! Findings in an input of many jobs, and the way to the input.

use std::path::Path;

use super::plan::Tally;
use super::read::{self, Bad, Batch};
use crate::cli::ctx::Ctx;
use crate::error::CliError;
use crate::text::count;

/// Invalid lines, and warnings, that people are shown one by one.
const TOLD: u64 = 20;

/// Findings in the input.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) sound: u64,
    pub(super) bad: u64,
    pub(super) warnings: u64,
    pub(super) tally: Tally,
    /// True where every line is reported to a program, as JSON lines.
    pub(super) listed: bool,
}

/// A line that is sent though something in it looks mistaken.
#[derive(serde::Serialize)]
struct Doubtful<'a> {
    line: u64,
    field: &'a str,
    warning: &'a str,
}

impl Found {
    /// Counts and reports what is wrong with a batch.
    pub(super) fn note(&mut self, ctx: &Ctx, batch: &Batch) -> Result<(), CliError> {
        for Bad { line, message, .. } in &batch.bad {
            self.bad += 1;
            self.tell(ctx, self.bad, || format!("line {line}: {message}"));
        }
        for job in &batch.jobs {
            for warning in &job.warnings {
                self.warnings += 1;
                self.tell(ctx, self.warnings, || format!("line {}: {}", job.line, warning.message));
            }
        }
        if !self.listed {
            return Ok(());
        }
        batch.bad.iter().try_for_each(|bad| ctx.out.json_line(bad))?;
        batch.jobs.iter().try_for_each(|job| {
            job.warnings.iter().try_for_each(|warning| {
                let (field, message) = (&*warning.field, &*warning.message);
                ctx.out.json_line(&Doubtful { line: job.line, field, warning: message })
            })
        })
    }

    /// The first of a kind, on stderr; for programs only where they are not
    /// listed.
    fn tell(&self, ctx: &Ctx, number: u64, text: impl Fn() -> String) {
        if number > TOLD || self.listed {
            return;
        }
        if ctx.out.is_json() { ctx.out.warn(text()) } else { ctx.out.note(text()) }
    }

    /// Says how many were not shown.
    pub(super) fn tell_rest(&self, ctx: &Ctx) {
        for (number, what) in [(self.bad, "invalid line"), (self.warnings, "warning")] {
            let rest = number.saturating_sub(TOLD);
            if rest > 0 {
                let all = "zoomd enqueue --dry-run --json lists all of them";
                self.tell(ctx, 0, || {
                    format!("and {}; {all}", count(rest, &format!("more {what}")))
                });
            }
        }
    }
}

/// Opens the input.
pub(super) fn open(file: &Path) -> Result<Box<dyn std::io::Read + Send>, CliError> {
    read::open(file)
        .map_err(|error| CliError::usage(format!("cannot open {}: {error}", file.display())))
}
