//! The closed list of failure codes: what each means and what to do about it.
//!
//! `docs/failure-codes.md` is the same list for readers; a test compares them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Failure code of a job. The list is closed: consumers may match on it exhaustively.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The job breaks a rule of the contract or a published limit of Zoom.
    InvalidJob,
    /// No account of that name is connected.
    UnknownAccount,
    /// The account waited for consent until the job's time ran out.
    NeedsReauth,
    /// The consent lacks a scope that the call needs.
    MissingScope,
    /// Zoom rejected the meeting.
    ZoomRejected,
    /// The deadline, or the meeting's own start, passed first.
    DeadlineExceeded,
    /// Every attempt failed in a way that might have passed.
    RetriesExhausted,
    /// The meeting may or may not exist.
    OutcomeUnknown,
    /// The id belongs to another, different job.
    IdConflict,
    /// The meeting that it is about was not made, or is not known.
    NoMeeting,
    /// It was cancelled.
    Cancelled,
    /// Account was removed while it waited.
    AccountRemoved,
    /// A defect of zoomd.
    InternalError,
}

/// Party that can fix a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Author of the job.
    Producer,
    /// Operator of zoomd, or owner of the Zoom account.
    Operator,
    /// Zoom answered so, or did not answer.
    Zoom,
    /// zoomd itself.
    Zoomd,
}

/// A text that is no failure code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no failure code has this name")]
pub struct UnknownCode;

