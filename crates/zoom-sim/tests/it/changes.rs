//! Updates, occurrences, deletes and ends, as Zoom is known to treat them.

use std::time::Duration;

use serde_json::{Value, json};
use zoom_sim::{Config, Endpoint, Fault, Sim, What};

use crate::client::{Ask, Got, ask, create, list};

const EVERYTHING: &str = "meeting:write meeting:read user:read";

struct Zoom {
    sim: Sim,
    token: String,
}

impl Zoom {
    async fn new() -> Self {
        let sim = Sim::start(Config::default()).await;
        sim.stop_time();
        sim.set_time_ms(1_893_456_000_000); // 2030-01-01, a Tuesday
        let token = sim.seed("ada", None, Some(EVERYTHING)).tokens.access_token;
        Self { sim, token }
    }

    fn ask(&self, method: &'static str, path: &str) -> Ask {
        ask(method, &format!("/v2{path}")).bearer(&self.token)
    }

    async fn send(&self, method: &'static str, path: &str, body: &Value) -> Got {
        self.ask(method, path).json(body).of(&self.sim).await
    }

    async fn make(&self, body: Value) -> Value {
        let got = self.send("POST", "/users/me/meetings", &body).await;
        assert_eq!(got.status, 201, "{}", got.text());
        got.json()
    }

    async fn get(&self, path: &str) -> Value {
        self.ask("GET", path).of(&self.sim).await.json()
    }

    /// A weekly series in Berlin, and the path of its meeting.
    async fn series(&self, rule: Value) -> (String, Value) {
        let made = self
            .make(json!({
                "topic": "Stand-up", "type": 8, "start_time": "2030-03-25T10:00:00",
                "timezone": "Europe/Berlin", "duration": 30, "recurrence": rule,
                "settings": {"host_video": true, "audio": "voip"},
            }))
            .await;
        (format!("/meetings/{}", made["id"]), made)
    }
}

