//! A lost create is found whatever Zoom's list is like: each test makes one
//! reading false that Zoom does not publish.

use std::time::Duration;

use serde_json::{Value, json};
use zoom_sim::{Dates, End, Endpoint, Fault, ListRules, OddRow, Order, PastStart, What};
use zoomd_workers::{Engine, MarkerPlace};

use crate::seen::Seen;
use crate::world::{LIMIT, World, job_with};

async fn world(list: impl FnOnce(&mut ListRules)) -> (World, Engine) {
    let world = World::new().await;
    world.account("acme").await;
    world.sim.rules(|rules| list(&mut rules.list));
    let engine = world.hasty_engine().await;
    (world, engine)
}

/// The reply of a job's create is lost once.
fn lose(world: &World, job: &Value) {
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    world.enqueue(job);
}

fn refusal(status: u16, code: u32, message: &str) -> What {
    What::Body {
        status,
        content_type: "application/json".into(),
        body: json!({"code": code, "message": message}).to_string(),
    }
}

async fn is_adopted(world: &World, id: &str) -> Value {
    let result = world.outcome_of(id).await;
    assert_eq!(result["status"], "succeeded", "{result}");
    assert_eq!(result["reconciled"], true, "{result}");
    assert_eq!(result["attempts"], 1, "{result}");
    assert!(result["meeting"]["id"].is_u64(), "{result}");
    let made = world.sim.meetings();
    let mine: Vec<_> = made.iter().filter(|one| one.topic == id).collect();
    assert_eq!(mine.len(), 1, "{made:?}");
    assert_eq!(result["meeting"]["id"], mine[0].id);
    result
}

/// A lost create is adopted, and one that made nothing is made again.
async fn finds(list: impl FnOnce(&mut ListRules)) {
    let (world, engine) = world(list).await;
    lose(&world, &job_with("acme", "lost"));
    is_adopted(&world, "lost").await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Status(502)));
    world.enqueue(&job_with("acme", "nothing"));
    let result = world.outcome_of("nothing").await;
    assert_eq!((&result["status"], &result["attempts"]), (&json!("succeeded"), &json!(2)));
    assert_eq!(world.sim.meetings().len(), 2);
    engine.drain(LIMIT).await;
    world.assert_idle();
}

#[tokio::test]
async fn a_start_in_the_past_is_found_where_zoom_puts_it() {
    for past in [PastStart::Now, PastStart::Kept] {
        let world = World::new().await;
        world.account("acme").await;
        world.sim.rules(|rules| rules.past_start = past);
        let client = world.client(Duration::from_millis(300));
        let engine = world
            .engine_with(|setup| {
                setup.client = client;
                setup.queue.request_timeout = Duration::from_millis(300);
                setup.settings.allow_past_start = true;
            })
            .await;
        for (id, days) in [("yesterday", 3), ("expired", 60)] {
            let start = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(days * 24);
            let mut job = job_with("acme", id);
            job["meeting"]["start_time"] = start.strftime("%Y-%m-%dT%H:00:00Z").to_string().into();
            lose(&world, &job);
            is_adopted(&world, id).await;
        }
        engine.drain(LIMIT).await;
        world.assert_idle();
    }
}

