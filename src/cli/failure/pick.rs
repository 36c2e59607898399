//! Which failures a verb is about: those named, or those that match.

use clap::Args;
use jiff::Timestamp;
use zoomd_store::inspect::{FailureFilter, FailureLine, Ops};
use zoomd_wire::FailureCode;

use crate::config::units;
use crate::error::CliError;
use crate::queries::failures;

/// Conditions on failures.
#[derive(Debug, Args)]
pub struct Match {
    /// Only entries of this account
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Show only this failure code
    #[arg(long, value_name = "CODE", value_parser = code)]
    code: Option<FailureCode>,
    /// Show only failures newer than this: 1h, 2d
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<std::time::Duration>,
}

fn code(text: &str) -> Result<FailureCode, String> {
    text.parse().map_err(|_| {
        let all: Vec<_> = FailureCode::ALL.iter().map(|code| code.as_str()).collect();
        all.join(", ")
    })
}

fn time(text: &str) -> Result<std::time::Duration, String> {
    units::time(text).ok_or_else(|| "expected a duration like 1h or 2d".to_owned())
}

impl Match {
    /// True if any condition is set.
    pub(super) fn is_set(&self) -> bool {
        self.account.is_some() || self.code.is_some() || self.since.is_some()
    }

    fn filter(&self) -> FailureFilter {
        let since_ms = self.since.map(|since| {
            let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
            Timestamp::now().as_millisecond().saturating_sub(since)
        });
        FailureFilter {
            account: self.account.clone(),
            code: self.code.map(|code| code.as_str().to_owned()),
            since_ms,
        }
    }

    /// Hands pages to `each`, newest first, until it has had `most` failures.
    /// True if there are more.
    pub(super) async fn walk(
        &self,
        ops: &Ops,
        most: usize,
        each: impl FnMut(Vec<FailureLine>) -> Result<(), CliError>,
    ) -> Result<bool, CliError> {
        failures::walk(ops, &self.filter(), most, each).await
    }
}

/// The failures that a changing verb is about.
#[derive(Debug, Args)]
pub struct Pick {
    /// Failure ids or job ids
    #[arg(value_name = "FAILURE", required_unless_present_any = ["all", "account", "code", "since"])]
    ids: Vec<String>,
    /// All failures
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    conditions: Match,
    /// Maximum number of entries to show
    #[arg(long, value_name = "N", default_value_t = 1_000, conflicts_with = "ids")]
    limit: usize,
    /// Show what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,
}

impl Pick {
    /// True if they are named one by one.
    pub(super) fn is_named(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Their ids. Those named stand as they are; others are failures' own ids.
    pub(super) async fn ids(&self, ops: &Ops) -> Result<(Vec<String>, bool), CliError> {
        if self.is_named() {
            if self.conditions.is_set() {
                return Err(CliError::usage("give failure ids or filters, not both"));
            }
            return Ok((self.ids.clone(), false));
        }
        failures::ids(ops, &self.conditions.filter(), self.limit).await
    }
}
