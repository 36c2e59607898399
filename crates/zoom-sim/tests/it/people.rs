//! Users, what they have soon, invitations and registrants; manners of requests.

use serde_json::json;
use zoom_sim::{App, Config, Sim, UserSpec};

use crate::client::{ask, create};

const EVERYTHING: &str = "meeting:write meeting:read user:read";

#[tokio::test]
async fn users_of_an_account_page_by_page() {
    let mut config = Config::default();
    let scope = "user:read:list_users:admin".to_owned();
    config.apps.push(App { scope, ..App::server_to_server("s2s", "secret", "acct") });
    let sim = Sim::start(config).await;
    for n in 0..5 {
        sim.add_user(UserSpec::named(&format!("u{n}")).account("acct"));
    }
    sim.add_user("stranger");
    let token = s2s(&sim, "/oauth/token?grant_type=account_credentials&account_id=acct").await;
    let page = async |query: &str| {
        ask("GET", &format!("/v2/users{query}")).bearer(&token).of(&sim).await.json()
    };
    let (mut seen, mut next) = (0, String::new());
    loop {
        let got = page(&format!("?page_size=2&next_page_token={next}")).await;
        assert_eq!((&got["total_records"], &got["page_count"]), (&json!(5), &json!(3)));
        seen += got["users"].as_array().expect("users").len();
        next = got["next_page_token"].as_str().expect("a token").to_owned();
        if next.is_empty() {
            break;
        }
    }
    assert_eq!(seen, 5);
    assert_eq!(page("?page_size=301").await["code"], 300);
    let plain = sim.seed("u0", None, Some("user:read")).tokens.access_token;
    assert_eq!(ask("GET", "/v2/users").bearer(&plain).of(&sim).await.json()["code"], 4711);
}

