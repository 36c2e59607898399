//! The outcome of a job that an operator ended.

use jiff::Timestamp;
use zoomd_wire::{EntryId, Failure, FailureCode, Job, Rules};

use crate::queue::Record;

/// A job read from its text: what was sound once stays sound, so a start that
/// has passed meanwhile is no objection.
pub(super) fn read(entry: &str, text: &[u8]) -> Option<Job> {
    let now = entry.parse::<EntryId>().map_or(Timestamp::UNIX_EPOCH, |id| id.time());
    zoomd_wire::parse(text, &Rules::again(now)).ok()
}

/// Reason why jobs are ended from outside.
#[derive(Debug, Clone, Copy)]
pub(super) enum End<'a> {
    /// An operator wanted it, for this reason.
    Cancelled(&'a str),
    /// Their account is being purged.
    AccountRemoved,
}

impl End<'_> {
    pub(super) fn code(self) -> FailureCode {
        match self {
            Self::Cancelled(_) => FailureCode::Cancelled,
            Self::AccountRemoved => FailureCode::AccountRemoved,
        }
    }

    fn message(self) -> String {
        match self {
            Self::Cancelled("") => "the job was cancelled by an operator".to_owned(),
            Self::Cancelled(reason) => format!("the job was cancelled by an operator: {reason}"),
            Self::AccountRemoved => "the account was removed while the job waited".to_owned(),
        }
    }
}

/// The failure of a job that was ended from outside.
pub(super) struct CancelledJob<'a> {
    pub(super) id: &'a str,
    pub(super) run: u32,
    pub(super) entry: &'a str,
    pub(super) account: &'a str,
    pub(super) text: &'a [u8],
    pub(super) record: &'a Record,
    pub(super) end: End<'a>,
    pub(super) now_ms: i64,
}

impl CancelledJob<'_> {
    pub(super) fn json(&self, job: Option<&Job>) -> String {
        let entry_id = self.entry.parse().unwrap_or(EntryId { ms: 0, seq: 0 });
        let time = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        let message = self.end.message();
        let why = (self.end.code(), &*message);
        Failure {
            run: self.run,
            account: Some(self.account).filter(|account| !account.is_empty()),
            kind: job.map(|job| job.kind.as_str()),
            user: job.map(|job| job.user.as_str()),
            attempts: self.record.attempts,
            started_at: self.record.first_send_ms.map(time),
            traceparent: job.and_then(|job| job.traceparent),
            metadata: job.and_then(|job| job.metadata.as_deref()),
            ..Failure::new((self.id, entry_id), why, time(self.now_ms), self.text)
        }
        .to_json()
    }
}
