//! The daemon under a service manager: what it is told, and when.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use zoom_sim::{Endpoint, Fault, What};

use crate::support::{LIMIT, Rig, job, until};

/// A service manager: a socket that remembers what it was told.
struct Manager {
    socket: UnixDatagram,
    told: Vec<String>,
}

impl Manager {
    fn of(rig: &mut Rig, watchdog: Duration) -> Self {
        let path = rig.dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a time-out");
        rig.set("NOTIFY_SOCKET", &path.display().to_string());
        rig.set("WATCHDOG_USEC", &watchdog.as_micros().to_string());
        Self { socket, told: Vec::new() }
    }

    /// Takes in what is said for a while, or until this is.
    fn hear(&mut self, wanted: &str, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut buffer = [0; 4096];
        while Instant::now() < end {
            if let Ok(length) = self.socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let found = text.lines().any(|line| line.starts_with(wanted));
                self.told.push(text);
                if found {
                    return true;
                }
            }
        }
        false
    }
}

#[tokio::test]
async fn the_manager_is_told_of_readiness_life_and_the_end() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    let mut manager = Manager::of(&mut rig, Duration::from_millis(300));
    let mut daemon = rig.daemon_unchecked();
    assert!(manager.hear("READY=1", LIMIT), "{:?}", manager.told);
    for _ in 0..3 {
        assert!(manager.hear("WATCHDOG=1", LIMIT), "idle is alive: {:?}", manager.told);
    }
    let hold = rig.sim.fault(Fault::new(Endpoint::Create, What::Hold));
    rig.xadd(&job("acme", "held")).await;
    rig.sim.wait_for(Endpoint::Create, 1).await.expect("the call arrives");
    daemon.signal(Signal::TERM);
    assert!(manager.hear("STOPPING=1", LIMIT), "{:?}", manager.told);
    assert!(manager.told.last().is_some_and(|text| text.contains("1 jobs in hand")));
    // SIGTERM takes nothing more, and finishes what is in flight.
    rig.xadd(&job("acme", "later")).await;
    rig.sim.release(hold);
    assert!(daemon.wait().success());
    assert_eq!(rig.outcome("held").await.1["attempts"], 1);
    assert_eq!(rig.sim.meetings_of("acme").len(), 1, "the later job was left alone");
}

#[tokio::test]
async fn waiting_for_redis_is_no_reason_to_be_restarted() {
    let mut rig = Rig::start().await;
    let mut manager = Manager::of(&mut rig, Duration::from_millis(300));
    rig.redis.kill();
    let _daemon = rig.daemon_unchecked();
    assert!(manager.hear("EXTEND_TIMEOUT_USEC=", LIMIT), "{:?}", manager.told);
    rig.redis.restart().expect("redis starts");
    assert!(manager.hear("READY=1", LIMIT), "{:?}", manager.told);
    rig.redis.kill();
    for _ in 0..6 {
        assert!(manager.hear("WATCHDOG=1", LIMIT), "to wait is to move: {:?}", manager.told);
    }
}

#[tokio::test]
async fn a_loop_that_panics_ends_the_daemon_and_another_goes_on() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    rig.set("ZOOMD_FAILPOINT_WORK_PACE", "30");
    let mut dying = rig.daemon();
    rig.sim.fault(Fault::new(Endpoint::Create, What::Hold).after());
    rig.xadd(&job("acme", "held")).await;
    rig.sim.wait_for(Endpoint::Create, 1).await.expect("the call arrives");
    dying.kill();
    rig.set("ZOOMD_FAILPOINT", "swept:panic");
    let mut broken = rig.daemon();
    assert_eq!(broken.wait().code(), Some(1), "the service manager starts it anew");
    let line = broken.wait_log("the daemon cannot continue without it");
    assert_eq!(line["message"], "part lease_sweep panicked: the daemon cannot continue without it");
    rig.set("ZOOMD_FAILPOINT", "");
    let _heir = rig.daemon();
    assert_eq!(rig.outcome("held").await.1["status"], "succeeded");
    assert_eq!(rig.sim.meetings_of("acme").len(), 1);
}