async fn s2s(sim: &Sim, path: &str) -> String {
    let got = ask("POST", path).basic("s2s", "secret").of(sim).await;
    assert_eq!(got.status, 200, "{}", got.text());
    got.json()["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn token_parameters_of_a_server_to_server_app_may_stand_in_the_query() {
    let mut config = Config::default();
    config.apps.push(App::server_to_server("s2s", "secret", "acct"));
    let sim = Sim::start(config).await;
    s2s(&sim, "/oauth/token?grant_type=account_credentials&account_id=acct").await;
    let refresh = sim.grant("ada").refresh_token.expect("one");
    let path = format!("/oauth/token?grant_type=refresh_token&refresh_token={refresh}");
    let got = ask("POST", &path).basic("sim-client", "sim-secret").of(&sim).await;
    assert_eq!(got.status, 400, "a token's value never does");
    assert_eq!(sim.counters().broken.token_in_query, 1);
}

#[tokio::test]
async fn the_next_day_of_a_user() {
    let sim = Sim::start(Config::default()).await;
    sim.stop_time();
    sim.set_time_ms(1_893_492_000_000); // 2030-01-01T10:00Z
    let token = sim.seed("ada", None, Some(EVERYTHING)).tokens.access_token;
    let make = async |topic: &str, start: &str| {
        let body = json!({"topic": topic, "type": 2, "start_time": start, "agenda": "x"});
        let got = ask("POST", "/v2/users/me/meetings").bearer(&token).json(&body).of(&sim).await;
        assert_eq!(got.status, 201);
    };
    make("late", "2030-01-02T09:00:00Z").await;
    make("soon", "2030-01-01T11:00:00Z").await;
    make("beyond", "2030-01-02T11:00:00Z").await;
    let got = ask("GET", "/v2/users/me/upcoming_meetings").bearer(&token).of(&sim).await.json();
    let topics: Vec<_> = got["upcoming_meetings"]
        .as_array()
        .expect("meetings")
        .iter()
        .map(|m| &m["topic"])
        .collect();
    assert_eq!(topics, ["soon", "late"]);
    assert_eq!(got["total_records"], 2);
    for absent in ["uuid", "agenda"] {
        assert!(got["upcoming_meetings"][0].get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn people_register_and_are_invited() {
    let sim = Sim::start(Config::default()).await;
    let token = sim.seed("ada", None, Some(EVERYTHING)).tokens.access_token;
    let plain = create(&token).of(&sim).await.json();
    assert!(plain.get("registration_url").is_none());
    let body = json!({"topic": "Fair", "type": 2, "start_time": "2036-01-07T10:00:00Z",
        "settings": {"approval_type": 0}});
    let fair =
        ask("POST", "/v2/users/me/meetings").bearer(&token).json(&body).of(&sim).await.json();
    assert!(
        fair["registration_url"].as_str().is_some_and(|url| url.contains("/meeting/register/"))
    );
    let register = async |meeting: &serde_json::Value, email: &str| {
        let body = json!({"email": email, "first_name": "Bea"});
        let path = format!("/v2/meetings/{}/registrants", meeting["id"]);
        ask("POST", &path).bearer(&token).json(&body).of(&sim).await
    };
    assert_eq!(register(&plain, "bea@x.org").await.json()["code"], 3000);
    assert_eq!(register(&fair, "nobody").await.json()["errors"][0]["field"], "email");
    let first = register(&fair, "bea@x.org").await;
    assert_eq!(first.status, 201, "{}", first.text());
    let again = register(&fair, "Bea@x.org").await.json();
    assert_eq!(again["registrant_id"], first.json()["registrant_id"]);
    assert_eq!(register(&fair, "bea@x.org").await.status, 201);
    assert_eq!(register(&fair, "bea@x.org").await.status, 429, "three a day");
    assert_eq!(register(&fair, "cleo@x.org").await.status, 201);
    let path = format!("/v2/meetings/{}/registrants", fair["id"]);
    let all = ask("GET", &path).bearer(&token).of(&sim).await.json();
    assert_eq!(
        (&all["total_records"], &all["registrants"][0]["status"]),
        (&json!(2), &json!("approved"))
    );
    let path = format!("/v2/meetings/{}/invitation", fair["id"]);
    let text = ask("GET", &path).bearer(&token).of(&sim).await.json()["invitation"].to_string();
    assert!(text.contains("Fair") && text.contains(&fair["id"].to_string()), "{text}");
}

#[tokio::test]
async fn small_things_that_clients_meet() {
    let sim = Sim::start(Config::default()).await;
    let token = sim.grant("ada").access_token;
    let got = ask("GET", "/v2/users/me/").bearer(&token).of(&sim).await;
    assert_eq!(got.status, 200, "a slash at the end");
    let first = got.header("x-zm-trackingid").to_owned();
    assert!(first.contains("rid=WEB_"), "{first}");
    let got = ask("GET", "/v2/users/me").bearer(&token).of(&sim).await;
    assert_ne!(got.header("x-zm-trackingid"), first);

    let make = async |settings: serde_json::Value, password: &str| {
        let body = json!({"type": 3, "settings": settings, "password": password});
        ask("POST", "/v2/users/me/meetings").bearer(&token).json(&body).of(&sim).await
    };
    for good in ["aB3@-_*!#$", "~,;:/()[]", "p"] {
        let got = make(json!({}), good).await;
        assert_eq!((got.status, got.json()["password"].as_str()), (201, Some(good)));
    }
    for bad in ["a b", "pässword", "12345678901"] {
        assert_eq!(make(json!({}), bad).await.json()["errors"][0]["field"], "password", "{bad}");
    }
    let odd = json!({"nobody_knows": [1], "focus_mode": true});
    let made = make(odd, "p").await.json();
    assert_eq!(
        (&made["settings"]["focus_mode"], made["settings"].get("nobody_knows")),
        (&json!(true), None)
    );
    for (name, value) in [
        ("audio", json!("VoIP")),
        ("watermark", json!("true")),
        ("meeting_invitees", json!("a@x.org")),
        ("who_will_receive_summary", json!(9)),
        ("breakout_room", json!(true)),
        ("alternative_hosts", json!(["a@x.org"])),
    ] {
        let got = make(json!({name: value}), "p").await.json();
        assert_eq!(got["errors"][0]["field"], format!("settings.{name}"), "{got}");
    }
}
