use std::time::Duration;

use serde_json::{Value, json};
use zoom_sim::{Config, Sim, UserSpec};

use crate::client::{Ask, ask, create, list};

fn post(token: &str, body: &Value) -> Ask {
    ask("POST", "/v2/users/me/meetings").bearer(token).json(body)
}

#[tokio::test]
async fn the_reply_of_a_create() {
    let sim = Sim::start(Config::default()).await;
    let token = sim.grant("ada").access_token;
    let got = post(
        &token,
        &json!({
            "topic": "Q\"3\" – Überblick", "type": 2, "start_time": "2030-01-07T10:00:00",
            "timezone": "Europe/Berlin", "duration": 45, "agenda": "first\nzd-abcDEF123456",
            "settings": {"host_video": true, "extra": [1]},
            "tracking_fields": [{"field": "cost", "value": "12"}], "unheard_of": 1,
        }),
    )
    .of(&sim)
    .await;
    assert_eq!(got.status, 201, "{}", got.text());
    assert!((1_400..2_600).contains(&got.body.len()), "{} bytes", got.body.len());
    let m = got.json();
    assert_eq!(m["topic"], "Q\"3\" – Überblick");
    assert_eq!(m["start_time"], "2030-01-07T09:00:00Z");
    assert_eq!(m["settings"]["host_video"], true);
    assert!(m["settings"].get("extra").is_none(), "not a published name");
    assert_eq!(m["settings"]["audio"], "both");
    assert_eq!(m["tracking_fields"][0]["field"], "cost");
    assert_eq!(m["host_email"], "ada@example.com");
    for field in ["id", "uuid", "join_url", "start_url", "created_at", "password", "host_id"] {
        assert!(!m[field].is_null(), "{field}");
    }
    let id = m["id"].as_u64().expect("a number");
    let again = ask("GET", &format!("/v2/meetings/{id}")).bearer(&token).of(&sim).await;
    assert_eq!((again.status, again.json()), (200, m));
    let seen = &sim.meetings()[0];
    assert_eq!((seen.id, seen.marker.as_deref()), (id, Some("zd-abcDEF123456")));
    assert!(sim.counters().broken.none(), "{:?}", sim.violations());
}

#[tokio::test]
async fn pages_of_a_list() {
    let sim = Sim::start(Config::unlimited()).await;
    let token = sim.grant("ada").access_token;
    for n in 0..7 {
        let agenda = "x".repeat(300);
        let start = format!("2030-01-0{}T10:00:00Z", n + 1);
        let body =
            json!({"topic": format!("m{n}"), "type": 2, "start_time": start, "agenda": agenda});
        assert_eq!(post(&token, &body).of(&sim).await.status, 201);
    }
    post(&token, &json!({"type": 1})).of(&sim).await;
    let page = async |query: &str| {
        let path = format!("/v2/users/me/meetings?{query}");
        ask("GET", &path).bearer(&token).of(&sim).await.json()
    };
    let topics = |page: &Value| -> Vec<String> {
        let all = page["meetings"].as_array().expect("meetings").iter();
        all.map(|m| m["topic"].as_str().expect("a topic").to_owned()).collect()
    };
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let got = page(&format!("page_size=3&next_page_token={next}")).await;
        assert_eq!((&got["total_records"], &got["page_count"]), (&json!(7), &json!(3)));
        seen.extend(topics(&got));
        next = got["next_page_token"].as_str().expect("a token").to_owned();
        if next.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["m0", "m1", "m2", "m3", "m4", "m5", "m6"], "no instant meeting");

    let dated = page("from=2030-01-03&to=2030-01-04").await;
    assert_eq!(topics(&dated), ["m2", "m3"]);
    assert_eq!(dated["meetings"][0]["agenda"].as_str().map(str::len), Some(250));
    for field in ["settings", "start_url", "password", "tracking_fields"] {
        assert!(dated["meetings"][0].get(field).is_none(), "{field}");
    }
    assert_eq!(page("page_size=301").await["code"], 300);
    assert_eq!(topics(&page("type=live").await).len(), 0);

    let token = page("page_size=3").await["next_page_token"].as_str().expect("one").to_owned();
    let other = page(&format!("page_size=4&next_page_token={token}")).await;
    assert_eq!(other["code"], 300, "another question");
    sim.advance(Duration::from_secs(901));
    assert_eq!(page(&format!("page_size=3&next_page_token={token}")).await["code"], 300);
}