impl FailureCode {
    /// Every code, in the order of the documentation.
    pub const ALL: &'static [Self] = &[
        Self::InvalidJob,
        Self::UnknownAccount,
        Self::NeedsReauth,
        Self::MissingScope,
        Self::ZoomRejected,
        Self::DeadlineExceeded,
        Self::RetriesExhausted,
        Self::OutcomeUnknown,
        Self::IdConflict,
        Self::NoMeeting,
        Self::Cancelled,
        Self::AccountRemoved,
        Self::InternalError,
    ];

    /// The code as outcomes write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJob => "invalid_job",
            Self::UnknownAccount => "unknown_account",
            Self::NeedsReauth => "needs_reauth",
            Self::MissingScope => "missing_scope",
            Self::ZoomRejected => "zoom_rejected",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::RetriesExhausted => "retries_exhausted",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::IdConflict => "id_conflict",
            Self::NoMeeting => "no_meeting",
            Self::Cancelled => "cancelled",
            Self::AccountRemoved => "account_removed",
            Self::InternalError => "internal_error",
        }
    }

    /// Description of the failure, in one sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::InvalidJob => {
                "The job breaks a rule of the contract or a published limit of Zoom; nothing was sent."
            }
            Self::UnknownAccount => {
                "No account of that name is connected in this namespace; nothing was sent."
            }
            Self::NeedsReauth => {
                "The account was not authorized, and the job's time ran out before it was authorized again."
            }
            Self::MissingScope => {
                "The authorization of the account lacks a scope that the job needs."
            }
            Self::ZoomRejected => "Zoom rejected the request, and would reject it again.",
            Self::DeadlineExceeded => {
                "The job's deadline, the start of its meeting, or the longest wait passed before it could run."
            }
            Self::RetriesExhausted => {
                "Every attempt failed with a temporary error, and no attempt is left; no meeting was created."
            }
            Self::OutcomeUnknown => {
                "A call was sent, its answer was lost, and Zoom does not tell what it did."
            }
            Self::IdConflict => {
                "The id was used for a job with another account, kind, user, target or meeting; that job is untouched."
            }
            Self::NoMeeting => {
                "The job that it names in `of` made no meeting, or is not known; nothing was sent."
            }
            Self::Cancelled => {
                "An operator, or a later delete of the same meeting, cancelled the job before it was sent."
            }
            Self::AccountRemoved => "The job's account was removed while the job waited.",
            Self::InternalError => "zoomd could not handle the job; this is a defect of zoomd.",
        }
    }

    /// Action to take about it, in one sentence.
    pub fn mend(self) -> &'static str {
        match self {
            Self::InvalidJob => {
                "Correct the field that the message names, and send the job again under the same id."
            }
            Self::UnknownAccount => {
                "Correct the name, or connect the account with `zoomd account login`, then `zoomd failure retry`."
            }
            Self::NeedsReauth => {
                "Authorize the account again with `zoomd account login`; retry the job if its meeting is still in the future."
            }
            Self::MissingScope => {
                "Add the scope named in the message to the Zoom app, authorize the account again, then `zoomd failure retry`."
            }
            Self::ZoomRejected => {
                "Read `zoom.message` and `zoom.errors`, correct the job or the account's settings at Zoom, and send it again."
            }
            Self::DeadlineExceeded => {
                "Check with `zoomd job show` what it waited for; send it with a later deadline or start, or raise the limit that delayed it."
            }
            Self::RetriesExhausted => {
                "When Zoom works again, `zoomd failure retry`; raise `max_attempts` if outages last longer than the retries."
            }
            Self::OutcomeUnknown => {
                "Check the `candidates` and Zoom; if the meeting does not exist, `zoomd failure retry`, else `zoomd failure discard`."
            }
            Self::IdConflict => "Give the new job an id of its own.",
            Self::NoMeeting => {
                "Retry the create first, then this job; `candidates` are the meetings that earlier jobs of the id made: name one by its number, as `meeting_id`."
            }
            Self::Cancelled => "Nothing, if it was intended; else `zoomd failure retry`.",
            Self::AccountRemoved => {
                "Connect the account again with `zoomd account login`, then `zoomd failure retry`."
            }
            Self::InternalError => {
                "Report it with the failure's JSON and the daemon's log; `zoomd failure retry` is safe."
            }
        }
    }

    /// True if the same job, unchanged, may succeed when it is retried later.
    pub fn retryable(self) -> bool {
        match self {
            Self::UnknownAccount
            | Self::NeedsReauth
            | Self::MissingScope
            | Self::RetriesExhausted
            | Self::OutcomeUnknown
            | Self::NoMeeting
            | Self::Cancelled
            | Self::AccountRemoved
            | Self::InternalError => true,
            Self::InvalidJob | Self::ZoomRejected | Self::DeadlineExceeded | Self::IdConflict => {
                false
            }
        }
    }

    /// Party that can usually fix it.
    pub fn origin(self) -> Origin {
        match self {
            Self::InvalidJob
            | Self::UnknownAccount
            | Self::IdConflict
            | Self::NoMeeting
            | Self::DeadlineExceeded => Origin::Producer,
            Self::NeedsReauth | Self::MissingScope | Self::Cancelled | Self::AccountRemoved => {
                Origin::Operator
            }
            Self::ZoomRejected | Self::RetriesExhausted | Self::OutcomeUnknown => Origin::Zoom,
            Self::InternalError => Origin::Zoomd,
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for FailureCode {
    type Err = UnknownCode;
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::ALL.iter().find(|code| code.as_str() == text).copied().ok_or(UnknownCode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_closed_and_reads_back() {
        assert_eq!(FailureCode::ALL.len(), 13);
        for code in FailureCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        assert_eq!("nonsense".parse::<FailureCode>(), Err(UnknownCode));
    }

    /// The page for readers holds every code, and no other, in the words of
    /// this file.
    #[test]
    fn the_page_is_complete() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/failure-codes.md");
        let page = std::fs::read_to_string(page).unwrap();
        let headings: Vec<_> = page
            .lines()
            .filter_map(|line| line.strip_prefix("## `"))
            .map(|line| line.trim_end_matches('`'))
            .collect();
        let codes: Vec<_> = FailureCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(headings, codes);
        for code in FailureCode::ALL {
            let start = page.find(&format!("## `{code}`")).unwrap();
            let section = &page[start..];
            let section = &section[..section[3..].find("\n## ").map_or(section.len(), |at| at + 3)];
            let retry = if code.retryable() { "may help" } else { "does not help" };
            for words in [code.meaning(), code.mend(), &format!("Retrying it unchanged: {retry}")] {
                assert!(section.contains(words), "{code}: the page lacks {words:?}");
            }
        }
    }
}
