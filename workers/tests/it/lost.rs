//! Calls whose outcome is lost: Zoom is asked, and nothing is made twice.

use std::time::Duration;

use serde_json::json;
use zoom_sim::{Endpoint, Fault, LimitKind, What};
use zoomd_workers::MarkerPlace;

use crate::resp::Answer;
use crate::seen::Seen;
use crate::world::{LIMIT, World, job_with};

#[tokio::test]
async fn a_lost_reply_is_adopted() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    let faults = [What::Drop, What::Reset, What::Status(503), What::MalformedJson, What::Hang];
    for (n, what) in faults.into_iter().enumerate() {
        let id = format!("lost-{n}");
        world.sim.fault(Fault::new(Endpoint::Create, what.clone()).after());
        world.enqueue(&job_with("acme", &id));
        let outcomes = world.outcomes(n + 1).await;
        let result = &outcomes[&id];
        assert_eq!(result["status"], "succeeded", "{what:?}: {result}");
        assert_eq!(result["reconciled"], true, "{what:?}");
        assert_eq!(result["attempts"], 1);
        let made = world.sim.meetings();
        assert_eq!(made.len(), n + 1);
        assert_eq!(result["meeting"]["id"], made[n].id);
        assert!(result["meeting"].get("start_url").is_none());
    }
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_call_that_made_nothing_is_made_again() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Status(502)));
    world.enqueue(&job_with("acme", "again"));
    let result = world.outcome("again").await;
    assert_eq!(result["status"], "succeeded");
    assert_eq!(result["attempts"], 2);
    assert_eq!(result["reconciled"], false);
    assert_eq!(world.sim.meetings().len(), 1);
    assert!(world.sim.counters().arrived.list >= 2, "one look is not enough");
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn the_last_attempt_ends_it_once_it_is_known_to_have_made_nothing() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Status(500)).always());
    let mut once = job_with("acme", "once");
    once["max_attempts"] = 1.into();
    world.enqueue(&once);
    let failure = world.outcome("once").await;
    assert_eq!(failure["code"], "retries_exhausted");
    assert_eq!(failure["attempts"], 1);
    assert_eq!(failure["retryable"], true);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_list_that_lags_and_one_that_fails_are_looked_at_again() {
    let world = World::new().await;
    world.account("acme").await;
    world.sim.rules(|rules| rules.list.lag_looks = 1);
    let engine = world.hasty_engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    world.sim.fault(Fault::new(Endpoint::List, What::Status(503)));
    world.enqueue(&job_with("acme", "lag"));
    let result = world.outcome("lag").await;
    assert_eq!(result["reconciled"], true);
    assert_eq!(result["attempts"], 1);
    assert_eq!(world.sim.meetings().len(), 1);
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_look_that_called_is_counted_whatever_it_was_answered() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    world.sim.fault(Fault::new(Endpoint::List, What::Limit(LimitKind::PerSecond)));
    world.enqueue(&job_with("acme", "counted"));
    assert_eq!(world.outcome("counted").await["reconciled"], true);
    let mut resp = world.resp();
    let days = resp.call(&["KEYS", "zoomd:v1:ledger:*"]);
    let counted = |day: &Answer| match resp.call(&["HGET", day.text(), "l:medium"]) {
        Answer::Text(count) => count.parse().expect("a number"),
        _ => 0,
    };
    // Near midnight a call counts on both days.
    let most: u64 = days.list().iter().map(counted).max().expect("a day");
    assert_eq!(most, world.sim.counters().arrived.list);
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_long_agenda_is_read_in_full() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    let mut long = job_with("acme", "long");
    long["meeting"]["agenda"] = "word ".repeat(200).into();
    world.enqueue(&long);
    let result = world.outcome("long").await;
    assert_eq!(result["reconciled"], true);
    assert!(world.sim.counters().arrived.get >= 1);
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn what_cannot_be_told_apart_is_not_guessed() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world.hasty_engine().await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    let mut instant = job_with("acme", "instant");
    instant["meeting"] = json!({"topic": "now", "type": 1});
    world.enqueue(&instant);
    let failure = world.outcome("instant").await;
    assert_eq!(failure["code"], "outcome_unknown");
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    let mut personal = job_with("acme", "personal");
    personal["meeting"]["settings"] = json!({"use_pmi": true});
    world.enqueue(&personal);
    let failure = world.outcome_of("personal").await;
    assert_eq!(failure["code"], "outcome_unknown");
    engine.drain(LIMIT).await;

    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    let engine = world.engine_with(|setup| setup.settings.marker = MarkerPlace::None).await;
    world.enqueue(&job_with("acme", "unmarked"));
    let failure = world.outcomes(3).await.remove("unmarked").expect("an outcome");
    assert_eq!(failure["code"], "outcome_unknown");
    assert_eq!(failure["candidates"][0]["topic"], "unmarked");
    // The id is held: the same job again makes nothing.
    world.enqueue(&job_with("acme", "unmarked"));
    world.enqueue(&job_with("acme", "next"));
    assert!(world.outcomes(4).await.contains_key("next"));
    assert_eq!(world.sim.meetings().len(), 4);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_list_that_may_not_be_read_leaves_the_outcome_unknown() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world
        .engine_with(|setup| {
            setup.queue.request_timeout = Duration::from_millis(300);
            setup.settings.reconcile.delays = vec![Duration::from_millis(50)];
        })
        .await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    world.sim.fault(
        Fault::new(
            Endpoint::List,
            What::Body {
                status: 400,
                content_type: "application/json".into(),
                body: r#"{"code":4711,"message":"Invalid access token, does not contain scopes:[meeting:read:list_meetings]."}"#.into(),
            },
        )
        .always(),
    );
    world.enqueue(&job_with("acme", "blind"));
    let failure = world.outcome("blind").await;
    assert_eq!(failure["code"], "outcome_unknown");
    assert!(failure["message"].as_str().expect("text").contains("4711"));
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn an_engine_that_dies_with_a_call_under_way_loses_and_doubles_nothing() {
    for destroy_group in [false, true] {
        let world = World::new().await;
        world.account("acme").await;
        let dying = world.engine().await;
        let hold = world.sim.fault(Fault::new(Endpoint::Create, What::Hold).after().times(2));
        world.enqueue(&job_with("acme", "with-id"));
        let entry = world.enqueue(&crate::world::job("acme", "without"));
        world.sim.wait_for(Endpoint::Create, 2).await.expect("two calls");
        drop(dying);
        world.sim.release(hold);
        if destroy_group {
            world.resp().call(&["XGROUP", "DESTROY", "zoomd:jobs", "zoomd"]);
        }
        let heir = world.hasty_engine().await;
        let outcomes = world.outcomes(2).await;
        for id in ["with-id", &entry] {
            assert_eq!(outcomes[id]["status"], "succeeded", "{}", outcomes[id]);
            assert_eq!(outcomes[id]["reconciled"], true);
        }
        assert_eq!(world.sim.meetings().len(), 2);
        heir.drain(LIMIT).await;
        world.assert_idle();
    }
}

#[tokio::test]
async fn an_engine_that_dies_before_the_call_leaves_the_job_to_another() {
    let world = World::new().await;
    world.account("acme").await;
    let dying = world.engine().await;
    // Connected, but nothing read: the request is on its way and nothing is made.
    let hold = world.sim.fault(Fault::new(Endpoint::Create, What::Hold));
    world.enqueue(&job_with("acme", "early"));
    world.sim.wait_for(Endpoint::Create, 1).await.expect("a call");
    drop(dying);
    world.sim.clear_fault(hold);
    let heir = world.hasty_engine().await;
    let result = world.outcome("early").await;
    assert_eq!(result["status"], "succeeded", "{result}");
    assert_eq!(world.sim.meetings().len(), 1);
    tokio::time::timeout(Duration::from_secs(5), heir.drain(LIMIT)).await.expect("a quick end");
    world.assert_idle();
}

#[tokio::test]
async fn a_meeting_that_shows_up_too_late_is_a_twin_and_is_reported() {
    let seen = Seen::default();
    let _set = metrics::set_default_local_recorder(&seen);
    let world = World::new().await;
    world.account("acme").await;
    world.sim.rules(|rules| rules.list.lag_ms = 1_000);
    let engine = world
        .engine_with(|setup| {
            setup.queue.request_timeout = Duration::from_millis(100);
            setup.settings.reconcile.twins_after = Duration::from_millis(1_200);
        })
        .await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    world.enqueue(&job_with("acme", "twice"));
    let result = world.outcome("twice").await;
    assert_eq!(result["attempts"], 2);
    assert_eq!(world.sim.twins().len(), 1, "the window that remains");
    let until = std::time::Instant::now() + LIMIT;
    while seen.count("zoomd_twins_total") == 0 {
        assert!(std::time::Instant::now() < until, "the twin is reported");
        tokio::task::yield_now().await;
    }
    assert_eq!(world.sim.meetings_of("acme").len(), 2, "neither is deleted");
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_job_that_takes_its_daemon_down_again_and_again_becomes_a_failure() {
    let world = World::new().await;
    world.account("acme").await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Hold).times(2));
    world.enqueue(&job_with("acme", "poison"));
    for crash in 1..=2 {
        let dying = world.hasty_engine().await;
        world.sim.wait_for(Endpoint::Create, crash).await.expect("a call");
        drop(dying);
    }
    let heir = world
        .engine_with(|setup| {
            setup.queue.poison_sweeps = 2;
            setup.queue.request_timeout = Duration::from_millis(300);
        })
        .await;
    let failure = world.outcome("poison").await;
    assert_eq!(failure["code"], "internal_error", "{failure}");
    assert_eq!(failure["attempts"], 2);
    assert!(world.sim.meetings().is_empty());
    heir.drain(LIMIT).await;
    world.assert_idle();
}
