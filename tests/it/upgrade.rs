//! From one version to the next, with jobs in every state and a load that goes on.
//!
//! `ZOOMD_FROM` names a build of the version before; `make upgrade` asks for one.
//! Without it the older daemons are of this build: then it is a restart of all.

#![expect(clippy::print_stdout, reason = "a campaign ends with its figures")]

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use redis_local::Options;
use zoom_sim::{Config, Endpoint, Fault, What};
use zoomd_store::Store;
use zoomd_store::streams::{Stream, Tail, enqueue};

use crate::support::{Daemon, Rig, binary, finish, job};

/// The accounts. The last is paused until the upgrade is over.
const ACCOUNTS: [&str; 4] = ["ada", "bob", "cyd", "dot"];
/// Between two jobs.
const BEAT: Duration = Duration::from_millis(20);
/// The load before the upgrade, within it, and after it.
const PHASE: Duration = Duration::from_millis(1_500);
/// The longest wait for the last outcome: leases of the killed have to end.
const QUIET: Duration = Duration::from_secs(90);

/// A namespace, and the jobs that were given in.
struct Upgrade {
    rig: Rig,
    store: Store,
    from: OsString,
    given: usize,
}

impl Upgrade {
    async fn ready() -> Self {
        let mut rig = Rig::with(Options::default(), Config::unlimited()).await;
        rig.set("ZOOMD_FAILPOINT_WORK_PACE", "10");
        let toml = "[zoom]\nconnect_timeout = \"500ms\"\nrequest_timeout = \"2s\"\n";
        std::fs::write(rig.dir.path().join("zoomd.toml"), toml).expect("written");
        let from = std::env::var_os("ZOOMD_FROM").unwrap_or_else(binary);
        let upgrade = Self { store: rig.store().await, rig, from, given: 0 };
        for account in ACCOUNTS {
            let token = upgrade.rig.sim.grant(account).refresh_token.expect("a refresh token");
            let plan = ["--plan", "unlimited", "--refresh-token-file", "-"];
            upgrade.older(&[&["account", "add", account][..], &plan].concat(), &token);
        }
        upgrade.older(&["account", "pause", "dot"], "");
        upgrade
    }

    /// Runs a command of the older version.
    fn older(&self, args: &[&str], stdin: &str) {
        finish(self.rig.command_of(&self.from, args), stdin).expect(0);
    }

    fn layout(&self) -> String {
        self.rig.redis_cli(&["HGET", "zoomd:v1:meta", "layout"])
    }

    fn old_daemon(&self) -> Daemon {
        self.rig.daemon_of(self.rig.command_of(&self.from, &["run"]))
    }

    /// Gives jobs in for a while, one in ten of them for later.
    async fn load(&mut self, lasts: Duration) {
        let end = Instant::now() + lasts;
        while Instant::now() < end {
            let account = ACCOUNTS[self.given % ACCOUNTS.len()];
            let mut text = job(account, &id(self.given));
            if self.given % 10 == 9 {
                let due = jiff::Timestamp::now() + PHASE * 3;
                text = text.replacen('{', &format!("{{\"not_before\":\"{due}\","), 1);
            }
            enqueue(&self.store, &[text]).await.expect("redis is there");
            self.given += 1;
            tokio::time::sleep(BEAT).await;
        }
    }

    /// Waits until each job has an outcome: how many of each code there are of each.
    async fn outcomes(&self) -> HashMap<String, Vec<String>> {
        let mut tail = Tail::from_start(&self.store, &[Stream::Results, Stream::Failures]);
        let mut all: HashMap<String, Vec<String>> = HashMap::new();
        let end = Instant::now() + QUIET;
        while all.len() < self.given {
            let left = (0..self.given).map(id).find(|id| !all.contains_key(id));
            let show = |id: String| self.rig.run(&["job", "show", &id]).stdout;
            assert!(Instant::now() < end, "no outcome: {:?}", left.map(show));
            for item in tail.next(Duration::from_millis(200), 1_000).await.expect("redis answers") {
                let code = item.field("code").to_owned();
                all.entry(item.field("job_id").to_owned()).or_default().push(code);
            }
        }
        all
    }
}

fn id(number: usize) -> String {
    format!("u{number}")
}

/// Zoom takes its time, and fails on both sides of the deed now and then.
fn trouble(rig: &Rig) {
    rig.sim.fault(Fault::new(Endpoint::Create, What::DelayMs(60)).after().always());
    for _ in 0..3 {
        rig.sim.fault(Fault::new(Endpoint::Create, What::Status(503)));
        rig.sim.fault(Fault::new(Endpoint::Create, What::Drop).after());
    }
    rig.sim.fault(Fault::new(Endpoint::Create, What::Status(400)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_version_before_under_load_no_job_meeting_or_token_is_lost() {
    let mut it = Upgrade::ready().await;
    let before = it.layout();
    let mut dice = StdRng::seed_from_u64(rand::random());
    let mut old: Vec<_> = (0..3).map(|_| it.old_daemon()).collect();
    trouble(&it.rig);
    it.load(PHASE).await;
    // The new ones come while the old ones work. They die, and come again, while the
    // last old ones end, and once more after that.
    let mut new: Vec<_> = (0..3).map(|_| it.rig.daemon_unchecked()).collect();
    trouble(&it.rig);
    it.load(PHASE / 3).await;
    old[0].kill();
    for mut daemon in old.drain(1..) {
        daemon.stop();
        it.load(Duration::from_millis(dice.random_range(0..300))).await;
    }
    for turn in 0..6 {
        new[turn % 2].kill();
        new[turn % 2] = it.rig.daemon_unchecked();
        it.load(Duration::from_millis(dice.random_range(0..1_500))).await;
    }
    for daemon in &new {
        daemon.wait_ready();
    }
    let raised = it.layout() != before;
    let waited = new[2].log().contains("daemons of an earlier version are running");
    assert_eq!(waited, raised, "whoever raises the layout waits for the old: {}", new[2].log());
    it.load(PHASE).await;
    it.rig.run(&["account", "resume", "dot"]).expect(0);

    let all = it.outcomes().await;
    let twice: Vec<_> = all.iter().filter(|(_, codes)| codes.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let failed: Vec<_> = all.iter().filter(|(_, codes)| !codes[0].is_empty()).collect();
    let counters = it.rig.sim.counters();
    let made = counters.meetings_created;
    println!("layout raised: {raised}; {} jobs, {made} meetings, failed: {failed:?}", it.given);
    assert!(failed.iter().all(|(_, codes)| codes[0] == "zoom_rejected"), "{failed:?}");
    assert_eq!(usize::try_from(made).expect("few"), all.len() - failed.len());
    for account in ACCOUNTS {
        it.rig.run(&["account", "refresh", account]).expect(0);
    }
    assert!(it.rig.sim.counters().broken.none(), "{:?}", it.rig.sim.violations());
    for (id, _) in failed {
        it.rig.run(&["failure", "retry", id]).expect(0);
    }
}
