//! Zoom tells that a person took the consent back.

use serde_json::{Value, json};
use zoom_sim::{Endpoint, Event, Fault, What, hmac_hex, post_webhook as post, signature};
use zoomd_store::consent::{Deauthorization, Links};

use super::browser::Browser;
use super::{PublicRig, SECRET, until};
use crate::support::job;

impl PublicRig {
    async fn tell(&self, event: Event) -> u16 {
        let url = self.url("/webhook");
        self.rig.sim.send_webhook(&url, SECRET, event).await.expect("answered in time").status
    }

    async fn bye(&self, user: &str) -> u16 {
        self.tell(Event::AppDeauthorized { user: user.into(), client_id: None }).await
    }
}

#[tokio::test]
async fn only_zoom_is_heard() {
    let public = PublicRig::new().await;
    let _daemon = public.rig.daemon();
    let url = public.url("/webhook");
    let asked = Event::UrlValidation { plain_token: "qgg8vlvZRS6UYooatFL8Aw".into() };
    let answer = public.rig.sim.send_webhook(&url, SECRET, asked.clone()).await.expect("answered");
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    let signed = hmac_hex(SECRET, b"qgg8vlvZRS6UYooatFL8Aw");
    let expected = json!({"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": signed});
    assert_eq!((answer.status, body), (200, expected));

    let forged = public.rig.sim.send_webhook(&url, "another", asked.clone()).await;
    assert_eq!(forged.expect("answered").status, 401);
    let now = jiff::Timestamp::now().as_second();
    let text = r#"{"event":"meeting.started"}"#;
    for (at, status) in [(now - 200, 200), (now + 200, 200), (now - 400, 401), (now + 400, 401)] {
        assert_eq!(post(&url, SECRET, at, text).await.expect("answered").status, status, "{at}");
    }
    // The signature is over these bytes and over no others.
    let good = signature(SECRET, now, text);
    let time = now.to_string();
    let headers = [("x-zm-request-timestamp", time.as_str()), ("x-zm-signature", good.as_str())];
    let mut client = Browser::default();
    assert_eq!(client.send("POST", &url, &headers, text).status, 200);
    assert_eq!(client.send("POST", &url, &headers, &text.replace(':', ": ")).status, 401);
    assert_eq!(client.send("POST", &url, &headers[..1], text).status, 401);
    assert_eq!(client.send("POST", &url, &[], text).status, 401);
}

#[tokio::test]
async fn what_zoom_signed_and_nobody_understands_is_taken_and_logged() {
    let public = PublicRig::new().await;
    let daemon = public.rig.daemon();
    let odd = [
        "[1]",
        "<xml/>",
        r#"{"event":"app_deauthorized","payload":{}}"#,
        r#"{"event":"endpoint.url_validation","payload":{"plainToken":[]}}"#,
    ];
    for body in odd {
        assert_eq!(public.tell(Event::Raw { body: body.into() }).await, 200, "{body}");
    }
    let all_told = || {
        let log = daemon.log();
        let told = log.matches("webhook: valid signature, but the event is not understood").count();
        (told == odd.len()).then_some(log)
    };
    let log = until("a line for each body", all_told);
    assert!(log.contains("app_deauthorized") && log.contains("not JSON"), "{log}");
    let (_, metrics) = daemon.get("/metrics");
    let line = r#"zoomd_webhooks_total{event="unknown",outcome="unreadable"} 4"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn a_deauthorization_with_its_times_as_text_is_carried_out() {
    let public = PublicRig::new().await;
    let _daemon = public.rig.daemon();
    assert_eq!(public.walk(&public.link("acme", &[]), "ada").status, 200);
    let ada = public.account("acme").await.and_then(|account| account.zoom_user).expect("known");
    let told = |at: jiff::Timestamp| Event::Raw {
        body: json!({
            "event": "app_deauthorized",
            "event_ts": at.as_millisecond().to_string(),
            "payload": {"user_id": ada, "client_id": "sim-client"},
        })
        .to_string(),
    };
    let hour = jiff::SignedDuration::from_hours(1);
    assert_eq!(public.tell(told(jiff::Timestamp::now() - hour)).await, 200);
    assert_eq!(public.state("acme").await, Some("active"), "its time is read: before this consent");
    assert_eq!(public.tell(told(jiff::Timestamp::now())).await, 200);
    assert_eq!(public.state("acme").await, Some("removed"));
}