/// Daemons that run at the same time.
const AT_ONCE: usize = 10;
/// Time within which a daemon ends after a part has ended or panicked.
const SOON: Duration = Duration::from_secs(5);
/// The watchdog is so many times faster in these tests, and its limit then this long.
const PACE: u32 = 15;
const WATCHDOG: Duration = Duration::from_secs(60).checked_div(PACE).expect("not by zero");

async fn rig_of_parts() -> Rig {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    rig.set("ZOOMD_FAILPOINT_WORK_PACE", "30");
    rig.set("ZOOMD_FAILPOINT_WATCH_PACE", &PACE.to_string());
    rig.set("ZOOMD_PUBLIC_LISTEN", "127.0.0.1:0");
    rig
}

/// The parts of a daemon, as it lists them itself.
fn parts(rig: &Rig) -> Vec<String> {
    let daemon = rig.daemon();
    let listed = || {
        let text = daemon.get("/metrics").1;
        let lines =
            text.lines().filter_map(|l| l.strip_prefix("zoomd_part_silent_seconds{part=\""));
        let parts: Vec<_> = lines.filter_map(|l| Some(l.split_once('"')?.0.to_owned())).collect();
        parts.contains(&"presence".to_owned()).then_some(parts)
    };
    let parts = until("the list of parts", listed);
    for known in ["worker", "claims", "fetcher_read", "settler", "token_news", "public_port"] {
        assert!(parts.iter().any(|part| part == known), "{known} is missing: {parts:?}");
    }
    parts
}

/// Has each part of a daemon meet this fate while jobs are in hand.
async fn every_part(fate: &str, says: &str, limit: Duration) {
    let mut rig = rig_of_parts().await;
    let parts = parts(&rig);
    let hold = rig.sim.fault(Fault::new(Endpoint::Create, What::Hold).after().always());
    let mut jobs = Vec::new();
    for (round, names) in parts.chunks(AT_ONCE).enumerate() {
        let now = rig.dir.path().join(format!("now-{round}"));
        rig.set("ZOOMD_FAILPOINT_WHEN", &now.display().to_string());
        let mut daemons = Vec::new();
        for part in names {
            rig.set("ZOOMD_FAILPOINT_PART", &format!("{part}:{fate}"));
            daemons.push((part, rig.daemon_unchecked()));
        }
        for (_, daemon) in &daemons {
            daemon.wait_ready();
        }
        for part in names {
            rig.xadd(&job("acme", part)).await;
            jobs.push(part.clone());
        }
        rig.sim.wait_for(Endpoint::Create, jobs.len() as u64).await.expect("calls");
        std::fs::write(&now, "").expect("written");
        let begun = Instant::now();
        for (part, daemon) in &mut daemons {
            assert_eq!(daemon.wait().code(), Some(1), "{part}\n{}", daemon.log());
            assert!(begun.elapsed() < limit, "{part}: {:?}", begun.elapsed());
            // A part that hangs stops those within it, too: `fetcher` has two.
            let line = daemon.wait_log(&format!("\"message\":\"part {part}"));
            let message = line["message"].as_str().expect("text");
            assert!(message.ends_with(&format!("{says}: the daemon cannot continue without it")));
        }
    }
    rig.sim.clear_fault(hold);
    rig.set("ZOOMD_FAILPOINT_PART", "");
    let _heir = rig.daemon();
    for id in &jobs {
        let (_, outcome) = rig.outcome(id).await;
        assert_eq!(outcome["status"], "succeeded", "{outcome}");
    }
    assert_eq!(rig.sim.meetings_of("acme").len(), jobs.len());
}

#[tokio::test]
async fn a_part_that_ends_ends_the_daemon_whichever_it_is() {
    every_part("end", "ended", SOON).await;
}

#[tokio::test]
async fn a_part_that_panics_ends_the_daemon_whichever_it_is() {
    every_part("panic", "panicked", SOON).await;
}

