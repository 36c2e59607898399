//! The JSON contract of zoomd: jobs that producers write into Redis, and results, failures
//! and events that consumers read from it.
//!
//! ```
//! use zoomd_wire::{Rules, parse};
//! let rules = Rules::at("2030-01-01T00:00:00Z".parse().unwrap());
//! let job = br#"{"account":"acme","meeting":{"topic":"Sync","type":1}}"#;
//! assert_eq!(parse(job, &rules).unwrap().account.as_str(), "acme");
//! let error = parse(br#"{"account":"acme","meeting":{"topic":7}}"#, &rules).unwrap_err();
//! assert_eq!(error.field, "meeting.topic");
//! ```
//!
//! It owns the shape and the rules of every public JSON, and does no IO: no clock, no
//! randomness, no Redis, no HTTP. Whatever bytes come in, [`parse`] answers with a [`Job`]
//! or with an [`InvalidJob`] that names the field and the fix; it never panics.
//!
//! Invariant: text that is passed through (a meeting's body, metadata) is copied as it
//! stands, so that no number, escape or order of keys is changed.

#![warn(missing_docs)]

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