#[tokio::test]
async fn a_consent_taken_back_ends_the_account_and_its_jobs() {
    let public = PublicRig::new().await;
    let daemon = public.rig.daemon();
    assert_eq!(public.walk(&public.link("acme", &[]), "ada").status, 200);
    assert_eq!(public.walk(&public.link("beta", &[]), "bob").status, 200);
    let token = public.stored("acme").await.expect("a token");
    // Two jobs wait for the account when its person leaves.
    public.rig.run(&["account", "pause", "acme"]).expect(0);
    for id in ["one", "two"] {
        public.rig.xadd(&job("acme", id)).await;
    }
    until("the jobs to wait", || {
        let shown = public.rig.run(&["--json", "account", "show", "acme"]).json();
        (shown["waiting"] == 2).then_some(())
    });
    assert_eq!(public.bye("ada").await, 200);
    let gone = public.account("acme").await.expect("a tombstone");
    assert_eq!((gone.state.as_str(), gone.why.as_deref()), ("removed", Some("app_deauthorized")));
    assert!(gone.version.is_some(), "it keeps its epoch");
    assert_eq!(public.stored("acme").await, None);
    for id in ["one", "two"] {
        let (_, failure) = public.rig.outcome(id).await;
        assert_eq!(failure["code"], "account_removed", "{failure}");
    }
    let events = public.events();
    assert!(events.contains("account.removed") && events.contains("app_deauthorized"), "{events}");
    assert!(events.contains(r#""waiting_jobs":2"#), "{events}");
    assert_eq!(public.state("beta").await, Some("active"), "another person's stays");
    // Told again, nothing more happens.
    assert_eq!(public.bye("ada").await, 200);
    assert_eq!(
        public.events().matches("account.removed").count(),
        events.matches("account.removed").count()
    );
    assert_eq!(public.rig.redis_cli(&["HLEN", "zoomd:v1:deauth"]).trim(), ":0");
    // A job that comes later fails as well, and no trace of the token is left.
    public.rig.xadd(&job("acme", "late")).await;
    assert_eq!(public.rig.outcome("late").await.1["code"], "account_removed");
    let journal = public.rig.dir.path().join("data/journal");
    let all: String = std::fs::read_dir(&journal)
        .expect("a folder")
        .map(|f| std::fs::read_to_string(f.expect("a file").path()).expect("read"))
        .collect();
    assert!(!all.contains(r#""account":"acme""#), "the journal has forgotten it: {all}");
    assert!(all.contains(r#""account":"beta""#), "and keeps the other");
    assert!(!daemon.log().contains(&token));
}

#[tokio::test]
async fn a_consent_given_again_outlives_what_was_told_late() {
    let public = PublicRig::new().await;
    let _daemon = public.rig.daemon();
    assert_eq!(public.walk(&public.link("acme", &[]), "ada").status, 200);
    let account = public.account("acme").await.expect("it is there");
    let ada = account.zoom_user.expect("known");
    let told = |at: jiff::Timestamp| Event::Raw {
        body: json!({
            "event": "app_deauthorized",
            "event_ts": at.as_millisecond(),
            "payload": {
                "user_id": ada,
                "account_id": account.zoom_account,
                "client_id": "sim-client",
                "deauthorization_time": at.to_string(),
            },
        })
        .to_string(),
    };
    let hour = jiff::SignedDuration::from_hours(1);
    assert_eq!(public.tell(told(jiff::Timestamp::now() - hour)).await, 200);
    assert_eq!(public.state("acme").await, Some("active"), "that was before this consent");
    let stranger = json!({
        "event": "app_deauthorized",
        "payload": {"user_id": ada, "account_id": "x", "client_id": "another-app",
                    "deauthorization_time": jiff::Timestamp::now().to_string()},
    });
    assert_eq!(public.tell(Event::Raw { body: stranger.to_string() }).await, 200);
    assert_eq!(public.state("acme").await, Some("active"), "that was another app's");
    assert_eq!(public.tell(told(jiff::Timestamp::now())).await, 200);
    assert_eq!(public.state("acme").await, Some("removed"));
    // The person comes again.
    assert_eq!(public.walk(&public.link("acme", &[]), "ada").status, 200);
    assert_eq!(public.state("acme").await, Some("active"));
}

#[tokio::test]
async fn an_imported_grant_is_known_by_what_its_token_says() {
    let public = PublicRig::new().await;
    let _daemon = public.rig.daemon();
    public.rig.connect("ada");
    let shown = public.account("ada").await.expect("it is there");
    if shown.zoom_user.is_none() {
        assert_eq!(public.bye("bob").await, 200);
        assert_eq!(public.state("ada").await, Some("active"));
    }
    assert_eq!(public.bye("ada").await, 200);
    assert_eq!(public.state("ada").await, Some("removed"));
}

#[tokio::test]
async fn what_cannot_be_noted_is_not_confirmed() {
    let mut public = PublicRig::new().await;
    let mut daemon = public.rig.daemon();
    assert_eq!(public.walk(&public.link("acme", &[]), "ada").status, 200);
    public.rig.redis.kill();
    assert_eq!(public.bye("ada").await, 503, "zoom asks again after a 5xx, and after nothing else");
    public.rig.redis.restart().expect("it starts again");
    until("redis", || (public.rig.run(&["account", "list"]).code == 0).then_some(()));
    assert_eq!(public.state("acme").await, Some("active"));
    // Heard by a daemon that died at once: any other carries it out.
    daemon.kill();
    let account = public.account("acme").await.expect("it is there");
    let deauthorization = Deauthorization {
        client_id: "sim-client".into(),
        zoom_user: account.zoom_user.expect("known"),
        zoom_account: account.zoom_account,
        at_ms: jiff::Timestamp::now().as_millisecond().unsigned_abs(),
    };
    let links = Links::new(public.rig.store().await);
    assert!(links.note(&deauthorization).await.expect("redis"));
    let _next = public.rig.daemon();
    until("the deauthorization to be carried out", || {
        let left = public.rig.redis_cli(&["HLEN", "zoomd:v1:deauth"]);
        (left.trim() == ":0").then_some(())
    });
    assert_eq!(public.state("acme").await, Some("removed"));
}

#[tokio::test]
async fn without_a_secret_there_is_no_webhook() {
    let mut public = PublicRig::new().await;
    public.rig.set("ZOOMD_WEBHOOK_SECRET", "");
    let _daemon = public.rig.daemon();
    assert_eq!(public.bye("ada").await, 404);
}

#[tokio::test]
async fn a_late_rotation_does_not_bring_the_account_back() {
    let public = PublicRig::new().await;
    let daemon = public.rig.daemon();
    assert_eq!(public.walk(&public.link("acme", &[]), "ada").status, 200);
    // Zoom has rotated, and its answer is on the way while the person leaves.
    let held = public.rig.sim.fault(Fault::new(Endpoint::Token, What::Hold).after());
    let refresh = public.rig.command(&["account", "refresh", "acme"]).spawn().expect("it runs");
    until("the rotation", || (public.rig.sim.struck(held) == 1).then_some(()));
    assert_eq!(public.bye("ada").await, 200);
    assert_eq!(public.state("acme").await, Some("removed"));
    assert!(public.rig.sim.release(held));
    assert!(!refresh.wait_with_output().expect("it ends").status.success());
    let journal = public.rig.dir.path().join("data/journal");
    until("the journal to forget", || {
        let mut files = std::fs::read_dir(&journal).expect("a folder");
        let staged = |file: std::io::Result<std::fs::DirEntry>| {
            let text = std::fs::read_to_string(file.expect("a file").path()).unwrap_or_default();
            text.contains(r#""what":"staged""#)
        };
        (!files.any(staged)).then_some(())
    });
    assert_eq!(public.state("acme").await, Some("removed"), "{}", daemon.log());
    assert_eq!(public.stored("acme").await, None);
}