#[tokio::test]
async fn a_start_in_the_past_that_no_list_shows_is_not_sent_again() {
    let world = World::new().await;
    world.account("acme").await;
    world.sim.rules(|rules| rules.past_start = PastStart::Instant);
    let engine = world
        .engine_with(|setup| {
            setup.queue.request_timeout = Duration::from_millis(300);
            setup.settings.allow_past_start = true;
        })
        .await;
    let mut job = job_with("acme", "instant");
    job["meeting"]["start_time"] = "2026-01-01T10:00:00Z".into();
    lose(&world, &job);
    let failure = world.outcome("instant").await;
    assert_eq!(failure["code"], "outcome_unknown", "{failure}");
    let message = failure["message"].as_str().expect("text");
    assert!(message.contains("instant meeting"), "{message}");
    assert_eq!(world.sim.meetings().len(), 1);
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn from_and_to_may_mean_anything() {
    for dates in [Dates::CreatedAt, Dates::Refused, Dates::Ignored] {
        finds(|list| list.dates = dates).await;
    }
}

#[tokio::test]
async fn the_order_of_the_list_and_the_size_of_its_pages_do_not_matter() {
    for order in [Order::Newest, Order::Shuffled] {
        finds(|list| (list.order, list.most_rows) = (order, Some(1))).await;
    }
}

#[tokio::test]
async fn the_list_may_cut_the_agenda_early_or_not_show_it() {
    finds(|list| list.agenda_chars = 0).await;
    finds(|list| list.agenda_chars = 7).await;
    finds(|list| list.no_agenda = true).await;
}

#[tokio::test]
async fn odd_rows_hide_no_other() {
    let seen = Seen::default();
    let _set = metrics::set_default_local_recorder(&seen);
    let odd = [
        json!({"duration": -1}),
        json!({"duration": ""}),
        json!({"duration": 60.5}),
        json!({"type": 300}),
        json!({"type": "2"}),
        json!({"id": "845"}),
        json!({"id": 0}),
        json!({"topic": 2024}),
        json!({"created_at": 7, "start_time": null}),
    ];
    finds(|list| {
        list.rows = odd.into_iter().map(OddRow::beside).collect();
        list.head = json!({"total_records": "1", "page_count": ""})
            .as_object()
            .cloned()
            .unwrap_or_default();
        list.end = End::Null;
    })
    .await;
    assert!(seen.count("zoomd_list_rows_unreadable_total") > 0);
    for over in [
        json!({"duration": -1, "type": "2", "start_time": ""}),
        json!({"topic": 2024, "created_at": null, "pmi": 7, "timezone": false}),
    ] {
        finds(|list| (list.rows, list.end) = (vec![OddRow::over(over)], End::Absent)).await;
    }
}

#[tokio::test]
async fn ids_may_be_strings_in_every_reply() {
    let (world, engine) = world(|_| {}).await;
    world.sim.rules(|rules| rules.ids_as_text = true);
    world.enqueue(&job_with("acme", "plain"));
    let result = world.outcome_of("plain").await;
    assert_eq!((&result["reconciled"], &result["attempts"]), (&json!(false), &json!(1)));
    assert_eq!(result["meeting"]["id"], world.sim.meetings()[0].id);
    lose(&world, &job_with("acme", "lost"));
    is_adopted(&world, "lost").await;
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_row_that_may_be_the_meeting_and_cannot_be_read_leaves_it_open() {
    let (world, engine) = world(|list| list.rows = vec![OddRow::null()]).await;
    lose(&world, &job_with("acme", "lost"));
    is_adopted(&world, "lost").await;
    // The row in question is the meeting itself.
    world.sim.rules(|rules| rules.list.rows = vec![OddRow { every: true, ..OddRow::null() }]);
    lose(&world, &job_with("acme", "hidden"));
    let failure = world.outcome_of("hidden").await;
    assert_eq!(failure["code"], "outcome_unknown", "{failure}");
    let message = failure["message"].as_str().expect("text");
    assert!(message.contains("rows of Zoom's list are unreadable"), "{message}");
    // It shows its marker and its uuid.
    world.sim.rules(|rules| rules.list.rows = vec![OddRow::over(json!({"id": 0}))]);
    lose(&world, &job_with("acme", "nameless"));
    let failure = world.outcome_of("nameless").await;
    assert_eq!(failure["code"], "outcome_unknown", "{failure}");
    assert_eq!(world.sim.meetings().len(), 3);
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn without_the_right_to_read_a_meeting_its_row_is_adopted() {
    for what in [
        refusal(400, 4711, "Invalid access token, does not contain scopes:[meeting:read:meeting]."),
        refusal(400, 300, "Validation Failed."),
        refusal(400, 3161, "Meeting hosting and scheduling capabilities are not allowed."),
        refusal(404, 3001, "Meeting does not exist."),
    ] {
        let (world, engine) = world(|_| {}).await;
        world.sim.fault(Fault::new(Endpoint::Get, what).always());
        lose(&world, &job_with("acme", "row"));
        let result = is_adopted(&world, "row").await;
        assert!(result["meeting"]["join_url"].is_string(), "{result}");
        engine.drain(LIMIT).await;
    }
}

#[tokio::test]
async fn the_refused_call_is_named() {
    let world = World::new().await;
    world.account("acme").await;
    world.sim.rules(|rules| rules.list.agenda_chars = 0);
    let engine = world
        .engine_with(|setup| {
            setup.queue.request_timeout = Duration::from_millis(300);
            setup.settings.reconcile.delays = vec![Duration::from_millis(50)];
        })
        .await;
    let scope = "Invalid access token, does not contain scopes:[meeting:read:meeting].";
    world.sim.fault(Fault::new(Endpoint::Get, refusal(400, 4711, scope)).always());
    lose(&world, &job_with("acme", "hidden"));
    let failure = world.outcome("hidden").await;
    assert_eq!(failure["code"], "outcome_unknown", "{failure}");
    let message = failure["message"].as_str().expect("text");
    assert!(message.contains("reading meeting") && message.contains("4711"), "{message}");
    assert_eq!(failure["candidates"][0]["topic"], "hidden");
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_single_refusal_starts_the_list_again() {
    for (status, code) in [(400, 300), (403, 200), (404, 1001)] {
        let (world, engine) = world(|_| {}).await;
        let once = refusal(status, code, "Not now.");
        world.sim.fault(Fault::new(Endpoint::List, once).times(2));
        lose(&world, &job_with("acme", "again"));
        is_adopted(&world, "again").await;
        engine.drain(LIMIT).await;
    }
}

#[tokio::test]
async fn a_page_token_that_expires_starts_the_list_again() {
    let (world, engine) =
        world(|list| (list.most_rows, list.order) = (Some(2), Order::Newest)).await;
    for n in 0..7 {
        world.enqueue(&job_with("acme", &format!("other-{n}")));
    }
    world.outcomes(7).await;
    world.sim.rules(|rules| rules.list.page_token_refused = 1.0);
    world.sim.fault(Fault::new(Endpoint::Create, What::Status(500)));
    world.enqueue(&job_with("acme", "nothing"));
    world.sim.wait_for(Endpoint::List, 4).await.expect("a second page is asked for");
    world.sim.rules(|rules| rules.list.page_token_refused = 0.0);
    let result = world.outcome_of("nothing").await;
    assert_eq!((&result["status"], &result["attempts"]), (&json!("succeeded"), &json!(2)));
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_marker_on_a_page_that_was_read_counts_whatever_fails_later() {
    let (world, engine) =
        world(|list| (list.most_rows, list.page_token_refused) = (Some(1), 1.0)).await;
    lose(&world, &job_with("acme", "first"));
    is_adopted(&world, "first").await;
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_list_that_can_never_be_read_ends_as_unknown_with_zooms_words_and_candidates() {
    let world = World::new().await;
    world.account("acme").await;
    world.sim.rules(|rules| {
        (rules.list.most_rows, rules.list.page_token_refused) = (Some(1), 1.0);
        rules.list.order = Order::Newest;
    });
    let engine = world
        .engine_with(|setup| {
            setup.queue.request_timeout = Duration::from_millis(300);
            setup.settings.reconcile.give_up = Duration::from_secs(3);
            setup.settings.marker = MarkerPlace::None;
        })
        .await;
    world.enqueue(&job_with("acme", "other"));
    world.enqueue(&job_with("acme", "another"));
    world.outcomes(2).await;
    world.sim.fault(Fault::new(Endpoint::Create, What::Status(500)));
    world.enqueue(&job_with("acme", "never"));
    let failure = world.outcome_of("never").await;
    assert_eq!(failure["code"], "outcome_unknown", "{failure}");
    let message = failure["message"].as_str().expect("text");
    assert!(
        message.contains("listing the host's meetings") && message.contains("400"),
        "{message}"
    );
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_list_longer_than_is_read_says_so() {
    let world = World::new().await;
    world.account("acme").await;
    world.sim.rules(|rules| rules.list.most_rows = Some(1));
    let engine = world
        .engine_with(|setup| {
            setup.queue.request_timeout = Duration::from_millis(300);
            setup.settings.reconcile.most_pages = 3;
        })
        .await;
    for n in 0..5 {
        world.enqueue(&job_with("acme", &format!("other-{n}")));
    }
    world.outcomes(5).await;
    world.sim.rules(|rules| rules.list.dates = Dates::Ignored);
    world.sim.fault(Fault::new(Endpoint::Create, What::Status(500)));
    world.enqueue(&job_with("acme", "long"));
    let failure = world.outcome_of("long").await;
    assert_eq!(failure["code"], "outcome_unknown", "{failure}");
    let message = failure["message"].as_str().expect("text");
    assert!(message.contains("more than 3 pages"), "{message}");
    assert_eq!(world.sim.meetings().len(), 5);
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn the_check_for_duplicates_reads_the_whole_list() {
    let seen = Seen::default();
    let _set = metrics::set_default_local_recorder(&seen);
    let world = World::new().await;
    world.account("acme").await;
    world.sim.rules(|rules| (rules.list.lag_ms, rules.list.dates) = (1_000, Dates::CreatedAt));
    let engine = world
        .engine_with(|setup| {
            setup.queue.request_timeout = Duration::from_millis(100);
            setup.settings.reconcile.twins_after = Duration::from_millis(1_200);
        })
        .await;
    lose(&world, &job_with("acme", "twice"));
    assert_eq!(world.outcome("twice").await["attempts"], 2);
    let until = std::time::Instant::now() + LIMIT;
    while seen.count("zoomd_twins_total") == 0 {
        assert!(std::time::Instant::now() < until, "the duplicate is reported");
        tokio::task::yield_now().await;
    }
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn many_searches_of_one_account_share_a_small_budget() {
    let mut config = zoom_sim::Config::plan(zoom_sim::Plan::Free);
    config.rules.limits.user_day = None;
    let world = World::with(config).await;
    world.account_on("acme", zoomd_store::grants::Plan::Free).await;
    world.sim.rules(|rules| {
        rules.list.dates = Dates::Refused;
        (rules.list.most_rows, rules.list.order) = (Some(1), Order::Newest);
    });
    let engine =
        world.engine_with(|setup| setup.queue.request_timeout = Duration::from_millis(300)).await;
    // Of two pages each, at about one list call a second.
    world.sim.fault(Fault::new(Endpoint::Create, What::Drop).after().times(2));
    for n in 0..2 {
        world.enqueue(&job_with("acme", &format!("many-{n}")));
    }
    let outcomes = world.outcomes(2).await;
    assert!(outcomes.values().all(|one| one["reconciled"] == true), "{outcomes:?}");
    assert_eq!(world.sim.meetings().len(), 2);
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_meeting_that_cannot_be_read_yet_does_not_read_the_list_again() {
    let (world, engine) = world(|list| list.agenda_chars = 0).await;
    lose(&world, &job_with("acme", "hidden"));
    // Reads of meetings share their limit with these.
    for n in 0..120 {
        world.enqueue(&job_with("acme", &format!("other-{n}")));
    }
    is_adopted(&world, "hidden").await;
    let lists = world.sim.counters().arrived.list;
    assert!(lists <= 5, "{lists} pages were read for one meeting");
    engine.drain(LIMIT).await;
}

#[tokio::test]
async fn a_list_that_is_refused_again_and_again_holds_no_other_search_back() {
    let mut config = zoom_sim::Config::plan(zoom_sim::Plan::Free);
    config.rules.limits.user_day = None;
    config.rules.list.dates = Dates::Refused;
    let world = World::with(config).await;
    world.account_on("acme", zoomd_store::grants::Plan::Free).await;
    let engine =
        world.engine_with(|setup| setup.queue.request_timeout = Duration::from_millis(300)).await;
    for n in 0..3 {
        world.enqueue(&job_with("acme", &format!("other-{n}")));
    }
    world.outcomes(3).await;
    world.sim.rules(|rules| {
        (rules.list.most_rows, rules.list.order) = (Some(2), Order::Newest);
        rules.list.page_token_refused = 1.0;
    });
    world.sim.fault(Fault::new(Endpoint::Create, What::Status(500)));
    world.enqueue(&job_with("acme", "refused"));
    world.sim.wait_for(Endpoint::List, 2).await.expect("a second page is asked for");
    lose(&world, &job_with("acme", "newest"));
    is_adopted(&world, "newest").await;
    engine.stop().await;
}

#[tokio::test]
async fn a_search_is_not_given_up_for_a_wait_of_a_moment() {
    let world = World::new().await;
    world.account("acme").await;
    let engine = world
        .engine_with(|setup| {
            setup.queue.request_timeout = Duration::from_millis(300);
            setup.settings.reconcile.give_up = Duration::ZERO;
        })
        .await;
    let said = "You have reached the maximum per-second rate limit for this API.";
    world.sim.fault(Fault::new(Endpoint::List, refusal(429, 429, said)));
    lose(&world, &job_with("acme", "late"));
    is_adopted(&world, "late").await;
    engine.drain(LIMIT).await;
}