#[tokio::test]
async fn a_list_that_lags() {
    let mut config = Config::default();
    config.rules.list.lag_ms = 5_000;
    let sim = Sim::start(config).await;
    sim.stop_time();
    let token = sim.grant("ada").access_token;
    create(&token).of(&sim).await;
    let shown = async || list(&token).of(&sim).await.json()["total_records"].clone();
    assert_eq!(shown().await, 0);
    sim.advance(Duration::from_secs(5));
    assert_eq!(shown().await, 1);

    sim.rules(|rules| (rules.list.lag_ms, rules.list.lag_looks) = (0, 2));
    create(&token).of(&sim).await;
    assert_eq!([shown().await, shown().await, shown().await], [1, 1, 2]);
}

#[tokio::test]
async fn update_and_delete() {
    let sim = Sim::start(Config::default()).await;
    let token = sim.grant("ada").access_token;
    let id = create(&token).of(&sim).await.json()["id"].to_string();
    let path = format!("/v2/meetings/{id}");
    let patch = |body: &Value| ask("PATCH", &path).bearer(&token).json(body);
    let got = patch(&json!({"topic": "New"})).of(&sim).await;
    assert_eq!((got.status, got.body.len()), (204, 0));
    let now = ask("GET", &path).bearer(&token).of(&sim).await.json();
    assert_eq!(
        (&now["topic"], &now["start_time"]),
        (&json!("New"), &json!("2030-01-07T10:00:00Z"))
    );
    assert_eq!(patch(&json!({"duration": 0})).of(&sim).await.json()["code"], 300);

    let stranger = sim.grant("eve").access_token;
    for method in ["GET", "DELETE"] {
        let got = ask(method, &path).bearer(&stranger).of(&sim).await;
        assert_eq!((got.status, got.json()["code"].as_u64()), (404, Some(3001)), "another's");
    }
    assert_eq!(ask("DELETE", &path).bearer(&token).of(&sim).await.status, 204);
    let got = ask("DELETE", &path).bearer(&token).of(&sim).await;
    assert_eq!((got.status, got.json()["code"].as_u64()), (404, Some(3001)));
    assert_eq!(list(&token).of(&sim).await.json()["total_records"], 0);
    assert!(sim.meetings()[0].deleted);
}

