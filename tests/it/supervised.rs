//! The daemon under a service manager: what it is told, and when.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use zoom_sim::{Endpoint, Fault, What};

use crate::support::{LIMIT, Rig, job};

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
    assert!(!manager.hear("WATCHDOG=1", Duration::from_millis(400)));
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
    rig.set("ZOOMD_SEAM_WORK_PACE", "30");
    let mut dying = rig.daemon();
    rig.sim.fault(Fault::new(Endpoint::Create, What::Hold).after());
    rig.xadd(&job("acme", "held")).await;
    rig.sim.wait_for(Endpoint::Create, 1).await.expect("the call arrives");
    dying.kill();
    rig.set("ZOOMD_SEAM", "swept:panic");
    let mut broken = rig.daemon();
    assert_eq!(broken.wait().code(), Some(1), "the service manager starts it anew");
    broken.wait_log("a loop of the engine panicked");
    rig.set("ZOOMD_SEAM", "");
    let _heir = rig.daemon();
    assert_eq!(rig.outcome("held").await.1["status"], "succeeded");
    assert_eq!(rig.sim.meetings_of("acme").len(), 1);
}
