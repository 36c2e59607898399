//! A daemon killed or stopped in the middle of a rotation, at every step.
//!
//! The first daemon comes to a seam (see `seam` in the workers) with the job of an
//! account whose refresh token nobody has used; a second one is there, or comes
//! after. In the end the job is done and the account works, or the case is a
//! window of the protocol and says so.

use rustix::process::Signal;
use serde_json::Value;
use zoom_sim::{Config, Reuse};
use zoomd_store::streams::Stream;

use crate::support::{Daemon, KEY, Rig, finish, job, until, zoomd};

/// Every seam, in the order of the steps.
const BEFORE_SENDING: [&str; 5] = ["leased", "drained", "journalled", "intended", "before-send"];
const AFTER_STAGING: [&str; 3] = ["staged", "judged", "committed"];

pub async fn rig(reuse: Reuse) -> Rig {
    let mut config = Config::unlimited();
    config.rules.tokens.reuse = reuse;
    let mut rig = Rig::with(redis_local::Options::default(), config).await;
    // A lease of two seconds: a process that a busy machine lets wait for one keeps it.
    rig.set("ZOOMD_FAILPOINT_PACE", "15");
    // On a busy machine an exchange takes its time: one that is given up is sent again.
    let toml = "[zoom]\nconnect_timeout = \"300ms\"\ntoken_timeout = \"3s\"\nrequest_timeout = \"1s\"\n\
                [jobs]\nlease = \"11s\"\n[rotation]\nprobe_after = \"4s\"\n";
    std::fs::write(rig.dir.path().join("zoomd.toml"), toml).expect("written");
    rig
}

/// A daemon that comes to `seam`, with a job that leads it there. That job is
/// then leased to a process that does not answer; those of the test come after.
async fn daemon_at(rig: &mut Rig, seam: &str) -> Daemon {
    rig.connect("ada");
    rig.set("ZOOMD_FAILPOINT", seam);
    let daemon = rig.daemon();
    rig.set("ZOOMD_FAILPOINT", "");
    rig.xadd(&job("ada", "j0")).await;
    daemon
}

fn account(rig: &Rig) -> Value {
    rig.run(&["account", "show", "ada", "--json"]).expect(0).json()
}

fn state(rig: &Rig) -> String {
    account(rig)["state"].as_str().expect("a state").to_owned()
}

async fn works(rig: &Rig, id: &str, case: &str) {
    let (stream, outcome) = rig.outcome(id).await;
    assert_eq!(stream, Stream::Results, "{case}: {outcome}");
}

/// Killed at `seam`; `others` daemons on the same disk come after.
async fn killed(seam: &str, reuse: Reuse, others: usize) {
    let case = format!("killed at {seam} {reuse:?}, {others} others");
    let mut rig = rig(reuse).await;
    let mut first = daemon_at(&mut rig, &format!("{seam}:kill")).await;
    first.wait();
    let _others: Vec<_> = (0..others).map(|_| rig.daemon()).collect();
    rig.xadd(&job("ada", "j1")).await;
    if seam == "replied" {
        until("the verdict", || (state(&rig) == "needs_reauth").then_some(()));
        assert_eq!(account(&rig)["why"], "reply_lost", "{case}");
        assert_eq!(rig.sim.counters().broken.spent_refresh_token, 1, "{case}: the probe alone");
        rig.connect("ada");
    }
    works(&rig, "j1", &case).await;
    let counters = rig.sim.counters();
    if seam != "replied" {
        assert!(counters.broken.none(), "{case}: {:?}", rig.sim.violations());
        assert_eq!(counters.rotations, 1, "{case}");
    }
    if seam != "leased" {
        // There the job itself was in hand, and is looked for at Zoom first.
        works(&rig, "j0", &case).await;
        assert_eq!(rig.sim.counters().meetings_created, 2, "{case}");
    }
}

