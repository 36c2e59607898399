//! Jobs that change a meeting: what is sent, what its answers mean, how a lost one is
//! resolved, and one date of a series by its id or its first start.

use serde_json::{Value, json};
use zoom_sim::{Config, Endpoint, Fault, LimitKind, What};

use crate::resp::Answer;
use crate::world::{LIMIT, World, job_with};

/// A world with one account and one meeting, made with `more` in its body; its number.
async fn with_meeting(more: Value) -> (World, zoomd_workers::Engine, u64) {
    let world = World::with(Config::unlimited()).await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    let mut create = job_with("acme", "create");
    let more = more.as_object().expect("fields").clone();
    create["meeting"].as_object_mut().expect("a body").extend(more);
    world.enqueue(&create);
    let result = world.outcome("create").await;
    let id = result["meeting"]["id"].as_u64().expect("a meeting");
    (world, engine, id)
}

async fn series() -> (World, zoomd_workers::Engine, u64) {
    with_meeting(json!({"type": 8, "recurrence": {"type": 1, "end_times": 3}})).await
}

fn update(id: &str, meeting: u64, change: Value) -> Value {
    json!({"id": id, "account": "acme", "kind": "update_meeting", "meeting_id": meeting,
           "meeting": change})
}

/// The meeting as the register has it.
async fn registered(world: &World, meeting: u64) -> zoomd_store::meetings::Meeting<'static> {
    let meetings = zoomd_store::meetings::Meetings::new(world.store.clone(), LIMIT);
    meetings.by_number(Some("acme"), meeting).await.expect("redis").remove(0)
}

/// The meeting as Zoom tells it.
async fn read(world: &World, meeting: u64) -> Value {
    let token = world.sim.tokens("acme").expect("a grant").access_token;
    let token = zoom_api::AccessToken::new(&token).expect("a token");
    let client = world.client(LIMIT);
    let reply = client.get_meeting(&token, &meeting.into()).await.expect("an answer");
    serde_json::from_slice(&reply.body).expect("JSON")
}

fn now(world: &World) -> zoom_sim::MeetingView {
    world.sim.meetings().remove(0)
}

#[tokio::test]
async fn a_meeting_is_changed_and_its_host_pays_for_it() {
    let (world, engine, meeting) = with_meeting(json!({"agenda": "old"})).await;
    let marker = now(&world).marker.expect("a marker");
    let change =
        json!({"topic": "new", "agenda": "fresh", "start_time": "2036-12-02T11:00:00+01:00"});
    world.enqueue(&update("moved", meeting, change));
    let result = world.outcome_of("moved").await;
    assert_eq!((&result["status"], &result["effect"]), (&"succeeded".into(), &"updated".into()));
    assert_eq!(result["meeting"], json!({"id": meeting}));
    assert_eq!(result["changed"], json!(["agenda", "start_time", "topic"]));
    assert_eq!((&result["attempts"], result.get("of")), (&1.into(), None));
    let seen = now(&world);
    assert_eq!(seen.topic, "new");
    assert_eq!(seen.start_time.as_deref(), Some("2036-12-02T10:00:00Z"));
    assert_eq!(seen.agenda, format!("fresh\n{marker}"), "the marker stays");
    let known = registered(&world, meeting).await;
    let start = known.timing.start.map(|start| start.to_string());
    assert_eq!(start.as_deref(), Some("2036-12-02T10:00:00Z"), "the register knows: {known:?}");
    let mut resp = world.resp();
    let day = resp.call(&["KEYS", "zoomd:v1:ledger:*"]).list()[0].text().to_owned();
    let all = resp.call(&["HGETALL", &day]);
    let counts: Vec<_> =
        all.list().chunks(2).map(|pair| (pair[0].text(), pair[1].text())).collect();
    let hosts: Vec<_> = counts.iter().filter(|(name, _)| name.starts_with("h:")).collect();
    assert_eq!(hosts.iter().map(|(_, n)| *n).collect::<Vec<_>>(), ["2"], "{counts:?}");
    engine.drain(LIMIT).await;
    world.assert_idle();
}

