//! A daemon that dies again and again, with ways of its own to Redis and Zoom.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use redis_local::RedisServer;
use rustix::process::{Pid, Signal, kill_process};
use zoom_sim::Sim;

use crate::plan::{Scale, Way};
use crate::proxy::Proxy;
use crate::support::{KEY, zoomd};

/// The place of one daemon.
pub struct Daemon {
    pub to_redis: Proxy,
    pub to_zoom: Proxy,
    /// Time at which the proxies open again.
    pub open_at: Option<Instant>,
    /// Time at which it resumes, if it is stopped.
    pub goes_on_at: Option<Instant>,
    /// The seam it was started with.
    pub seam: String,
    child: Child,
    log: PathBuf,
    starts: u32,
    env: Vec<(&'static str, String)>,
    dir: PathBuf,
}

impl Daemon {
    /// The first start.
    pub async fn start(
        number: usize,
        scale: &Scale,
        redis: &RedisServer,
        sim: &Sim,
        dir: &Path,
    ) -> Self {
        let to_redis = Proxy::to(([127, 0, 0, 1], redis.port()).into()).await;
        let to_zoom = Proxy::to(sim.address()).await;
        let dir = dir.join(format!("daemon-{number}"));
        std::fs::create_dir_all(&dir).expect("a folder");
        std::fs::write(dir.join("zoomd.toml"), scale.toml).expect("written");
        let data = dir.parent().expect("the world's folder").join("data");
        let mut env = vec![
            ("ZOOMD_REDIS_URL", format!("redis://{}", to_redis.address())),
            ("ZOOMD_ENCRYPTION_KEY", KEY.to_owned()),
            ("ZOOMD_CLIENT_ID", "sim-client".to_owned()),
            ("ZOOMD_CLIENT_SECRET", "sim-secret".to_owned()),
            ("ZOOMD_ZOOM_API_URL", format!("http://{}/v2", to_zoom.address())),
            ("ZOOMD_ZOOM_OAUTH_URL", sim.url().to_owned()),
            ("ZOOMD_DATA_DIR", data.display().to_string()),
            ("ZOOMD_LISTEN", "off".to_owned()),
            ("ZOOMD_FAILPOINT_PACE", scale.pace.to_string()),
            ("ZOOMD_FAILPOINT_WORK_PACE", scale.pace.to_string()),
            ("ZOOMD_FAILPOINT_CLOCK", data.with_file_name("clock").display().to_string()),
        ];
        env.extend(wrong_clock(number));
        let (child, log) = spawn(&env, &dir, 0, "");
        let (seam, starts) = (String::new(), 0);
        let (open_at, goes_on_at) = (None, None);
        Self { to_redis, to_zoom, open_at, goes_on_at, seam, child, log, starts, env, dir }
    }

    /// Starts it again (it is dead), to die at a seam or, with none, to live.
    pub fn restart(&mut self, seam: &str) {
        self.starts += 1;
        seam.clone_into(&mut self.seam);
        self.goes_on_at = None;
        (self.child, self.log) = spawn(&self.env, &self.dir, self.starts, seam);
    }

    /// The id of its present life, once it has told it.
    pub fn boot(&self) -> Option<String> {
        let log = std::fs::read_to_string(&self.log).ok()?;
        let (_, rest) = log.split_once("\"daemon\":\"")?;
        rest.split('"').next().map(ToOwned::to_owned)
    }

    /// True if it has died since its start.
    pub fn is_dead(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// True if it stopped itself at a failpoint.
    pub fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let state = stat.as_deref().ok().and_then(|stat| stat.rsplit(") ").next());
        state.is_some_and(|rest| rest.starts_with('T'))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, signal);
        }
    }

    /// `kill -9`, and waits for its end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn open_ways(&mut self) {
        self.open_at = None;
        self.to_redis.set(Way::Open);
        self.to_zoom.set(Way::Open);
    }

    /// Forgets the logs of lives that are over.
    pub fn forget_logs(&self) {
        for life in 0..self.starts {
            let _ = std::fs::remove_file(self.dir.join(log_name(life)));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Wall clocks a year apart, where `CHAOS_FAKETIME` names the library for it.
fn wrong_clock(number: usize) -> Vec<(&'static str, String)> {
    let Ok(library) = std::env::var("CHAOS_FAKETIME") else { return Vec::new() };
    let by = ["+0", "+400d", "-400d"][number % 3];
    vec![
        ("LD_PRELOAD", library),
        ("FAKETIME", by.to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

fn log_name(life: u32) -> String {
    format!("life-{life}.log")
}

fn spawn(env: &[(&str, String)], dir: &Path, life: u32, seam: &str) -> (Child, PathBuf) {
    let log = dir.join(log_name(life));
    let mut command = zoomd(dir, &["run"]);
    // A campaign on another build than the one of these tests.
    if let Some(program) = std::env::var_os("CHAOS_ZOOMD") {
        let mut other = Command::new(program);
        other.arg("run").current_dir(dir).env_clear();
        command = other;
    }
    command.envs(env.iter().map(|(name, value)| (name, value))).env("ZOOMD_FAILPOINT", seam);
    if let Some(filter) = std::env::var_os("CHAOS_LOG") {
        command.env("ZOOMD_LOG", filter);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(File::create(&log).expect("a log file"));
    (command.spawn().expect("the binary starts"), log)
}