#[tokio::test]
async fn a_part_that_hangs_ends_the_daemon_whichever_it_is() {
    every_part("hang", "hangs", WATCHDOG * 2 + SOON).await;
}

#[tokio::test]
async fn a_broken_daemon_that_waits_for_a_token_exchange_is_left_alive() {
    let mut rig = rig_of_parts().await;
    let now = rig.dir.path().join("now");
    rig.set("ZOOMD_FAILPOINT_WHEN", &now.display().to_string());
    rig.set("ZOOMD_FAILPOINT_PART", "lease_sweep:panic");
    let mut manager = Manager::of(&mut rig, Duration::from_millis(300));
    let hold = rig.sim.fault(Fault::new(Endpoint::Token, What::Hold).after());
    let mut daemon = rig.daemon();
    rig.xadd(&job("acme", "waits")).await;
    rig.sim.wait_for(Endpoint::Token, 1).await.expect("a refresh is under way");
    std::fs::write(&now, "").expect("written");
    assert!(manager.hear("STOPPING=1", LIMIT), "{:?}", manager.told);
    for _ in 0..5 {
        assert!(manager.hear("WATCHDOG=1", LIMIT), "{:?}", manager.told);
    }
    rig.sim.release(hold);
    assert_eq!(daemon.wait().code(), Some(1), "{}", daemon.log());
    for name in ["ZOOMD_FAILPOINT_PART", "NOTIFY_SOCKET", "WATCHDOG_USEC"] {
        rig.set(name, "");
    }
    let _heir = rig.daemon();
    assert_eq!(rig.outcome("waits").await.1["status"], "succeeded");
    assert_eq!(rig.sim.rotations("acme"), 1, "the token that came is used");
}

#[tokio::test]
async fn a_handler_that_hangs_ends_the_daemon_and_another_takes_its_job() {
    let mut rig = rig_of_parts().await;
    let now = rig.dir.path().join("now");
    rig.set("ZOOMD_FAILPOINT_WHEN", &now.display().to_string());
    rig.set("ZOOMD_FAILPOINT_PART", "handler:hang");
    rig.set("ZOOMD_ZOOM_CONNECT_TIMEOUT", "1s");
    rig.set("ZOOMD_ZOOM_REQUEST_TIMEOUT", "2s");
    rig.sim.fault(Fault::new(Endpoint::Create, What::Hold).after());
    let mut daemon = rig.daemon();
    rig.xadd(&job("acme", "hangs")).await;
    rig.sim.wait_for(Endpoint::Create, 1).await.expect("the call arrives");
    std::fs::write(&now, "").expect("written");
    let begun = Instant::now();
    assert_eq!(daemon.wait().code(), Some(1), "{}", daemon.log());
    assert!(begun.elapsed() < WATCHDOG + SOON, "{:?}", begun.elapsed());
    let line = daemon.wait_log("job handler hangs");
    assert_eq!(line["job.id"], "hangs");
    daemon.wait_log("part handler hangs: the daemon cannot continue without it");
    rig.set("ZOOMD_FAILPOINT_PART", "");
    let _heir = rig.daemon();
    let (_, outcome) = rig.outcome("hangs").await;
    assert_eq!((&outcome["status"], &outcome["reconciled"]), (&"succeeded".into(), &true.into()));
    assert_eq!(rig.sim.meetings_of("acme").len(), 1);
}

#[tokio::test]
async fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let plain = rig.command(&["run"]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' HUP INT; exec \"$0\" run"]).arg(plain.get_program());
    command.env_clear().current_dir(rig.dir.path());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut daemon = rig.daemon_of(command);
    daemon.signal(Signal::HUP);
    daemon.signal(Signal::INT);
    rig.xadd(&job("acme", "after")).await;
    assert_eq!(rig.outcome("after").await.1["status"], "succeeded");
    assert!(!daemon.log().contains("stopping"), "{}", daemon.log());
    assert!(daemon.stop().success());
}