/// Zoom takes so many changes of one meeting a day: others of its host go on.
#[tokio::test]
async fn a_limit_of_one_meeting_holds_back_its_line_alone() {
    let (world, engine, meeting) = with_meeting(json!({})).await;
    world.sim.fault(Fault::new(Endpoint::Update, What::Limit(LimitKind::Unknown)));
    world.enqueue(&update("met", meeting, json!({"topic": "b"})));
    world.until(&["HLEN", "zoomd:v1:record:acme"], &Answer::Number(1)).await;
    let mut behind = update("behind", meeting, json!({"topic": "c"}));
    behind["scope"] = "series".into();
    world.enqueue(&behind);
    world.enqueue(&job_with("acme", "other"));
    assert_eq!(world.outcome_of("other").await["status"], "succeeded");
    assert_eq!(world.sim.counters().arrived.update, 1, "the line waits");
    world.store.clock().set_ms(100_000);
    world.resp().call(&["PUBLISH", "zoomd:v1:wake", "q"]);
    for id in ["met", "behind"] {
        let result = world.outcome_of(id).await;
        assert_eq!((&result["effect"], &result["attempts"]), (&"updated".into(), &1.into()));
    }
    assert_eq!(now(&world).topic, "c");
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_series_is_changed_only_where_the_job_says_so() {
    let (world, engine, meeting) = series().await;
    world.enqueue(&update("unsaid", meeting, json!({"topic": "new"})));
    let failure = world.outcome_of("unsaid").await;
    assert_eq!((&failure["code"], &failure["field"]), (&"invalid_job".into(), &"scope".into()));
    assert_eq!(world.sim.counters().arrived.update, 0, "nothing is sent");
    let mut said = update("unsaid", meeting, json!({"topic": "new"}));
    said["scope"] = "series".into();
    let reads = world.sim.counters().arrived.get;
    world.enqueue(&said);
    // The create's result and this one: the id is free again.
    world.until(&["XLEN", "zoomd:results"], &Answer::Number(2)).await;
    assert_eq!(now(&world).topic, "new");
    engine.drain(LIMIT).await;
    assert_eq!(world.sim.counters().arrived.get, reads, "no read is needed");
    world.assert_idle();
}

#[tokio::test]
async fn one_date_is_changed_by_its_id_or_its_first_start() {
    let (world, engine, meeting) = series().await;
    let second = "2036-12-02T10:00:00Z";
    let ms = second.parse::<jiff::Timestamp>().expect("a time").as_millisecond().to_string();
    let mut by_start = update("start", meeting, json!({"start_time": "2036-12-02T15:00:00Z"}));
    by_start["occurrence"] = second.into();
    world.enqueue(&by_start);
    assert_eq!(world.outcome_of("start").await["effect"], "updated");
    // The first start still names the occurrence, though it was moved.
    let mut again = update("again", meeting, json!({"duration": 45}));
    again["occurrence"] = second.into();
    world.enqueue(&again);
    assert_eq!(world.outcome_of("again").await["effect"], "updated");
    let mut by_id = update("id", meeting, json!({"settings": {"waiting_room": true}}));
    by_id["occurrence"] = ms.as_str().into();
    world.enqueue(&by_id);
    assert_eq!(world.outcome_of("id").await["effect"], "updated");
    let dates = read(&world, meeting).await["occurrences"].clone();
    let told = |n: usize| (dates[n]["start_time"].clone(), dates[n]["duration"].clone());
    assert_eq!(told(1), ("2036-12-02T15:00:00Z".into(), 45.into()), "{dates}");
    assert_eq!(told(2), ("2036-12-03T10:00:00Z".into(), 30.into()), "{dates}");
    // An occurrence that does not exist.
    let mut none = update("none", meeting, json!({"duration": 45}));
    none["occurrence"] = "2036-12-02T15:00:00Z".into();
    world.enqueue(&none);
    let failure = world.outcome_of("none").await;
    assert_eq!(failure["code"], "zoom_rejected", "{failure}");
    assert_eq!(failure["candidates"].as_array().map(Vec::len), Some(3), "{failure}");
    let mut other = update("other", meeting, json!({"duration": 45}));
    other["occurrence"] = "1648194360000".into();
    world.enqueue(&other);
    let failure = world.outcome_of("other").await;
    assert_eq!(
        (&failure["code"], &failure["zoom"]["code"]),
        (&"zoom_rejected".into(), &300.into())
    );
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_lost_answer_is_resolved_by_reading_and_comparing() {
    let (world, engine, meeting) = with_meeting(json!({})).await;
    world.sim.fault(Fault::new(Endpoint::Update, What::Drop).after());
    world.enqueue(&update("done", meeting, json!({"topic": "b", "agenda": "x"})));
    let result = world.outcome_of("done").await;
    assert_eq!((&result["effect"], &result["changed"]), (&"unchanged".into(), &json!([])));
    assert_eq!((&result["attempts"], &result["reconciled"]), (&1.into(), &true.into()));
    assert_eq!(world.sim.counters().arrived.update, 1, "it is not sent again");

    for (id, what) in [("dropped", What::Drop), ("refused", What::Status(503))] {
        world.sim.fault(Fault::new(Endpoint::Update, what));
        world.enqueue(&update(id, meeting, json!({"topic": id})));
        let result = world.outcome_of(id).await;
        assert_eq!(
            (&result["effect"], &result["attempts"]),
            (&"updated".into(), &2.into()),
            "{result}"
        );
        assert_eq!(now(&world).topic, id);
    }
    // A field that a read does not show counts as not set: it is sent again.
    world.sim.fault(Fault::new(Endpoint::Update, What::Drop).after());
    world.enqueue(&update("secret", meeting, json!({"password": "abc123"})));
    let result = world.outcome_of("secret").await;
    assert_eq!(
        (&result["effect"], &result["attempts"]),
        (&"updated".into(), &2.into()),
        "{result}"
    );
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_read_that_lags_is_made_again() {
    let (world, engine, meeting) = with_meeting(json!({})).await;
    world.sim.rules(|rules| rules.lags.update_reads = 1);
    world.sim.fault(Fault::new(Endpoint::Update, What::Drop).after());
    world.enqueue(&update("lags", meeting, json!({"topic": "b"})));
    let result = world.outcome_of("lags").await;
    assert_eq!(
        (&result["effect"], &result["attempts"]),
        (&"unchanged".into(), &1.into()),
        "{result}"
    );
    assert_eq!(world.sim.counters().arrived.update, 1);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn what_is_gone_is_zooms_refusal_once_it_was_said_twice() {
    let (world, engine, meeting) = with_meeting(json!({})).await;
    // Once, of a meeting that is there: it is not believed.
    world.sim.fault(Fault::new(Endpoint::Update, What::Missing));
    world.enqueue(&update("false", meeting, json!({"topic": "b"})));
    let result = world.outcome_of("false").await;
    assert_eq!(
        (&result["effect"], &result["attempts"]),
        (&"updated".into(), &2.into()),
        "{result}"
    );
    world.enqueue(&json!({"id": "gone", "account": "acme", "kind": "delete_meeting",
                          "meeting_id": meeting}));
    world.outcome_of("gone").await;
    assert!(registered(&world, meeting).await.deleted.is_some(), "the register knows");
    for (id, scope) in [("read", Value::Null), ("sent", "series".into())] {
        let mut late = update(id, meeting, json!({"topic": "c"}));
        late["scope"] = scope;
        world.enqueue(&late);
        let failure = world.outcome_of(id).await;
        assert_eq!(
            (&failure["code"], &failure["zoom"]["code"]),
            (&"zoom_rejected".into(), &3001.into()),
            "{failure}"
        );
    }
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_consent_that_lacks_the_scope_sends_nothing() {
    let world = World::new().await;
    let scope = "meeting:write:meeting meeting:read:meeting user:read:user";
    world.account_with_scope("acme", scope).await;
    let engine = world.hasty_engine().await;
    world.enqueue(&job_with("acme", "create"));
    let result = world.outcome("create").await;
    let meeting = result["meeting"]["id"].as_u64().expect("a meeting");
    let delete =
        json!({"id": "delete", "account": "acme", "kind": "delete_meeting", "meeting_id": meeting});
    let end = json!({"id": "end", "account": "acme", "kind": "end_meeting", "meeting_id": meeting});
    for (job, id, scope) in [
        (update("update", meeting, json!({"topic": "b"})), "update", "meeting:update:meeting"),
        (delete, "delete", "meeting:delete:meeting"),
        (end, "end", "meeting:update:status"),
    ] {
        world.enqueue(&job);
        let failure = world.outcome_of(id).await;
        assert_eq!((&failure["code"], &failure["attempts"]), (&"missing_scope".into(), &0.into()));
        assert!(failure["message"].as_str().expect("words").contains(scope), "{failure}");
    }
    assert_eq!(world.sim.violations(), [], "no call was made without its scope");
    engine.drain(LIMIT).await;
    world.assert_idle();
}