/// The fields named in a refusal; none for anything else.
fn refused(got: &Got) -> Vec<String> {
    if got.status != 400 {
        return Vec::new();
    }
    let json = got.json();
    assert_eq!(json["code"], 300, "{json}");
    let errors = json["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|e| e["field"].as_str().unwrap_or_default().to_owned()).collect()
}

fn occurrences(meeting: &Value) -> Vec<(String, String)> {
    let text = |one: &Value, name: &str| one[name].as_str().expect("text").to_owned();
    let all = meeting["occurrences"].as_array().expect("occurrences");
    all.iter().map(|one| (text(one, "occurrence_id"), text(one, "start_time"))).collect()
}

#[tokio::test]
async fn occurrences_follow_weekdays_and_the_clock_on_the_wall() {
    let zoom = Zoom::new().await;
    let rule = json!({"type": 2, "weekly_days": "5,2", "repeat_interval": 1, "end_times": 4});
    let (_, made) = zoom.series(rule).await;
    let starts: Vec<String> = occurrences(&made).into_iter().map(|(_, start)| start).collect();
    // Monday and Thursday; summer time begins on Sunday, 31 March.
    let expected = [
        "2030-03-25T09:00:00Z",
        "2030-03-28T09:00:00Z",
        "2030-04-01T08:00:00Z",
        "2030-04-04T08:00:00Z",
    ];
    assert_eq!(starts, expected);
    let monthly = json!({"type": 3, "monthly_day": 31, "end_times": 2});
    let starts = occurrences(&zoom.series(monthly).await.1);
    assert_eq!(starts[0].1, "2030-03-31T08:00:00Z");
    assert_eq!(starts[1].1, "2030-05-31T08:00:00Z", "April has no such day");
}

#[tokio::test]
async fn one_occurrence_is_read_changed_and_deleted_alone() {
    let zoom = Zoom::new().await;
    let (path, made) = zoom.series(json!({"type": 1, "end_times": 3})).await;
    let all = occurrences(&made);
    let one = format!("{path}?occurrence_id={}", all[1].0);

    let change = json!({
        "start_time": "2030-03-26T15:00:00", "duration": 45, "agenda": "moved",
        "settings": {"waiting_room": false},
    });
    assert_eq!(zoom.send("PATCH", &one, &change).await.status, 204);
    let seen = zoom.get(&one).await;
    assert_eq!(
        (&seen["start_time"], &seen["duration"]),
        (&json!("2030-03-26T14:00:00Z"), &json!(45))
    );
    assert_eq!(
        (&seen["agenda"], &seen["settings"]["waiting_room"]),
        (&json!("moved"), &json!(false))
    );
    assert_eq!(seen["settings"]["audio"], "voip");
    let whole = zoom.get(&path).await;
    assert_eq!((&whole["start_time"], &whole["agenda"]), (&made["start_time"], &Value::Null));
    let (id, start) = &occurrences(&whole)[1];
    assert_eq!((id, start.as_str()), (&all[1].0, "2030-03-26T14:00:00Z"), "the id stays");

    for (body, field) in [
        (json!({"topic": "x"}), "topic"),
        (json!({"recurrence": {"type": 1}}), "recurrence"),
        (json!({"settings": {"audio": "both"}}), "settings.audio"),
        (json!({"duration": 0}), "duration"),
    ] {
        assert_eq!(refused(&zoom.send("PATCH", &one, &body).await), [field]);
    }
    for bad in ["7", "x"] {
        let other = format!("{path}?occurrence_id={bad}");
        assert_eq!(refused(&zoom.ask("GET", &other).of(&zoom.sim).await), ["occurrence_id"]);
        assert_eq!(refused(&zoom.ask("DELETE", &other).of(&zoom.sim).await), ["occurrence_id"]);
    }

    assert_eq!(zoom.ask("DELETE", &one).of(&zoom.sim).await.status, 204);
    let left = zoom.get(&path).await;
    assert_eq!(left["occurrences"][1]["status"], "deleted");
    assert_eq!(left["occurrences"][2]["status"], "available", "the series lives");
    assert_eq!(refused(&zoom.ask("GET", &one).of(&zoom.sim).await), ["occurrence_id"]);
    assert_eq!(zoom.ask("DELETE", &path).of(&zoom.sim).await.status, 204);
    assert_eq!(zoom.get(&path).await["code"], 3001, "without the id it is the whole series");
}

#[tokio::test]
async fn past_occurrences_are_shown_on_demand() {
    let zoom = Zoom::new().await;
    let (path, _) = zoom.series(json!({"type": 1, "end_times": 3})).await;
    zoom.sim.set_time_ms(1_900_749_600_000); // 2030-03-26T10:00Z
    let token = zoom.sim.seed("ada", None, Some(EVERYTHING)).tokens.access_token;
    let zoom = Zoom { token, ..zoom };
    assert_eq!(occurrences(&zoom.get(&path).await).len(), 1);
    let all = zoom.get(&format!("{path}?show_previous_occurrences=true")).await;
    assert_eq!(occurrences(&all).len(), 3);
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let zoom = Zoom::new().await;
    let made = zoom
        .make(json!({
            "type": 2, "start_time": "2030-01-07T10:00:00Z", "agenda": "a", "password": "pw1",
            "settings": {"host_video": true, "audio": "voip", "waiting_room": false},
        }))
        .await;
    let path = format!("/meetings/{}", made["id"]);
    let change = json!({"topic": "New", "settings": {"host_video": false, "odd": 1}});
    assert_eq!(zoom.send("PATCH", &path, &change).await.status, 204);
    let now = zoom.get(&path).await;
    let mut expected = made.clone();
    expected["topic"] = "New".into();
    expected["settings"]["host_video"] = false.into();
    assert_eq!(now, expected);

    // A past start: success in words, and nothing else is done either.
    let past = json!({"topic": "Lost", "start_time": "2020-01-01T00:00:00Z"});
    assert_eq!(zoom.send("PATCH", &path, &past).await.status, 204);
    assert_eq!(zoom.get(&path).await, expected);

    for (body, field) in [
        (json!({"topic": "x".repeat(201)}), "topic"),
        (json!({"start_time": "soon"}), "start_time"),
        (json!({"duration": 1_441}), "duration"),
        (json!({"type": 8}), "recurrence"),
        (json!({"timezone": "Mars/Olympus"}), "timezone"),
        (json!({"settings": {"audio": "VoIP"}}), "settings.audio"),
        (json!({"tracking_fields": [{"value": "12"}]}), "tracking_fields.field"),
    ] {
        assert_eq!(refused(&zoom.send("PATCH", &path, &body).await), [field]);
    }
    let of_nobody = json!({"schedule_for": "nobody@example.com"});
    assert_eq!(zoom.send("PATCH", &path, &of_nobody).await.json()["code"], 300);
    let early = json!({"type": 1, "pre_schedule": true});
    assert_eq!(zoom.send("PATCH", &path, &early).await.json()["code"], 3000);
    assert_eq!(zoom.get(&path).await, expected);
    let cost = json!({"tracking_fields": [{"field": "cost", "value": "12"}]});
    assert_eq!(zoom.send("PATCH", &path, &cost).await.status, 204);
    assert_eq!(zoom.get(&path).await["tracking_fields"][0]["value"], "12");
}

#[tokio::test]
async fn a_rule_is_taken_whole_and_an_update_ends_an_endless_series() {
    let zoom = Zoom::new().await;
    let endless = json!({"type": 2, "weekly_days": "2", "end_times": 0});
    let (path, made) = zoom.series(endless.clone()).await;
    assert_eq!(made["recurrence"]["end_times"], 0, "a create keeps it endless");
    let part = json!({"recurrence": {"end_times": 5}});
    assert_eq!(refused(&zoom.send("PATCH", &path, &part).await), ["recurrence.type"]);
    assert_eq!(zoom.send("PATCH", &path, &json!({"topic": "New"})).await.status, 204);
    let now = zoom.get(&path).await;
    assert_eq!(now["recurrence"]["end_times"], 110);
    assert_eq!(occurrences(&now).len(), 110);
    let monthly = json!({"recurrence": {"type": 3, "monthly_day": 2, "end_times": 0}});
    assert_eq!(zoom.send("PATCH", &path, &monthly).await.status, 204);
    assert_eq!(occurrences(&zoom.get(&path).await).len(), 60);
}

#[tokio::test]
async fn a_meeting_is_updated_a_hundred_times_in_24_hours() {
    let mut config = Config::default();
    config.rules.limits.user_day = None;
    let sim = Sim::start(config).await;
    sim.stop_time();
    let token = sim.grant("ada").access_token;
    let id = create(&token).of(&sim).await.json()["id"].to_string();
    let update = async |n: u32| {
        sim.advance(Duration::from_secs(1));
        let asked = ask("PATCH", &format!("/v2/meetings/{id}")).bearer(&token);
        asked.json(&json!({"topic": n.to_string()})).of(&sim).await.status
    };
    for n in 0..100 {
        assert_eq!(update(n).await, 204, "{n}");
    }
    assert_eq!(update(100).await, 429);
    assert_eq!(sim.counters().broken.over_meeting_updates, 1);
    let other = create(&token).of(&sim).await.json()["id"].to_string();
    let asked = ask("PATCH", &format!("/v2/meetings/{other}")).bearer(&token);
    assert_eq!(asked.json(&json!({"topic": "x"})).of(&sim).await.status, 204, "of another meeting");
}

#[tokio::test]
async fn personal_meetings_stay() {
    let zoom = Zoom::new().await;
    let pmi =
        json!({"type": 2, "start_time": "2030-01-07T10:00:00Z", "settings": {"use_pmi": true}});
    let path = format!("/meetings/{}", zoom.make(pmi).await["id"]);
    let got = zoom.ask("DELETE", &path).of(&zoom.sim).await;
    assert_eq!((got.status, got.json()["code"].as_u64()), (400, Some(3018)));
    assert_eq!(zoom.ask("GET", &path).of(&zoom.sim).await.status, 200);
}

#[tokio::test]
async fn a_meeting_ends_and_a_deleted_one_comes_back() {
    let zoom = Zoom::new().await;
    let id = zoom.make(json!({"type": 2, "start_time": "2030-01-07T10:00:00Z"})).await["id"]
        .as_u64()
        .expect("a number");
    let (path, status) = (format!("/meetings/{id}"), format!("/meetings/{id}/status"));
    let act = async |action: &str| zoom.send("PUT", &status, &json!({"action": action})).await;
    let idle = act("end").await;
    assert_eq!((idle.status, idle.json()["code"].as_u64()), (400, Some(3007)));
    zoom.sim.rules(|rules| rules.end_of_idle_refused = false);
    assert_eq!(act("end").await.status, 204);

    assert!(zoom.sim.start_meeting(id));
    let running = zoom.get(&path).await;
    assert_eq!(running["status"], "started");
    zoom.sim.rules(|rules| rules.running_not_deleted = true);
    assert_eq!(zoom.ask("DELETE", &path).of(&zoom.sim).await.json()["code"], 3002);
    assert_eq!(act("end").await.status, 204);
    let ended = zoom.get(&path).await;
    assert_eq!(ended["status"], "waiting");
    assert_ne!(ended["uuid"], running["uuid"], "each time that it runs has its own");

    assert_eq!(act("recover").await.json()["code"], 3001, "it is not deleted");
    assert_eq!(zoom.ask("DELETE", &path).of(&zoom.sim).await.status, 204);
    assert_eq!(act("end").await.json()["code"], 3001);
    assert_eq!(act("recover").await.status, 204);
    assert_eq!(zoom.get(&path).await["id"], id);
    assert_eq!(refused(&act("dance").await), ["action"]);
    assert_eq!(act("end").await.status, 204);
    assert_eq!(zoom.sim.counters().arrived.status, 8);
}

#[tokio::test]
async fn what_was_deleted_or_updated_can_be_seen_late() {
    let zoom = Zoom::new().await;
    let made =
        zoom.make(json!({"topic": "Old", "type": 2, "start_time": "2030-01-07T10:00:00Z"})).await;
    let path = format!("/meetings/{}", made["id"]);
    zoom.sim.rules(|rules| (rules.lags.update_reads, rules.lags.deleted_ms) = (2, 5_000));
    assert_eq!(zoom.send("PATCH", &path, &json!({"topic": "New"})).await.status, 204);
    let mut topics = Vec::new();
    for _ in 0..3 {
        topics.push(zoom.get(&path).await["topic"].clone());
    }
    assert_eq!(topics, ["Old", "Old", "New"]);
    zoom.sim.rules(|rules| (rules.lags.update_reads, rules.lags.update_ms) = (0, 1_000));
    assert_eq!(zoom.send("PATCH", &path, &json!({"topic": "Newer"})).await.status, 204);
    assert_eq!(zoom.get(&path).await["topic"], "New");
    zoom.sim.advance(Duration::from_secs(1));
    assert_eq!(zoom.get(&path).await["topic"], "Newer");

    assert_eq!(zoom.ask("DELETE", &path).of(&zoom.sim).await.status, 204);
    assert_eq!(list(&zoom.token).of(&zoom.sim).await.json()["total_records"], 1, "still listed");
    assert_eq!(zoom.get(&path).await["code"], 3001);
    zoom.sim.advance(Duration::from_secs(5));
    assert_eq!(list(&zoom.token).of(&zoom.sim).await.json()["total_records"], 0);
}

#[tokio::test]
async fn a_meeting_that_is_there_can_be_denied() {
    let zoom = Zoom::new().await;
    let path = format!("/meetings/{}", zoom.make(json!({"type": 3})).await["id"]);
    zoom.sim.fault(Fault::new(Endpoint::Get, What::Missing));
    let got = zoom.ask("GET", &path).of(&zoom.sim).await;
    assert_eq!((got.status, got.json()["code"].as_u64()), (404, Some(3001)));
    assert_eq!(zoom.ask("GET", &path).of(&zoom.sim).await.status, 200);
    let busy = What::Busy { status: 503, retry_after: "120".into() };
    zoom.sim.fault(Fault::new(Endpoint::Get, busy));
    let got = zoom.ask("GET", &path).of(&zoom.sim).await;
    assert_eq!((got.status, got.header("retry-after")), (503, "120"));
}
