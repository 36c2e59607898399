//! Updates that wait together: sent with their create, or as one request, with a result each;
//! and what becomes of them when that one is refused or lost.

use std::time::Duration;

use serde_json::{Value, json};
use zoom_sim::{Endpoint, Fault, FaultId, MeetingView, What};
use zoomd_store::grants::Grants;
use zoomd_wire::AccountName;
use zoomd_workers::Engine;

use crate::resp::Answer;
use crate::world::{LIMIT, World, job_with};

async fn start() -> World {
    let world = World::new().await;
    world.account("acme").await;
    world
}

fn change(id: &str, target: (&str, Value), meeting: Value) -> Value {
    let mut job =
        json!({"id": id, "account": "acme", "kind": "update_meeting", "meeting": meeting});
    job[target.0] = target.1;
    job
}

fn of(id: &str, meeting: Value) -> Value {
    change(id, ("of", "c".into()), meeting)
}

fn now(world: &World) -> MeetingView {
    world.sim.meetings().remove(0)
}

fn calls(world: &World, endpoint: Endpoint) -> u64 {
    world.sim.counters().arrived.of(endpoint)
}

/// A meeting, with an update of it under way that the simulator holds.
struct Held {
    engine: Engine,
    meeting: u64,
    line: String,
    fault: FaultId,
}

async fn held(world: &World) -> Held {
    let soon = Duration::from_millis(300);
    let engine = world.engine_with(|setup| setup.queue.request_timeout = soon).await;
    let entry = world.enqueue(&job_with("acme", "made"));
    let meeting = world.outcome_of("made").await["meeting"]["id"].as_u64().expect("a meeting");
    let fault = world.sim.fault(Fault::new(Endpoint::Update, What::Hold));
    let target = ("meeting_id", meeting.into());
    world.enqueue(&change("first", target, json!({"duration": 31})));
    world.sim.wait_for(Endpoint::Update, 1).await.expect("a call");
    Held { engine, meeting, line: format!("zoomd:v1:target:c{entry}/made"), fault }
}

impl Held {
    /// Enqueues updates of the meeting, and lets the one under way end when all stand behind it.
    async fn behind(&self, world: &World, changes: &[Value]) {
        for job in changes {
            world.enqueue(job);
        }
        let all = i64::try_from(changes.len() + 1).expect("a count");
        world.until(&["ZCARD", &self.line], &Answer::Number(all)).await;
        world.sim.release(self.fault);
    }

    fn update(&self, id: &str, body: Value) -> Value {
        change(id, ("meeting_id", self.meeting.into()), body)
    }
}