/// Stopped at `seam` past its lease, while `others` daemons work; then it goes on.
async fn stopped(seam: &str, reuse: Reuse, others: usize) {
    let case = format!("stopped at {seam} {reuse:?}, {others} others");
    let mut rig = rig(reuse).await;
    let first = daemon_at(&mut rig, &format!("{seam}:stop")).await;
    until("the stop", || is_stopped(first.pid()).then_some(()));
    let _others: Vec<_> = (0..others).map(|_| rig.daemon()).collect();
    rig.xadd(&job("ada", "j1")).await;
    let holds_reply = ["replied", "staged", "judged"].contains(&seam);
    if holds_reply && !matches!(reuse, Reuse::Tolerant(_)) {
        // RT2 lies with the stopped process; the probe finds RT1 spent.
        until("the verdict", || (state(&rig) == "needs_reauth").then_some(()));
    } else {
        works(&rig, "j1", &case).await;
    }
    first.signal(Signal::CONT);
    if reuse == Reuse::RevokeFamily && (holds_reply || seam == "before-send") {
        // The third window: whatever he brings, Zoom has ended the family.
        until("the verdict", || {
            rig.run(&["account", "refresh", "ada", "--timeout", "1s"]);
            (state(&rig) == "needs_reauth").then_some(())
        });
        return;
    }
    works(&rig, "j1", &case).await;
    until("an active account", || (state(&rig) == "active").then_some(()));
    rig.xadd(&job("ada", "j2")).await;
    works(&rig, "j2", &case).await;
    let broken = rig.sim.counters().broken;
    let late = holds_reply || seam == "before-send";
    // A tolerant Zoom takes RT1 twice: then the stored child is dead, too.
    let spent = u64::from(late) + u64::from(late && matches!(reuse, Reuse::Tolerant(_)));
    assert!(broken.spent_refresh_token <= spent, "{case}: {:?}", rig.sim.violations());
    // A second access token dies only where both refresh: each exchange ends the other's.
    let dead = u64::from(late).max(broken.spent_refresh_token);
    assert!(broken.dead_access_token <= dead, "{case}: {:?}", rig.sim.violations());
    assert_eq!(broken.rotation_in_flight, 0, "{case}");
    assert_eq!(broken.twin, 0, "{case}");
}

pub(crate) fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
}

