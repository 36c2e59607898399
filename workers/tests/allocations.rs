//! Number of allocations of a job that succeeds, from its text to its outcome. Seconds depend
//! on the machine; this does not, and each allocation costs the worker a tenth of a
//! microsecond and its cache more.

use std::alloc::System;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use zoom_api::Reply;
use zoomd_wire::{EntryId, Include, Kind, Marker, MeetingReply, Rules, Success};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const JOB: &[u8] = br#"{"id":"order-1234","account":"acme","meeting":{"topic":"Weekly","type":2,"start_time":"2030-01-07T10:00:00Z","duration":30},"metadata":{"tenant":7}}"#;
const ENTRY: EntryId = EntryId { ms: 1_700_000_000_000, seq: 0 };

/// The id, the account, the user, the host, the topic, the start twice (as text
/// while it is compared), the body, the metadata and the claims of a refusal.
const PARSING: usize = 12;
/// The body with the marker.
const SENDING: usize = 1;
/// The list of the answer's fields; the outcome's JSON.
const ENDING: usize = 2;

fn reply() -> Reply {
    let settings: Vec<_> = (0..40).map(|n| format!(r#""setting_{n}":false"#)).collect();
    let body = format!(
        r#"{{"uuid":"a==","id":78475495050,"host_id":"h","host_email":"a@example.com","start_url":"s","join_url":"j","settings":{{{}}}}}"#,
        settings.join(",")
    );
    Reply::new(201, &HeaderMap::new(), Bytes::from(body))
}

/// Allocations, and growths of what was allocated too small.
fn counted<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let region = Region::new(ALLOCATOR);
    let done = work();
    let change = region.change();
    (done, change.allocations + change.reallocations)
}

/// One test: the counter is the whole process'.
#[test]
fn a_job_that_goes_well_allocates_little() {
    let rules = Rules::at(Timestamp::UNIX_EPOCH);
    let (job, parsing) = counted(|| zoomd_wire::parse(JOB, &rules).expect("a sound job"));
    let marker = Marker::derive(b"secret", ENTRY);
    let (sent, sending) = counted(|| job.meeting().expect("a create").body_with_marker(&marker));
    assert!(sent.is_some());
    let reply = reply();
    let (json, ending) = counted(|| {
        let created = reply.created().expect("a meeting");
        Success {
            job_id: "order-1234",
            run: 1,
            entry_id: ENTRY,
            account: job.account.as_str(),
            kind: Kind::CreateMeeting,
            user: &job.user,
            attempts: 1,
            reconciled: false,
            enqueued_at: ENTRY.time(),
            started_at: ENTRY.time(),
            finished_at: ENTRY.time(),
            meeting: &MeetingReply::new(created.text, &created.fields, &[Include::Settings]),
            effect: None,
            of: None,
            changed: None,
            merged_into: None,
            warnings: &[],
            traceparent: None,
            metadata: job.metadata.as_deref(),
        }
        .to_json()
    });
    assert!(json.contains("setting_39") && !json.contains("start_url"));
    let (_, digest) = counted(|| job.digest());
    let found = (parsing, sending, ending, digest);
    assert!(
        parsing <= PARSING && sending <= SENDING && ending <= ENDING && digest <= 1,
        "to parse, to send, to end, to digest: {found:?}"
    );
}
