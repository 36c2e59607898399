//! Reasons why a job is invalid, and its claimed id and account.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use crate::JobId;

/// A job that cannot be accepted. `message` names each field that is wrong, what
/// is wrong with it and the fix; it never repeats a secret.
#[derive(Debug, Clone)]
pub struct InvalidJob {
    /// The path of the first field that is wrong, as `meeting.start_time`; `job`
    /// for the whole.
    pub field: Cow<'static, str>,
    /// All errors, with fixes.
    pub message: String,
    /// Fields of the job that could be read.
    pub claims: Box<Claims>,
}

/// Fields of an invalid job; only the valid ones.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// Id. An invalid job takes no id: this one is for the outcome only.
    pub id: Option<JobId>,
    /// The account it names, if that could be an account's name.
    pub account: Option<String>,
    /// The kind it names, if that is a short word; what a job is that names none.
    pub kind: Option<String>,
    /// The user it names, if that could be a user.
    pub user: Option<String>,
    /// True if its producer waits for a reply.
    pub reply: bool,
    /// Traceparent, if well formed.
    pub traceparent: Option<crate::TraceParent>,
    /// Metadata, if within bounds.
    pub metadata: Option<Box<RawValue>>,
}

impl InvalidJob {
    /// An entry that has no field `job`.
    pub fn no_job_field() -> Self {
        Self::new(
            "job",
            "the entry has no field `job`: write it with XADD <namespace>:jobs * job '<json>'",
        )
    }

    /// An entry with a field beside `job`.
    pub fn extra_field(name: &[u8]) -> Self {
        let name: String = String::from_utf8_lossy(name).chars().take(64).collect();
        let message = format!(
            "the entry has the field {name:?} beside `job`: everything belongs inside the one JSON object"
        );
        Self::new("job", message)
    }

    pub(super) fn twice(field: &'static str) -> Self {
        Self::new(field, format!("`{field}` appears twice"))
    }

    pub(crate) fn new(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), claims: Box::default() }
    }
}

impl fmt::Display for InvalidJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for InvalidJob {}
