//! An account cannot go on: consent, limits, pauses, a refresh in doubt.

use zoom_sim::{Config, Endpoint, Fault, What};

use super::faces::{Outage, running};
use crate::support::{Daemon, Rig, job, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_is_lost() {
    let rig = Rig::start().await;
    rig.connect("acme");
    assert!(rig.sim.revoke("acme"));
    let daemon = rig.daemon();
    rig.xadd(&job("acme", "held")).await;
    Outage::degraded(
        &rig,
        &daemon,
        "needs_authorization",
        &["needs_reauth", "authoriz", "consent"],
    )
    .is_told();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hosts_hundred_is_used_up() {
    let mut zoom = Config::unlimited();
    zoom.rules.limits.user_day = Some(100);
    let rig = Rig::with(redis_local::Options::default(), zoom).await;
    rig.connect("acme");
    let daemon = rig.daemon();
    for n in 0..100 {
        rig.xadd(&job("acme", &format!("order-{n}"))).await;
    }
    rig.sim.wait_for(Endpoint::Create, 100).await.expect("all are made");
    rig.xadd(&job("acme", "held")).await;
    let told = Outage::degraded(&rig, &daemon, "daily_limit", &["daily limit", "used up"]);
    told.is_told();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_label_s_day_is_used_up() {
    let (rig, daemon) = running().await;
    let said = "You have reached the maximum daily rate limit for this API. Refer to the \
        response header for details on when you can make another request.";
    let body = serde_json::json!({"code": 429, "message": said}).to_string();
    let what = What::Body { status: 429, content_type: "application/json".into(), body };
    rig.sim.fault(Fault::new(Endpoint::Create, what).always());
    rig.xadd(&job("acme", "held")).await;
    Outage::degraded(&rig, &daemon, "daily_limit", &["daily limit", "(429)", "rate limit"])
        .is_told();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_namespace_is_paused() {
    let (rig, daemon) = running().await;
    rig.run(&["pause", "--reason", "upgrade"]).expect(0);
    rig.xadd(&job("acme", "held")).await;
    Outage::degraded(&rig, &daemon, "namespace_paused", &["upgrade"]).is_told();
    let json = rig.run(&["status", "--json"]).expect(1).json();
    let line = &json["waiting_by_reason"][0];
    assert_eq!((&line["reason"], &line["account"]), (&"paused".into(), &"acme".into()), "{json}");
    assert!(line["jobs"].as_u64() >= Some(1) && line["expected_at"].is_null(), "{json}");
    let text = rig.run(&["status"]).stdout;
    assert!(text.contains(" of acme: paused, the oldest from "), "{text}");
}

/// An account of one call at a time, which takes three seconds: not slow, but with
/// [`IN_LINE`] jobs in line the last one waits.
async fn at_its_cap() -> (Rig, Daemon) {
    let rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.run(&["account", "set", "acme", "--cap", "1"]).expect(0);
    rig.sim.fault(Fault::new(Endpoint::Create, What::DelayMs(3_000)).always());
    (rig, daemon)
}

/// Jobs before the one that is asked about.
const IN_LINE: usize = 18;

/// A notice, and no line in the log, while nothing waits for long: the cap is intended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_account_is_at_its_cap() {
    let (rig, daemon) = at_its_cap().await;
    for n in 0..IN_LINE {
        rig.xadd(&job("acme", &format!("order-{n}"))).await;
    }
    rig.xadd(&job("acme", "held")).await;
    let cause = ["in flight", "concurrent requests"];
    let told =
        Outage { verdict: "OK", ..Outage::degraded(&rig, &daemon, "account_at_cap", &cause) };
    assert_eq!(told.status()["level"], "notice");
    told.job();
    told.doctor();
    until("the notice in /readyz", || daemon.get("/readyz").1.contains("in flight").then_some(()));
    let (status, ready) = daemon.get("/readyz");
    assert_eq!((status, ready.contains("\"degraded\":false")), (200, true), "{ready}");
    told.enqueue();
    assert!(!daemon.log().contains("in flight"), "{}", daemon.log());
}

/// Jobs that came two minutes ago wait for it still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_account_is_at_its_cap_for_long() {
    let (rig, daemon) = at_its_cap().await;
    let came = jiff::Timestamp::now().as_millisecond() - 120_000;
    let ids = (0..IN_LINE).map(|n| format!("order-{n}")).chain(["held".to_owned()]);
    for (nth, id) in ids.enumerate() {
        let (entry, job) = (format!("{came}-{nth}"), format!("'{}'", job("acme", &id)));
        rig.redis_cli(&["XADD", "zoomd:jobs", &entry, "job", &job]);
    }
    let told =
        Outage::degraded(&rig, &daemon, "account_at_cap", &["in flight", "concurrent requests"]);
    told.is_told();
    let problem = told.status();
    assert!(problem["since_ms"].as_i64() >= Some(came), "{problem}");
    assert_eq!(problem["next"], "zoomd account set acme --cap 2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_is_in_doubt_after_a_kill() {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig.sim.fault(Fault::new(Endpoint::Token, What::Hang).after());
    let mut daemon = rig.daemon();
    rig.xadd(&job("acme", "held")).await;
    rig.sim.wait_for(Endpoint::Token, 1).await.expect("a refresh is under way");
    daemon.kill();
    let next = rig.daemon();
    Outage::degraded(
        &rig,
        &next,
        "rotation_in_doubt",
        &["in doubt", "outcome is not known", "no answer"],
    )
    .is_told();
}