#[tokio::test]
async fn what_zoom_makes_of_start_times() {
    let sim = Sim::start(Config::default()).await;
    sim.stop_time();
    sim.set_time_ms(1_893_456_000_000);
    let token = sim.grant("ada").access_token;
    let made = async |body: Value| post(&token, &body).of(&sim).await.json();
    let past = made(json!({"type": 2, "start_time": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(past["start_time"], "2030-01-01T00:00:00Z", "silently now");
    assert_eq!(made(json!({"topic": "bare"})).await["type"], 1, "silently instant");
    let odd = made(json!({"type": 2, "start_time": "2031-01-01T10:00:00+05:00"})).await;
    assert_eq!(odd["start_time"], "2031-01-01T10:00:00Z", "hours off");
    assert_eq!(
        made(json!({"type": 2, "start_time": "soon"})).await["errors"][0]["field"],
        "start_time"
    );
    let series = made(json!({
        "type": 8, "start_time": "2031-01-01T10:00:00Z",
        "recurrence": {"type": 2, "repeat_interval": 1, "end_times": 3},
    }))
    .await;
    assert_eq!(series["occurrences"].as_array().map(Vec::len), Some(3));
    let broken = sim.counters().broken;
    assert_eq!((broken.odd_start_time, broken.invalid_body), (1, 1));
}

#[tokio::test]
async fn whose_meeting_it_is() {
    let sim = Sim::start(Config::default()).await;
    for name in ["ada", "bob"] {
        sim.add_user(UserSpec::named(name).account("one"));
    }
    sim.add_user(UserSpec {
        email: "cleo".into(),
        account: Some("one".into()),
        no_scheduling_for: true,
        ..UserSpec::default()
    });
    sim.add_user("dave");
    let token = sim.grant("ada").access_token;
    let by_for = async |kind: u8, host: &str| {
        let body =
            json!({"type": kind, "start_time": "2030-01-07T10:00:00Z", "schedule_for": host});
        post(&token, &body).of(&sim).await.json()
    };
    let made = by_for(2, "bob@example.com").await;
    assert_eq!(made["host_email"], "bob@example.com");
    assert_eq!(made["assistant_id"], json!(sim.user("ada").expect("ada").id));
    assert_eq!(sim.user("bob").expect("bob").used_today, 1);
    assert_eq!(sim.user("ada").expect("ada").used_today, 0);
    assert_eq!(by_for(1, "bob@example.com").await["code"], 3000);
    assert_eq!(by_for(2, "cleo@example.com").await["code"], 3000);
    assert_eq!(by_for(2, "dave@example.com").await["code"], 3000);
    assert_eq!(by_for(2, "nobody@example.com").await["code"], 300);
    let path = "/v2/users/bob%40example.com/meetings";
    let got = ask("GET", path).bearer(&token).of(&sim).await;
    assert_eq!(got.json()["code"], 1001, "a user-level token is its user's");

    let pmi =
        json!({"type": 2, "start_time": "2030-01-07T10:00:00Z", "settings": {"use_pmi": true}});
    let one = post(&token, &pmi).of(&sim).await.json();
    let two = post(&token, &pmi).of(&sim).await.json();
    assert_eq!(one["id"], two["id"], "personal meetings share an id");
}

#[tokio::test]
async fn scopes_and_manners() {
    let sim = Sim::start(Config::default()).await;
    let seed = sim.seed("ada", None, Some("meeting:write:meeting"));
    let token = seed.tokens.access_token;
    assert_eq!(create(&token).of(&sim).await.status, 201);
    let got = list(&token).of(&sim).await;
    assert_eq!((got.status, got.json()["code"].as_u64()), (400, Some(4711)));
    assert!(got.text().contains("scopes:[meeting:read:list_meetings]"));

    for accept in ["*/*", "text/html, application/*;q=0.5"] {
        let got = create(&token).header("accept", accept).raw("application/json", "{").of(&sim);
        assert_eq!(got.await.json()["code"], 300, "{accept}");
    }
    let odd = r#"{"duration":0}"#;
    for accept in ["", "application/xml"] {
        let got =
            create(&token).header("accept", accept).raw("application/json", odd).of(&sim).await;
        assert_eq!(got.status, 400);
        assert!(got.header("content-type").contains("xml"), "{}", got.text());
        assert!(got.text().contains("<code>300</code>"));
        assert!(got.text().contains("<errors><field>duration</field>"), "{}", got.text());
    }
    let got = create(&token).raw("text/plain", "{}").of(&sim).await;
    assert_eq!(got.status, 400);
    assert_eq!(ask("GET", "/v2/users/me").of(&sim).await.json()["code"], 124);
    let broken = sim.counters().broken;
    assert_eq!((broken.missing_accept, broken.wrong_content_type), (2, 1));
    assert_eq!((broken.missing_scope, broken.missing_access_token), (1, 1));
}

#[tokio::test]
async fn twins_are_seen_and_old_meetings_forgotten() {
    let mut config = Config::unlimited();
    config.rules.keep.meetings = 3;
    let sim = Sim::start(config).await;
    let token = sim.grant("ada").access_token;
    let marked = async |marker: &str| {
        let body = json!({"type": 3, "agenda": format!("notes zd-{marker}")});
        post(&token, &body).of(&sim).await.json()["id"].to_string()
    };
    let first = marked("aaaaaaaaaaaa").await;
    marked("bbbbbbbbbbbb").await;
    marked("bbbbbbbbbbbb").await;
    assert_eq!(sim.twins(), [("zd-bbbbbbbbbbbb".to_owned(), 2)]);
    assert_eq!(sim.counters().broken.twin, 1);
    marked("cccccccccccc").await;
    assert_eq!(sim.meetings().len(), 3);
    assert_eq!(sim.counters().meetings_created, 4);
    let got = ask("GET", &format!("/v2/meetings/{first}")).bearer(&token).of(&sim).await;
    assert_eq!(got.status, 404);
    assert_eq!(list(&token).of(&sim).await.json()["total_records"], 3);
}
