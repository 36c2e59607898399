//! Zoom is away, slow, in trouble, or refuses the app.

use zoom_sim::{App, Config, Endpoint, Fault, What};

use super::faces::Outage;
use crate::support::{Rig, job};

/// A rig whose account has a live token.
async fn warm() -> Rig {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig
}

/// Jobs that wait, the first of them `held`.
async fn jobs(rig: &Rig, account: &str) {
    rig.xadd(&job(account, "held")).await;
    for n in 0..7 {
        rig.xadd(&job(account, &format!("more-{n}"))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_client_secret() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    rig.set("ZOOMD_CLIENT_SECRET", "another");
    let daemon = rig.daemon();
    jobs(&rig, "acme").await;
    let outage = Outage {
        rig: &rig,
        daemon: Some(&daemon),
        held: Some("held"),
        account: "acme",
        code: "app_rejected",
        cause: &["invalid_client", "client secret", "the app's credentials"],
        verdict: "DOWN",
    };
    outage.is_told();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_client_secret_of_one_server_to_server_app() {
    let mut zoom = Config::unlimited();
    zoom.apps.push(App::server_to_server("s2s", "right", "zoom-1"));
    let rig = Rig::with(redis_local::Options::default(), zoom).await;
    rig.connect("acme");
    let args = ["account", "add", "corp", "--server-to-server", "zoom-1", "--client-id", "s2s"];
    rig.run_with(&[&args[..], &["--client-secret-file", "-"]].concat(), "wrong").expect(0);
    let daemon = rig.daemon();
    jobs(&rig, "corp").await;
    let outage = Outage {
        rig: &rig,
        daemon: Some(&daemon),
        held: Some("held"),
        account: "corp",
        code: "app_rejected",
        cause: &["invalid_client", "client secret", "the app's credentials"],
        verdict: "DEGRADED",
    };
    outage.is_told();
    rig.xadd(&job("acme", "well")).await;
    rig.outcome("well").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creates_fail_while_other_calls_succeed() {
    let rig = warm().await;
    let daemon = rig.daemon();
    rig.sim.fault(Fault::new(Endpoint::Create, What::Status(503)).always());
    jobs(&rig, "acme").await;
    let outage = Outage::degraded(&rig, &daemon, "zoom_endpoint_failing", &["503"]);
    outage.is_told();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_takes_20_s() {
    let rig = warm().await;
    let daemon = rig.daemon();
    rig.xadd(&job("acme", "before")).await;
    rig.outcome("before").await;
    rig.sim.fault(Fault::new(Endpoint::Any, What::DelayMs(20_000)).always());
    jobs(&rig, "acme").await;
    let outage = Outage::degraded(&rig, &daemon, "zoom_slow", &["slow"]);
    outage.is_told();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_does_not_resolve() {
    let mut rig = warm().await;
    rig.run(&["account", "refresh", "acme"]).expect(0);
    rig.set("ZOOMD_ZOOM_API_URL", "http://zoom.invalid/v2");
    rig.set("ZOOMD_ALLOW_HTTP", "true");
    let daemon = rig.daemon();
    jobs(&rig, "acme").await;
    let outage = Outage::degraded(
        &rig,
        &daemon,
        "zoom_unreachable",
        &["resolve", "dns", "name or service not known"],
    );
    outage.is_told();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_connections() {
    let rig = warm().await;
    let daemon = rig.daemon();
    rig.sim.down().await;
    jobs(&rig, "acme").await;
    let outage = Outage::degraded(&rig, &daemon, "zoom_unreachable", &["refused"]);
    outage.is_told();
}
