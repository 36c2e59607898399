use zoomd_wire::{Job, Rules};

use super::*;

fn job(meeting: &str) -> Job {
    let text = format!(r#"{{"account":"a","meeting":{meeting}}}"#);
    let rules = Rules { now: Timestamp::UNIX_EPOCH, allow_past_start: true };
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

fn ids(list: &[&Listed]) -> Vec<u64> {
    list.iter().map(|one| one.id).collect()
}

const LONG: &str = "word ";

#[test]
fn the_marker_alone_decides() {
    let (job, marker) = (scheduled(), Marker::from_bits(7));
    let sought = Sought { marker: Some(&marker), meeting: &job.meeting, since: since() };
    let all = [
        listed(1, r#","topic":"sync","type":2,"start_time":"2026-12-01T10:00:00Z","agenda":"x""#),
        listed(2, &format!(r#","topic":"other","type":3,"agenda":"y\n{marker}""#)),
        listed(3, ""),
    ];
    assert_eq!(sought.sift(&all), Sifted::Found(vec![&all[1]]));
    assert_eq!(sought.sift(&all[..1]), Sifted::Ask(vec![]));
    assert!(sought.is_it(Some(&format!("a {marker}"))));
    assert!(!sought.is_it(Some("a zd-aaaaaaaaaaaa")));
    assert!(!sought.is_it(None));
}

#[test]
fn of_twins_the_earliest_is_the_one() {
    let (job, marker) = (scheduled(), Marker::from_bits(7));
    let sought = Sought { marker: Some(&marker), meeting: &job.meeting, since: since() };
    let all = [
        listed(8, &format!(r#","created_at":"2026-11-25T10:00:09Z","agenda":"{marker}""#)),
        listed(9, &format!(r#","created_at":"2026-11-25T10:00:01Z","agenda":"{marker}""#)),
    ];
    let Sifted::Found(found) = sought.sift(&all) else { panic!("found") };
    assert_eq!(ids(&found), [9, 8]);
}

#[test]
fn what_the_list_cuts_is_asked_for_likeliest_first() {
    let (job, marker) = (scheduled(), Marker::from_bits(7));
    let sought = Sought { marker: Some(&marker), meeting: &job.meeting, since: since() };
    let cut = LONG.repeat(50);
    let short: String = cut.chars().take(249).collect();
    let all = [
        listed(
            1,
            &format!(r#","created_at":"2026-11-25T09:49:59Z","topic":"sync","agenda":"{cut}""#),
        ),
        listed(
            2,
            &format!(r#","created_at":"2026-11-25T09:50:01Z","topic":"else","agenda":"{cut}""#),
        ),
        listed(
            3,
            &format!(r#","created_at":"2026-11-25T10:00:01Z","topic":"sync","agenda":"{cut}""#),
        ),
        listed(4, &format!(r#","topic":"else","type":8,"agenda":"{cut}""#)),
        listed(5, &format!(r#","created_at":"2026-11-25T10:00:01Z","agenda":"{short}""#)),
    ];
    let Sifted::Ask(ask) = sought.sift(&all) else { panic!("ask") };
    assert_eq!(ids(&ask), [3, 2, 4, 1]);
}

#[test]
fn a_new_meeting_whose_agenda_may_be_cut_or_hidden_is_asked_for() {
    let (job, marker) = (scheduled(), Marker::from_bits(7));
    let sought = Sought { marker: Some(&marker), meeting: &job.meeting, since: since() };
    let (new, old) =
        (r#","created_at":"2026-11-25T10:00:01Z""#, r#","created_at":"2026-11-24T10:00:00Z""#);
    let wide = "é".repeat(125);
    let all = [
        listed(1, &format!(r#"{new},"agenda":"{wide}""#)),
        listed(2, &format!(r#"{old},"agenda":"{wide}""#)),
        listed(3, new),
        listed(4, old),
        listed(5, &format!(r#"{new},"agenda":"""#)),
        listed(6, &format!(r#"{new},"agenda":"{}""#, "é".repeat(124))),
    ];
    let Sifted::Ask(ask) = sought.sift(&all) else { panic!("ask") };
    assert_eq!(ids(&ask), [1, 3]);
}

#[test]
fn without_a_marker_what_is_alike_is_told_and_nothing_is_adopted() {
    let job = scheduled();
    let sought = Sought { marker: None, meeting: &job.meeting, since: since() };
    let same = r#","topic":"sync","type":2,"start_time":"2026-12-01T10:00:00Z""#;
    let all = [
        listed(1, &format!(r#"{same},"created_at":"2026-11-25T10:00:01Z""#)),
        listed(2, &format!(r#"{same},"created_at":"2026-11-25T09:00:00Z""#)),
        listed(3, r#","topic":"sync","type":2,"start_time":"2026-12-01T11:00:00Z""#),
        listed(4, r#","topic":"other","type":2,"start_time":"2026-12-01T10:00:00Z""#),
    ];
    assert_eq!(sought.sift(&all), Sifted::Alike(vec![&all[0]]));
    assert_eq!(sought.sift(&all[1..]), Sifted::Alike(vec![]));
}