#[tokio::test]
async fn a_create_is_sent_with_the_updates_that_wait_for_it() {
    let world = start().await;
    for job in [
        job_with("acme", "c"),
        of("u1", json!({"topic": "one", "agenda": "fresh"})),
        of("u2", json!({"start_time": "2036-12-03T10:00:00Z", "settings": {"waiting_room": true}})),
        of("u3", json!({"topic": "three"})),
    ] {
        world.enqueue(&job);
    }
    let engine = world.engine().await;
    let all = world.outcomes(4).await;
    assert_eq!((calls(&world, Endpoint::Create), calls(&world, Endpoint::Update)), (1, 0));
    let seen = now(&world);
    assert_eq!((&*seen.topic, seen.start_time.as_deref()), ("three", Some("2036-12-03T10:00:00Z")));
    let marker = seen.marker.expect("a marker");
    assert_eq!(seen.agenda, format!("fresh\n{marker}"));
    assert_eq!(all["c"]["meeting"]["topic"], "three");
    assert_eq!((all["c"].get("merged_into"), all["c"].get("effect")), (None, None));
    for (id, changed) in [
        ("u1", json!(["topic", "agenda"])),
        ("u2", json!(["start_time", "settings"])),
        ("u3", json!(["topic"])),
    ] {
        let result = &all[id];
        let names = |value: &Value| {
            let mut names: Vec<String> = serde_json::from_value(value.clone()).expect("names");
            names.sort();
            names
        };
        assert_eq!((&result["merged_into"], &result["effect"]), (&"c".into(), &"updated".into()));
        assert_eq!(names(&result["changed"]), names(&changed), "{result}");
        assert_eq!(result["meeting"], json!({"id": seen.id}));
        assert_eq!((&result["of"], &result["attempts"]), (&"c".into(), &1.into()));
    }
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn updates_behind_one_under_way_are_one_request() {
    let world = start().await;
    let held = held(&world).await;
    let changes = [
        held.update("u1", json!({"topic": "one", "settings": {"waiting_room": true}})),
        held.update("u2", json!({"duration": 45})),
        held.update("u3", json!({"settings": {"audio": "voip"}})),
        held.update("u4", json!({"topic": "four"})),
        held.update("u5", json!({"agenda": "last"})),
    ];
    held.behind(&world, &changes).await;
    let all = world.outcomes(7).await;
    assert_eq!(calls(&world, Endpoint::Update), 2);
    let seen = now(&world);
    assert_eq!((&*seen.topic, seen.duration), ("four", 45));
    for id in ["u1", "u2", "u3", "u4"] {
        assert_eq!(
            (&all[id]["merged_into"], &all[id]["effect"]),
            (&"u5".into(), &"updated".into())
        );
    }
    // The newest is the one that carried the call.
    assert_eq!((all["u5"].get("merged_into"), &all["u5"]["effect"]), (None, &"updated".into()));
    assert_eq!(all["u2"]["changed"], json!(["duration"]));
    held.engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn what_is_refused_together_is_sent_one_by_one() {
    let world = start().await;
    let held = held(&world).await;
    let no = What::Body {
        status: 400,
        content_type: "application/json".to_owned(),
        body: r#"{"code":300,"message":"No."}"#.to_owned(),
    };
    // The merged one and the second alone.
    world.sim.fault(Fault::new(Endpoint::Update, no.clone()));
    world.sim.fault(Fault::new(Endpoint::Update, no).skip(1));
    let changes = [
        held.update("u1", json!({"topic": "one"})),
        held.update("u2", json!({"duration": 45})),
        held.update("u3", json!({"agenda": "three"})),
    ];
    held.behind(&world, &changes).await;
    let all = world.outcomes(5).await;
    assert_eq!(calls(&world, Endpoint::Update), 5, "one held, one together, three alone");
    assert_eq!((&all["u2"]["code"], &all["u2"]["attempts"]), (&"zoom_rejected".into(), &1.into()));
    for id in ["u1", "u3"] {
        let told = (&all[id]["effect"], &all[id]["attempts"], all[id].get("merged_into"));
        assert_eq!(told, (&"updated".into(), &1.into(), None), "no attempt is spent");
    }
    let seen = now(&world);
    assert_eq!((&*seen.topic, seen.duration), ("one", 31));
    assert!(seen.agenda.starts_with("three"), "{seen:?}");
    held.engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_lost_call_is_resolved_for_all_that_it_carried() {
    for (after, effect, attempts) in [(true, "unchanged", 1), (false, "updated", 2)] {
        let world = start().await;
        let held = held(&world).await;
        let lost = Fault::new(Endpoint::Update, What::Drop);
        world.sim.fault(if after { lost.after() } else { lost });
        let changes = [
            held.update("u1", json!({"topic": "one"})),
            held.update("u2", json!({"topic": "two", "duration": 50})),
        ];
        held.behind(&world, &changes).await;
        let all = world.outcomes(4).await;
        for id in ["u1", "u2"] {
            let told = (&all[id]["effect"], &all[id]["attempts"]);
            assert_eq!(told, (&effect.into(), &attempts.into()), "{}", all[id]);
        }
        assert_eq!(all["u1"]["merged_into"], "u2");
        let seen = now(&world);
        assert_eq!((&*seen.topic, seen.duration), ("two", 50));
        assert_eq!(calls(&world, Endpoint::Update), if after { 2 } else { 3 });
        held.engine.drain(LIMIT).await;
        world.assert_idle();
    }
    // A create that made its meeting with them, though its answer was lost.
    let world = start().await;
    for job in [job_with("acme", "c"), of("u1", json!({"topic": "one"}))] {
        world.enqueue(&job);
    }
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    let engine = world.hasty_engine().await;
    let all = world.outcomes(2).await;
    assert_eq!((&all["c"]["reconciled"], &all["u1"]["merged_into"]), (&true.into(), &"c".into()));
    assert_eq!(all["u1"]["meeting"], json!({"id": now(&world).id}));
    assert_eq!((calls(&world, Endpoint::Create), calls(&world, Endpoint::Update)), (1, 0));
    engine.drain(LIMIT).await;
    world.assert_idle();
}

/// An attempt of the one request is an attempt of each job that it carried.
#[tokio::test]
async fn a_part_has_no_more_attempts_than_it_may() {
    let world = start().await;
    let held = held(&world).await;
    world.sim.fault(Fault::new(Endpoint::Update, What::Status(502)));
    let mut once = held.update("once", json!({"duration": 50}));
    once["max_attempts"] = 1.into();
    held.behind(&world, &[held.update("u1", json!({"topic": "one"})), once]).await;
    let all = world.outcomes(4).await;
    assert_eq!(
        (&all["once"]["code"], &all["once"]["attempts"]),
        (&"retries_exhausted".into(), &1.into())
    );
    assert_eq!((&all["u1"]["effect"], &all["u1"]["attempts"]), (&"updated".into(), &2.into()));
    let seen = now(&world);
    assert_eq!((&*seen.topic, seen.duration), ("one", 31));
    held.engine.drain(LIMIT).await;
    world.assert_idle();
}

/// The meeting that a create made, as Zoom shows it, without what is of this one alone.
async fn shown(world: &World, create: &str) -> Value {
    let made = world.resp().call(&["HGET", "zoomd:v1:ids", create]).text().to_owned();
    let number: u64 = made.rsplit('|').next().and_then(|n| n.parse().ok()).expect("a number");
    let token = world.sim.tokens("acme").expect("a grant").access_token;
    let token = zoom_api::AccessToken::new(&token).expect("a token");
    let client = world.client(LIMIT);
    let reply = client.get_meeting(&token, &number.into()).await.expect("an answer");
    let mut shown: Value = serde_json::from_slice(&reply.body).expect("JSON");
    let fields = shown.as_object_mut().expect("a meeting");
    for own in [
        "id",
        "host_id",
        "dynamic_host_key",
        "chat_join_url",
        "uuid",
        "created_at",
        "start_url",
        "join_url",
        "password",
        "pstn_password",
        "h323_password",
        "encrypted_password",
    ] {
        fields.remove(own);
    }
    let agenda = fields["agenda"].as_str().unwrap_or_default();
    let words = agenda.split(['\n', ' ']).filter(|word| !word.starts_with("zd-"));
    let agenda = words.collect::<Vec<_>>().join(" ");
    fields.insert("agenda".to_owned(), agenda.into());
    shown
}

/// Pairs of changes through the whole daemon: what Zoom has in the end is the same, merged or
/// in turn.
#[tokio::test]
async fn merged_is_the_same_at_zoom_as_in_turn() {
    let (merging, plain) = (start().await, start().await);
    let bodies = [
        json!({"topic": "a"}),
        json!({"topic": "b", "duration": 45}),
        json!({"agenda": "x", "settings": {"waiting_room": true, "audio": "voip"}}),
        json!({"settings": {"waiting_room": false}}),
        json!({"start_time": "2037-01-05T10:00:00Z"}),
        json!({"timezone": "Europe/Berlin"}),
        json!({"start_time": "2037-02-05T10:00:00", "timezone": "Asia/Tokyo"}),
        json!({"type": 3}),
    ];
    let count = bodies.len() * bodies.len();
    for (world, off) in [(&merging, false), (&plain, true)] {
        for (n, first) in bodies.iter().enumerate() {
            for (m, second) in bodies.iter().enumerate() {
                let made = job_with("acme", &format!("c{n}{m}"));
                world.enqueue(&made);
                for (nth, body) in [first, second].into_iter().enumerate() {
                    let target = ("of", format!("c{n}{m}").into());
                    let mut job = change(&format!("u{n}{m}{nth}"), target, body.clone());
                    job["scope"] = "series".into();
                    world.enqueue(&job);
                }
            }
        }
        let engine = world.engine_with(|setup| setup.queue.merge_updates = !off).await;
        let all = world.outcomes(3 * count).await;
        let bad: Vec<_> = all.values().filter(|one| one["status"] != "succeeded").collect();
        assert!(bad.is_empty(), "{bad:#?}");
        engine.drain(LIMIT).await;
        world.assert_idle();
        let merged = all.values().filter(|one| one.get("merged_into").is_some()).count();
        assert_eq!(merged == 0, off);
        assert!(off || merged > count, "only {merged} of {} are merged", 2 * count);
    }
    for n in 0..bodies.len() {
        for m in 0..bodies.len() {
            let id = format!("c{n}{m}");
            let (one, other) = (shown(&merging, &id).await, shown(&plain, &id).await);
            assert_eq!(one, other, "{} then {}", bodies[n], bodies[m]);
        }
    }
}

/// Where nobody can tell what became of the one request, that is so of each job in it.
#[tokio::test]
async fn what_stays_unknown_is_unknown_of_all_that_were_carried() {
    let world = start().await;
    let engine = world.engine_with(|setup| setup.settings.reconcile.give_up = Duration::ZERO).await;
    world.enqueue(&job_with("acme", "made"));
    let meeting = world.outcome_of("made").await["meeting"]["id"].as_u64().expect("a meeting");
    engine.drain(LIMIT).await;
    for (id, topic) in [("u1", "one"), ("u2", "two")] {
        let mut job = change(id, ("meeting_id", meeting.into()), json!({"topic": topic}));
        job["scope"] = "series".into();
        world.enqueue(&job);
    }
    world.sim.fault(Fault::new(Endpoint::Update, What::Drop).after());
    world.sim.fault(Fault::new(Endpoint::Get, What::Status(500)).always());
    let engine = world.engine_with(|setup| setup.settings.reconcile.give_up = Duration::ZERO).await;
    let all = world.outcomes(3).await;
    for id in ["u1", "u2"] {
        let told = (&all[id]["code"], &all[id]["attempts"]);
        assert_eq!(told, (&"outcome_unknown".into(), &1.into()), "{}", all[id]);
    }
    assert_eq!(calls(&world, Endpoint::Update), 1);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

/// A create that waits past its start is made, if an update that waits for it moves the start.
#[tokio::test]
async fn an_update_that_moves_the_start_keeps_its_create_alive() {
    let world = start().await;
    let grants = Grants::new(world.store.clone(), world.vault.clone());
    let name = AccountName::new("acme").expect("a name");
    grants.pause(&name, "for the test").await.expect("redis");
    let engine = world.engine().await;
    let start = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    let mut create = job_with("acme", "c");
    create["meeting"]["start_time"] = start.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
    world.enqueue(&create);
    world.enqueue(&of("u1", json!({"start_time": "2036-12-03T10:00:00Z"})));
    let until = Answer::Number(2);
    world.until(&["HLEN", "zoomd:v1:payload:acme"], &until).await;
    // It is put off when its deadline has passed.
    let later = "2036-12-03T10:00:00Z".parse::<jiff::Timestamp>().expect("a time");
    let limit = std::time::Instant::now() + LIMIT;
    loop {
        let live = world.resp().call(&["HGET", "zoomd:v1:ids", "c"]).text().to_owned();
        if live.contains(&later.as_millisecond().to_string()) {
            break;
        }
        assert!(std::time::Instant::now() < limit, "{live}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    grants.resume(&name).await.expect("redis");
    let all = world.outcomes(2).await;
    assert_eq!(
        (&all["c"]["status"], &all["u1"]["merged_into"]),
        (&"succeeded".into(), &"c".into())
    );
    assert_eq!(now(&world).start_time.as_deref(), Some("2036-12-03T10:00:00Z"));
    engine.drain(LIMIT).await;
    world.assert_idle();
}
