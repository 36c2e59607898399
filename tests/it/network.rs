//! The way to Zoom: replies in forms that nobody asked for, a proxy of the
//! environment, and a machine that has no file left for a connection.

use std::process::Command;

use zoom_sim::{Coding, Endpoint, Fault, Reuse, What};
use zoomd_store::streams::Stream;

use crate::rotation;
use crate::support::{Rig, finish, job};

async fn succeeds(rig: &Rig, id: &str, case: &str) -> serde_json::Value {
    let (stream, outcome) = rig.outcome(id).await;
    assert_eq!(stream, Stream::Results, "{case}: {outcome}");
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_and_marked_replies_lose_no_token_and_no_meeting() {
    let rig = rotation::rig(Reuse::Strict).await;
    let _daemon = rig.daemon();
    let whats = [Coding::Gzip, Coding::Deflate, Coding::Br].map(What::Compressed);
    for (n, what) in whats.into_iter().chain([What::ByteOrderMark]).enumerate() {
        let (account, case) = (format!("a{n}"), format!("{what:?}"));
        let fault = rig.sim.fault(Fault::new(Endpoint::Any, what).always());
        rig.connect(&account);
        rig.xadd(&job(&account, &format!("first-{n}"))).await;
        succeeds(&rig, &format!("first-{n}"), &case).await;
        rig.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
        rig.xadd(&job(&account, &format!("second-{n}"))).await;
        let outcome = succeeds(&rig, &format!("second-{n}"), &case).await;
        assert_eq!(outcome["reconciled"], true, "{case}");
        rig.sim.clear_fault(fault);
    }
    let counters = rig.sim.counters();
    assert_eq!((counters.rotations, counters.meetings_created), (4, 8));
    assert!(counters.broken.none(), "{:?}", rig.sim.violations());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_reply_in_a_journal_is_read_by_the_next_daemon() {
    for coding in [Coding::Gzip, Coding::Br] {
        let mut rig = rotation::rig(Reuse::Strict).await;
        rig.sim.fault(Fault::new(Endpoint::Token, What::Compressed(coding)).always());
        rig.connect("ada");
        rig.set("ZOOMD_FAILPOINT", "staged:kill");
        let mut first = rig.daemon();
        rig.set("ZOOMD_FAILPOINT", "");
        rig.xadd(&job("ada", "j0")).await;
        first.wait();
        let _next = rig.daemon();
        succeeds(&rig, "j0", &format!("{coding:?}")).await;
        let counters = rig.sim.counters();
        assert_eq!(counters.rotations, 1, "{coding:?}");
        assert!(counters.broken.none(), "{coding:?}: {:?}", rig.sim.violations());
    }
}

/// Exceptions are no way out: a variable that cannot be read stops the start.
#[tokio::test]
async fn a_variable_that_names_no_proxy_is_refused_with_what_helps() {
    let mut rig = Rig::start().await;
    rig.set("ALL_PROXY", "socks5://127.0.0.1:1080");
    rig.set("NO_PROXY", "*");
    let ran = rig.run(&["run"]).expect(2);
    assert!(ran.stderr.contains("hint: unset ALL_PROXY"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("NO_PROXY"), "{}", ran.stderr);
    rig.set("ALL_PROXY", "");
    rig.daemon();
}

/// The simulator is its own proxy: a request that names the whole address is
/// answered as any other, and `zoom.test` is a name that nobody resolves.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_goes_through_the_proxy_of_the_environment() {
    let mut rig = Rig::start().await;
    let proxy = rig.sim.url().replace("http://", "http://user:hush@");
    rig.set("ZOOMD_ZOOM_API_URL", "http://zoom.test/v2");
    rig.set("ZOOMD_ZOOM_OAUTH_URL", "http://zoom.test");
    rig.set("ZOOMD_ALLOW_HTTP", "1");
    rig.set("HTTP_PROXY", &proxy);
    rig.connect("ada");
    let daemon = rig.daemon();
    rig.xadd(&job("ada", "j0")).await;
    succeeds(&rig, "j0", "through the proxy").await;
    rig.run(&["account", "refresh", "ada"]).expect(0);
    rig.run(&["meeting", "list", "ada"]).expect(0);
    let report = rig.run(&["doctor"]);
    let shown = rig.sim.url();
    let words = format!("zoom.test through {shown} (HTTP_PROXY)");
    assert!(report.stdout.contains(&words), "{}", report.stdout);
    for text in [&report.stdout, &report.stderr, &daemon.log()] {
        assert!(!text.contains("hush"), "{text}");
    }
    assert!(rig.sim.counters().broken.none(), "{:?}", rig.sim.violations());

    rig.set("HTTP_PROXY", "gopher://user:hush@h");
    let refused = rig.run(&["run"]).expect(2);
    assert!(refused.stderr.contains("HTTP_PROXY"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("hush"), "{}", refused.stderr);
    let report = rig.run(&["doctor"]).expect(1);
    assert!(report.stdout.contains("unset HTTP_PROXY"), "{}", report.stdout);
}

/// The command with a limit on open files.
fn with_files(command: &Command, files: u32) -> Command {
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -n {files} && exec \"$@\""), "sh"]);
    limited.arg(command.get_program()).args(command.get_args()).env_clear();
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.current_dir(command.get_current_dir().expect("the rig's folder"));
    limited
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lack_of_files_is_told_and_is_not_zooms_trouble() {
    const FILES: u32 = 48;
    let rig = Rig::start().await;
    rig.connect("ada");
    let report = finish(with_files(&rig.command(&["doctor", "--offline"]), FILES), "");
    let line = report.stdout.lines().find(|line| line.contains("open files"));
    assert!(line.is_some_and(|line| line.contains("WARN")), "{}", report.stdout);
    assert!(report.stdout.contains("LimitNOFILE=320"), "{}", report.stdout);

    let daemon = rig.daemon_of(with_files(&rig.command(&["run"]), FILES));
    daemon.wait_log("open files: the limit is too low");
    rig.xadd(&job("ada", "first")).await;
    succeeds(&rig, "first", "the token is there").await;
    let held = rig.sim.fault(Fault::new(Endpoint::Create, What::Hold).always());
    for n in 0..60 {
        rig.xadd(&job("ada", &format!("j{n}"))).await;
    }
    daemon.wait_log("too many open files");
    rig.sim.clear_fault(held);
    for n in 0..60 {
        succeeds(&rig, &format!("j{n}"), "after the lack").await;
    }
    assert_eq!(rig.sim.counters().meetings_created, 61);
    assert!(!daemon.log().contains("zoom cannot be reached"), "{}", daemon.log());
}
