//! The JSON contract of zoomd: what producers write into Redis and what
//! consumers read out of it. Jobs, outcomes, events, failure codes, names.
//!
//! It owns the shape and the rules of every public JSON, and does no IO: no
//! clock, no randomness, no Redis, no HTTP. Whatever bytes come in, [`parse`]
//! answers with a [`Job`] or with an [`InvalidJob`] that names the field and
//! the mend; it never panics.
//!
//! Invariant: what is passed through (a meeting's body, metadata) is spliced,
//! never re-written, so that no number, escape or order of keys is changed.

mod ascii;
mod code;
mod entry_id;
mod event;
mod fields;
mod job;
pub mod kind;
mod marker;
mod names;
mod outcome;
mod priority;
mod timing;
mod traceparent;
mod word;

pub use code::{FailureCode, Origin, UnknownCode};
pub use entry_id::{EntryId, EntryIdError};
pub use event::{Event, EventKind};
pub use fields::{
    Change, Claims, InvalidJob, MAX_JOB, MAX_METADATA, Meeting, Rules, Warning, limits,
};
pub use job::{Job, MaxWait, parse, with_id};
pub use kind::{Kind, Request};
pub use marker::{Marker, MarkerError};
pub use names::{AccountName, JobId, NameError, Namespace, NamespaceError};
pub use outcome::{
    Effect, Failure, Field, Include, MeetingReply, NotAnObject, Success, UnknownField, ZoomAnswer,
    reply_fields, stamp,
};
pub use priority::Priority;
pub use timing::{Ends, Every, LastEnd, Series, Timing};
pub use traceparent::TraceParent;
pub use word::UnknownWord;
