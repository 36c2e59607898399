//! Hand-written JSON equals that of `serde_json`, for any outcome.

use std::borrow::Cow;

use proptest::prelude::*;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::value::RawValue;
use zoomd_wire::{EntryId, Field, Include, Kind, MeetingReply, Success, TraceParent};

/// A success as `serde_json` writes it.
#[derive(Serialize)]
struct Told<'a> {
    v: u8,
    job_id: &'a str,
    run: u32,
    entry_id: EntryId,
    status: &'static str,
    account: &'a str,
    kind: Kind,
    user: &'a str,
    attempts: u32,
    reconciled: bool,
    enqueued_at: String,
    started_at: String,
    finished_at: String,
    meeting: Meeting<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<TraceParent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
}

struct Meeting<'a>(&'a [Field<'a>], &'a [Include]);

impl Serialize for Meeting<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0 {
            let left_out = name.parse::<Include>().is_ok_and(|field| !self.1.contains(&field));
            if !left_out {
                let value: &RawValue = serde_json::from_str(value).expect("sound");
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// An answer of Zoom's: names (often the same, or secret), values as they
/// stand, and white space here and there.
fn any_answer() -> impl Strategy<Value = String> {
    let space = || prop::sample::select(vec!["", "", "", "", " ", "\n  "]);
    let name = prop_oneof![
        prop::sample::select(vec![
            "\"start_url\"",
            "\"settings\"",
            "\"dynamic_host_key\"",
            "\"start\\u005furl\"",
            "\"id\"",
            "\"a\\\"b\"",
            "\"\"",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,9}".prop_map(|name| serde_json::to_string(&name).expect("a string")),
    ];
    let value = prop::sample::select(vec![
        "1",
        "98765432109876543210",
        "1.50",
        "\"\"",
        "\"a\\/b\\u00e9é\"",
        "[1, 2]",
        "{\"a\" :{}}",
        "null",
    ]);
    let field = (space(), name, space(), space(), value, space())
        .prop_map(|(a, name, b, c, value, d)| format!("{a}{name}{b}:{c}{value}{d}"));
    prop::collection::vec(field, 0..12).prop_map(|fields| format!("{{{}}}", fields.join(",")))
}

/// Fields in zoom-api's form: names borrowed where they have no escape.
fn fields(answer: &str) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    let plain =
        json_fields::fields(answer, |name, value| fields.push((Cow::Borrowed(name), value)));
    match plain {
        Some(()) => fields,
        None => zoomd_wire::reply_fields(answer).expect("an object"),
    }
}

fn any_include() -> impl Strategy<Value = Vec<Include>> {
    prop::sample::subsequence(Include::ALL.to_vec(), 0..=Include::ALL.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_success_is_written_as_serde_would(
        answer in any_answer(),
        other in any_answer(),
        include in any_include(),
        (job_id, user, account) in ("\\PC{0,20}", "[ -~\u{0}-\u{1f}é]{0,20}", "[a-z.]{1,20}"),
        (run, attempts, ms, seq) in (any::<u32>(), any::<u32>(), 0..253_402_000_000_000u64, any::<u64>()),
        times in prop::array::uniform2(-1_000_000_000_000i64..253_402_000_000_000),
        (reconciled, traced) in any::<(bool, bool)>(),
        metadata in prop::option::of(prop::sample::select(vec!["null", "{\"tenant\": 7}", "\"é\\n\""])),
    ) {
        let [started_at, finished_at] = times.map(|ms| jiff::Timestamp::from_millisecond(ms).expect("in range"));
        let entry_id = EntryId { ms, seq };
        let metadata = metadata.map(|text| serde_json::from_str::<&RawValue>(text).expect("sound"));
        let traceparent = TraceParent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").filter(|_| traced);
        let fields = fields(&answer);
        // A text that is another's must change nothing.
        for text in [&answer, &other] {
            let written = Success {
                job_id: &job_id, run, entry_id, account: &account, kind: Kind::CreateMeeting, user: &user,
                attempts, reconciled, effect: None, of: None, changed: None, merged_into: None, enqueued_at: entry_id.time(), started_at, finished_at,
                meeting: &MeetingReply::new(text, &fields, &include), warnings: &[],
            traceparent, metadata,
            }.to_json();
            let stamp = |time: jiff::Timestamp| format!("{time:.3}");
            let told = Told {
                v: 1, job_id: &job_id, run, entry_id, status: "succeeded", account: &account,
                kind: Kind::CreateMeeting, user: &user, attempts, reconciled,
                enqueued_at: stamp(entry_id.time()), started_at: stamp(started_at), finished_at: stamp(finished_at),
                meeting: Meeting(&fields, &include), traceparent, metadata,
            };
            prop_assert_eq!(written, serde_json::to_string(&told).expect("JSON"));
        }
    }
}
