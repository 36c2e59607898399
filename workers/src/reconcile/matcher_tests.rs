use zoomd_wire::{Job, Rules};

use super::*;

fn job(meeting: &str) -> Job {
    let text = format!(r#"{{"account":"a","meeting":{meeting}}}"#);
    let rules = Rules::again(Timestamp::UNIX_EPOCH);
    zoomd_wire::parse(text.as_bytes(), &rules).expect("a sound job")
}

fn scheduled() -> Job {
    job(r#"{"topic":"sync","type":2,"start_time":"2026-12-01T10:00:00Z","duration":30}"#)
}

fn listed(id: u64, more: &str) -> Listed {
    serde_json::from_str(&format!(r#"{{"id":{id}{more}}}"#)).expect("a meeting")
}

fn since() -> Timestamp {
    "2026-11-25T10:00:00Z".parse().expect("a time")
}

fn class(matcher: &Matcher<'_>, rows: &[Listed]) -> Vec<Match> {
    rows.iter().map(|row| matcher.class(row)).collect()
}

const NEW: &str = r#","created_at":"2026-11-25T10:00:01Z""#;
const OLD: &str = r#","created_at":"2026-11-25T09:49:59Z""#;

#[test]
fn the_marker_alone_decides() {
    let (job, marker) = (scheduled(), Marker::from_bits(7));
    let matcher = Matcher::new(Some(&marker), job.meeting().expect("a create"), since());
    let rows = [
        listed(
            1,
            r#","topic":"sync","type":2,"start_time":"2026-12-01T10:00:00Z","agenda":"job_history""#,
        ),
        listed(2, &format!(r#","topic":"other","type":3,"agenda":"y\n{marker}""#)),
        listed(3, &format!(r#"{OLD},"agenda":"y {marker}, z""#)),
    ];
    assert_eq!(class(&matcher, &rows), [Match::Other, Match::Carries, Match::Carries]);
    assert!(matcher.is_it(Some(&format!("a {marker}"))));
    assert!(!matcher.is_it(Some("a zd-aaaaaaaaaaaa")));
    assert!(!matcher.is_it(None));
}

#[test]
fn a_new_meeting_that_may_hide_the_marker_is_asked_for_likeliest_first() {
    let (job, marker) = (scheduled(), Marker::from_bits(7));
    let matcher = Matcher::new(Some(&marker), job.meeting().expect("a create"), since());
    let cut = "word ".repeat(50);
    let other = Marker::from_bits(8);
    let table = [
        (format!(r#"{NEW},"topic":"sync","agenda":"{cut}""#), Match::Ask(0)),
        (format!(r#"{NEW},"topic":"else","type":8,"agenda":"{cut}""#), Match::Ask(2)),
        (format!(r#"{OLD},"topic":"sync","agenda":"{cut}""#), Match::Other),
        // A list that counts bytes, shows none, an empty one, or cuts much earlier.
        (format!(r#"{NEW},"agenda":"{}""#, "é".repeat(125)), Match::Ask(0)),
        (NEW.to_owned(), Match::Ask(0)),
        (format!(r#"{NEW},"agenda":"""#), Match::Ask(0)),
        (format!(r#"{NEW},"agenda":"zd-""#), Match::Ask(0)),
        (format!(r#"{NEW},"agenda":"…""#), Match::Ask(0)),
        (String::new(), Match::Ask(0)),
        // Somebody else's.
        (format!(r#"{NEW},"agenda":"job_history of the board""#), Match::Other),
        (format!(r#"{NEW},"agenda":"{cut}\n{other}""#), Match::Other),
        (OLD.to_owned(), Match::Other),
    ];
    for (fields, wanted) in table {
        assert_eq!(matcher.class(&listed(1, &fields)), wanted, "{fields}");
    }
}

#[test]
fn a_cut_agenda_is_known_as_the_beginning_of_ours() {
    let job =
        job(r#"{"topic":"t","type":3,"agenda":"Quarterly review & plans, with all of the board"}"#);
    let marker = Marker::from_bits(7);
    let matcher = Matcher::new(Some(&marker), job.meeting().expect("a create"), since());
    let table = [
        ("Quarterly rev", true),
        ("Quarterly rev...", true),
        ("QUARTERLY  REVIEW &amp;", true),
        ("Quarterly review &am", true),
        ("Quarterly review & plans, with all of the board", true),
        ("Weekly review of the numbers", false),
        ("Quarterly results of the first and the second quarter", false),
    ];
    for (shown, asked) in table {
        let row = listed(1, &format!(r#"{NEW},"agenda":"{shown}""#));
        let is_asked = matches!(matcher.class(&row), Match::Ask(_));
        assert_eq!(is_asked, asked, "{shown}");
    }
}

#[test]
fn without_a_marker_what_is_alike_is_told_and_nothing_is_adopted() {
    let job = scheduled();
    let matcher = Matcher::new(None, job.meeting().expect("a create"), since());
    let same = r#","topic":"sync","type":2,"start_time":"2026-12-01T10:00:00Z""#;
    let table = [
        (format!("{same}{NEW}"), Match::Candidate),
        (format!("{same}{OLD}"), Match::Other),
        (format!(r#"{NEW},"topic":" Sync","start_time":"2026-12-01T10:00:30Z""#), Match::Candidate),
        (r#","topic":"sync","type":2,"start_time":"2026-12-01T11:00:00Z""#.into(), Match::Other),
        (r#","topic":"other","type":2,"start_time":"2026-12-01T10:00:00Z""#.into(), Match::Other),
    ];
    for (fields, wanted) in table {
        assert_eq!(matcher.class(&listed(1, &fields)), wanted, "{fields}");
    }
}

#[test]
fn a_start_that_was_past_may_be_on_no_list() {
    let job = scheduled();
    let start: Timestamp = "2026-12-01T10:00:00Z".parse().expect("a time");
    let over = Duration::from_secs(30);
    let told = |before_s: i64, days: i64| {
        let sent = start - SignedDuration::from_secs(before_s);
        unlisted(
            job.meeting().expect("a create"),
            sent,
            over,
            start + SignedDuration::from_hours(days * 24),
        )
    };
    assert!(told(-1, 0).is_some_and(|why| why.contains("instant")));
    assert!(told(35, 0).is_some());
    assert!(told(36, 0).is_none());
    assert!(told(36, 29).is_none());
    assert!(told(36, 30).is_some_and(|why| why.contains("long ago")));
    let open = self::job(r#"{"topic":"t","type":3}"#);
    assert!(unlisted(open.meeting().expect("a create"), start, over, start).is_none());
}