/// Runs the cases side by side: each has a Redis, a Zoom and daemons of its own.
pub(crate) async fn all<F: Future<Output = ()> + Send + 'static>(
    cases: impl IntoIterator<Item = F>,
) {
    let cases: Vec<_> = cases.into_iter().map(tokio::spawn).collect();
    for case in cases {
        if let Err(error) = case.await {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn killed_at_any_step_nothing_is_lost_but_in_the_window() {
    let seams = BEFORE_SENDING.into_iter().chain(["replied"]).chain(AFTER_STAGING);
    all(seams.map(|seam| killed(seam, Reuse::Strict, 1))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn killed_under_a_zoom_that_revokes_families() {
    let seams = ["intended", "before-send", "staged", "judged"];
    all(seams.map(|seam| killed(seam, Reuse::RevokeFamily, 1))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn stopped_past_the_lease_at_any_step_nothing_is_lost() {
    let seams = BEFORE_SENDING.into_iter().chain(["replied", "staged", "judged"]);
    all(seams.map(|seam| stopped(seam, Reuse::Strict, 1))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn stopped_under_a_tolerant_or_a_revoking_zoom() {
    let seams = ["intended", "before-send", "replied", "staged"];
    let cases = seams.into_iter().flat_map(|s| [(s, Reuse::Tolerant(1)), (s, Reuse::RevokeFamily)]);
    all(cases.map(|(seam, reuse)| stopped(seam, reuse, 1))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn killed_among_three_daemons() {
    let tolerant = Reuse::Tolerant(1);
    let cases = [("intended", Reuse::Strict), ("replied", Reuse::Strict), ("staged", tolerant)];
    all(cases.map(|(seam, reuse)| killed(seam, reuse, 2))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn stopped_among_three_daemons() {
    let cases = [
        ("before-send", Reuse::Strict),
        ("staged", Reuse::Strict),
        ("staged", Reuse::Tolerant(1)),
        ("before-send", Reuse::RevokeFamily),
    ];
    all(cases.map(|(seam, reuse)| stopped(seam, reuse, 2))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sigterm_waits_for_an_exchange_until_its_token_is_committed() {
    use zoom_sim::{Endpoint, Fault, What};
    let mut rig = rig(Reuse::Strict).await;
    rig.sim.fault(Fault::new(Endpoint::Token, What::DelayMs(700)).after());
    let mut daemon = daemon_at(&mut rig, "none:kill").await;
    rig.sim.wait_for(Endpoint::Token, 1).await.expect("it was asked");
    let status = daemon.stop();
    assert!(status.success(), "{status}");
    let _next = rig.daemon();
    works(&rig, "j0", "sigterm").await;
    assert_eq!(rig.sim.counters().rotations, 1);
    assert!(rig.sim.counters().broken.none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_second_signal_leaves_an_exchange_in_flight_alone() {
    use rustix::process::Signal;
    use zoom_sim::{Endpoint, Fault, What};
    let mut rig = rig(Reuse::Strict).await;
    let hold = rig.sim.fault(Fault::new(Endpoint::Token, What::Hold).after());
    let mut daemon = daemon_at(&mut rig, "none:kill").await;
    rig.sim.wait_for(Endpoint::Token, 1).await.expect("it was asked");
    daemon.signal(Signal::TERM);
    daemon.wait_log("running jobs finish");
    daemon.signal(Signal::TERM);
    daemon.wait_log("second signal");
    rig.sim.release(hold);
    assert!(daemon.wait().success());
    let _next = rig.daemon();
    works(&rig, "j0", "second signal").await;
    assert_eq!(rig.sim.counters().rotations, 1, "the reply was kept");
    assert!(rig.sim.counters().broken.none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refusal_that_nobody_judged_is_judged_from_the_journal() {
    for seam in ["staged", "refused"] {
        let mut rig = rig(Reuse::Strict).await;
        rig.connect("ada");
        rig.sim.revoke("ada");
        rig.set("ZOOMD_FAILPOINT", &format!("{seam}:kill"));
        let mut first = rig.daemon();
        rig.set("ZOOMD_FAILPOINT", "");
        rig.xadd(&job("ada", "j0")).await;
        first.wait();
        let _second = rig.daemon();
        until("the verdict", || (state(&rig) == "needs_reauth").then_some(()));
        assert_eq!(account(&rig)["why"], "refused", "{seam}: no reply was lost");
        assert_eq!(rig.sim.counters().arrived.token, 1, "{seam}: Zoom is not asked again");
        rig.connect("ada");
        rig.xadd(&job("ada", "j1")).await;
        works(&rig, "j1", seam).await;
    }
}

/// Trouble of Redis while a daemon is stopped at a failpoint.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Killed,
    Slow,
    ReadOnly,
}

/// Redis is put back to where it was before anything was rotated, while the
/// daemon stands at `seam`; `others` daemons work on meanwhile.
async fn rolled_back(seam: &str, others: usize) {
    let case = format!("rolled back at {seam}, {others} others");
    let mut rig = rig(Reuse::Strict).await;
    rig.connect("ada");
    let old = tempfile::tempdir().expect("a folder");
    let aof = rig.redis.dir().join("appendonlydir");
    rig.redis.stop();
    put(&aof, old.path());
    rig.redis.restart().expect("starts again");
    rig.set("ZOOMD_FAILPOINT", &format!("{seam}:stop"));
    let daemon = rig.daemon();
    rig.set("ZOOMD_FAILPOINT", "");
    rig.xadd(&job("ada", "j0")).await;
    until("the stop", || is_stopped(daemon.pid()).then_some(()));
    rig.redis.kill();
    put(old.path(), &aof);
    rig.redis.restart().expect("starts again");
    let _others: Vec<_> = (0..others).map(|_| rig.daemon()).collect();
    if others > 0 {
        rig.xadd(&job("ada", "j1")).await;
        let asked = rig.sim.counters().arrived.token;
        // They have presented what the store holds again by then.
        rig.sim.wait_for(zoom_sim::Endpoint::Token, asked + 1).await.expect("asked");
    }
    daemon.signal(Signal::CONT);
    rig.xadd(&job("ada", "j1")).await;
    works(&rig, "j1", &case).await;
    until("an active account", || (state(&rig) == "active").then_some(()));
    rig.run(&["account", "refresh", "ada"]).expect(0);
    let broken = rig.sim.counters().broken;
    if others == 0 {
        assert!(broken.none(), "{case}: {:?}", rig.sim.violations());
        assert_eq!(rig.sim.counters().rotations, 2, "{case}: that, and the one asked for");
    }
    assert_eq!((broken.rotation_in_flight, broken.twin), (0, 0), "{case}");
    assert!(broken.spent_refresh_token <= others as u64, "{case}: {:?}", rig.sim.violations());
}

/// Copies the files of one folder over those of another.
fn put(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for old in std::fs::read_dir(to).expect("a folder") {
        std::fs::remove_file(old.expect("a file").path()).expect("removed");
    }
    for file in std::fs::read_dir(from).expect("a folder") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn redis_rolled_back_between_any_two_steps() {
    let seams = BEFORE_SENDING.into_iter().chain(["replied"]).chain(AFTER_STAGING);
    all(seams.map(|seam| rolled_back(seam, 0))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn redis_rolled_back_while_another_daemon_goes_on_with_what_it_holds() {
    all(["before-send", "staged"].map(|seam| rolled_back(seam, 1))).await;
}

async fn troubled(seam: &str, trouble: Trouble) {
    let case = format!("{trouble:?} at {seam}");
    let mut rig = rig(Reuse::Strict).await;
    let daemon = daemon_at(&mut rig, &format!("{seam}:stop")).await;
    until("the stop", || is_stopped(daemon.pid()).then_some(()));
    match trouble {
        Trouble::Killed => rig.redis.kill(),
        Trouble::Slow => rig.redis.signal(Signal::STOP),
        Trouble::ReadOnly => {
            rig.redis_cli(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
        }
    }
    daemon.signal(Signal::CONT);
    // Long enough for it to meet the trouble, and to hold on.
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    match trouble {
        Trouble::Killed => rig.redis.restart().expect("starts again"),
        Trouble::Slow => rig.redis.signal(Signal::CONT),
        Trouble::ReadOnly => {
            rig.redis_cli(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
        }
    }
    rig.xadd(&job("ada", "j1")).await;
    works(&rig, "j1", &case).await;
    assert!(rig.sim.counters().broken.none(), "{case}: {:?}", rig.sim.violations());
    assert_eq!(rig.sim.counters().rotations, 1, "{case}");
}

async fn troubled_at_every_step(trouble: Trouble) {
    let seams = BEFORE_SENDING.into_iter().chain(["replied", "staged", "judged"]);
    all(seams.map(|seam| troubled(seam, trouble))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn redis_killed_between_any_two_steps() {
    troubled_at_every_step(Trouble::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn redis_slow_between_any_two_steps() {
    troubled_at_every_step(Trouble::Slow).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn redis_read_only_between_any_two_steps() {
    troubled_at_every_step(Trouble::ReadOnly).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_command_asks_a_daemon_and_without_one_needs_the_data_folder() {
    let mut rig = rig(Reuse::Strict).await;
    rig.connect("ada");
    let data = rig.dir.path().join("data").display().to_string();
    let daemon = rig.daemon();
    // A folder this command cannot use: the daemon has its own.
    rig.set("ZOOMD_DATA_DIR", "/proc/nowhere");
    let refreshed = rig.run(&["account", "refresh", "ada", "--json"]).expect(0).json();
    assert_eq!(refreshed["generation"], 1);
    let token = rig.run(&["account", "token", "ada"]).expect(0);
    assert!(!token.stdout.trim().is_empty());
    drop(daemon);
    rig.run(&["account", "token", "ada"]).expect(0);
    let refused = rig.run(&["account", "refresh", "ada"]).expect(5);
    assert!(refused.stderr.contains("no daemon responds"), "{}", refused.stderr);
    rig.set("ZOOMD_DATA_DIR", &data);
    let refreshed = rig.run(&["account", "refresh", "ada", "--json"]).expect(0).json();
    assert_eq!(refreshed["generation"], 2);
    assert!(rig.sim.counters().broken.none(), "{:?}", rig.sim.violations());
    assert_eq!(rig.sim.counters().rotations, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_that_no_daemon_can_do_ends_soon_and_says_why() {
    let mut rig = rig(Reuse::Strict).await;
    rig.connect("ada");
    let daemon = rig.daemon();
    // Sealed anew under a key that the daemon was not given.
    let key = finish(zoomd(rig.dir.path(), &["config", "key"]), "").expect(0).stdout;
    rig.set("ZOOMD_ENCRYPTION_KEY", key.trim());
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", KEY);
    rig.run(&["config", "rekey"]).expect(0);
    let begun = std::time::Instant::now();
    let refused = rig.run(&["account", "refresh", "ada", "--json"]).expect(5);
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    let error: Value = serde_json::from_str(&refused.stdout).expect("JSON");
    assert_eq!(error["error"]["code"], "encryption_key", "{error}");
    assert!(refused.stdout.contains("does not open: sealed under key"), "{error}");
    drop(daemon);
    let _with_both = rig.daemon();
    rig.run(&["account", "refresh", "ada"]).expect(0);
    assert_eq!(rig.sim.counters().rotations, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whose_an_imported_grant_is_is_learnt_and_rotations_are_told_in_the_status() {
    let rig = rig(Reuse::Strict).await;
    rig.connect("ada");
    assert!(account(&rig)["zoom_account"].is_null());
    let none = rig.run(&["status", "--json"]).expect(5).json()["rotations"].clone();
    assert_eq!((&none["in_time"], &none["met"]), (&0.into(), &true.into()), "{none}");
    let daemon = rig.daemon();
    rig.xadd(&job("ada", "j1")).await;
    works(&rig, "j1", "imported").await;
    until("users/me", || {
        let asked = rig.redis_cli(&["HGET", "zoomd:v1:account:ada", "em"]);
        asked.contains('@').then_some(())
    });
    let known = account(&rig);
    assert!(known["zoom_account"].is_string() && known["zoom_user"].is_string(), "{known}");
    let status = rig.run(&["status", "--json"]).expect(0).json()["rotations"].clone();
    assert_eq!((&status["in_time"], &status["lost"]), (&1.into(), &0.into()), "{status}");
    let text = rig.run(&["status"]).expect(0).stdout;
    assert!(text.contains("1 in 7 days, 100 % stored in time"), "{text}");
    let (_, metrics) = daemon.get("/metrics");
    for name in [
        "zoomd_token_refreshes_total{outcome=\"rotated\"} 1",
        "zoomd_token_lock_wait_seconds_count 1",
        "zoomd_rotation_stage_seconds_count 1",
        "zoomd_rotation_commit_seconds_count 1",
        "zoomd_rotation_in_doubt 0",
        "zoomd_rotation_unpersisted 0",
        "zoomd_zoom_requests_total{endpoint=\"users_me\",status=\"200\"} 1",
    ] {
        assert!(metrics.contains(name), "{name} in\n{metrics}");
    }
    // The tokens become invalid with the authorization, and their age is reported.
    rig.sim.revoke("ada");
    rig.run(&["account", "refresh", "ada"]).expect(4);
    let (_, metrics) = daemon.get("/metrics");
    assert!(metrics.contains("zoomd_refresh_token_age_at_death_seconds_count 1"), "{metrics}");
    let status = rig.run(&["status", "--json"]).expect(1).json()["rotations"].clone();
    assert_eq!(status["refused"], 1, "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_the_scope_the_token_itself_is_the_hint() {
    let rig = rig(Reuse::Strict).await;
    rig.sim.fault(zoom_sim::Fault::new(
        zoom_sim::Endpoint::Token,
        zoom_sim::What::TokenWithout(vec!["scope".to_owned()]),
    ));
    rig.connect("ada");
    let _daemon = rig.daemon();
    rig.run(&["account", "refresh", "ada"]).expect(0);
    let known = account(&rig);
    assert!(known["zoom_account"].is_string() && known["zoom_user"].is_string(), "{known}");
    rig.run(&["account", "set", "ada", "--zoom-account", "by-hand"]).expect(0);
    assert_eq!(account(&rig)["zoom_account"], "by-hand");
}
