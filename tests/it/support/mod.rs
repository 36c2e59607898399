//! Base of the black-box tests: a private Redis, a simulated Zoom, and the real binary with
//! nothing of the tester's environment but PATH.
//!
//! Waits have limits and end with what was seen instead; children die with
//! their values.

#![allow(dead_code, reason = "each test uses a part of it")]

pub mod browser;
pub mod chromium;
pub mod collector;
mod daemon;
pub mod http;
pub mod schema;
pub mod scrape;
pub mod snapshot;
pub mod terminal;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use redis_local::{Options, RedisServer};
use serde_json::Value;
use zoom_sim::{Config, Sim};
use zoomd_store::streams::{Item, Stream, Tail, enqueue};
use zoomd_store::{Store, StoreConfig};

pub use daemon::Daemon;

/// Longest wait before a test gives up. It allows for a busy machine and is no promise;
/// promised times are asserted where they matter.
pub const LIMIT: Duration = Duration::from_secs(60);
/// Between two askings: many tests ask by starting a process.
const PAUSES: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(5)..=Duration::from_millis(80);
/// The key of every test.
pub const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A Redis, a Zoom, a folder, and the settings that join them.
pub struct Rig {
    pub redis: RedisServer,
    pub sim: Sim,
    pub dir: tempfile::TempDir,
    env: Vec<(String, String)>,
}

/// Result of a command.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Fails the test unless the command ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        let text = &self.stdout;
        serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}\n{}", self.stderr))
    }

    /// Standard output as JSON documents, one a line.
    #[track_caller]
    pub fn jsonl(&self) -> Vec<Value> {
        let read = |l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"));
        self.stdout.lines().map(read).collect()
    }
}

impl Rig {
    /// A healthy Redis with an AOF, and a Zoom that limits nothing.
    pub async fn start() -> Self {
        Self::with(Options::default(), Config::unlimited()).await
    }

    /// With a Redis and a Zoom of the test's choice.
    pub async fn with(redis: Options, zoom: Config) -> Self {
        let redis = RedisServer::start_with(redis).expect("redis-server is installed");
        let sim = Sim::start(zoom).await;
        let dir = tempfile::tempdir().expect("a temporary folder");
        let data = dir.path().join("data");
        let env = [
            ("ZOOMD_REDIS_URL", redis.unix_url()),
            ("ZOOMD_ENCRYPTION_KEY", KEY.to_owned()),
            ("ZOOMD_CLIENT_ID", "sim-client".to_owned()),
            ("ZOOMD_CLIENT_SECRET", "sim-secret".to_owned()),
            ("ZOOMD_ZOOM_API_URL", format!("{}/v2", sim.url())),
            ("ZOOMD_ZOOM_OAUTH_URL", sim.url().to_owned()),
            ("ZOOMD_DATA_DIR", data.display().to_string()),
            ("ZOOMD_LISTEN", "127.0.0.1:0".to_owned()),
            ("ZOOMD_LOG", "info".to_owned()),
        ];
        let env = env.map(|(k, v)| (k.to_owned(), v)).into();
        Self { redis, sim, dir, env }
    }

    /// Sets, or with an empty value unsets, a variable of all commands to come.
    pub fn set(&mut self, name: &str, value: &str) {
        self.env.retain(|(k, _)| k != name);
        if !value.is_empty() {
            self.env.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The binary, ready to be started in the rig's folder.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_of(&binary(), args)
    }

    /// The command, run by another build.
    pub fn command_of(&self, program: &OsStr, args: &[&str]) -> Command {
        let mut command = bare(program, self.dir.path());
        command.args(args);
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }

    /// A line of a shell with the settings of the rig, in the rig's folder. It finds
    /// programs in `bin` first.
    pub fn shell(&self, line: &str, bin: &Path) -> Command {
        let mut command = bare("sh", self.dir.path());
        command.args(["-euc", line]).envs(self.env.iter().map(|(k, v)| (k, v)));
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(bin.to_owned()).chain(std::env::split_paths(&paths));
        command.env("PATH", std::env::join_paths(paths).expect("no colon in a folder"));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        finish(self.command(args), "")
    }

    /// Runs a command with this text on its standard input.
    pub fn run_with(&self, args: &[&str], stdin: &str) -> Ran {
        finish(self.command(args), stdin)
    }

    /// A daemon, ready.
    pub fn daemon(&self) -> Daemon {
        let daemon = Daemon::spawn(self.command(&["run"]), self.dir.path());
        daemon.wait_ready();
        daemon
    }

    /// A daemon that is started otherwise than by the binary itself, ready.
    pub fn daemon_of(&self, command: Command) -> Daemon {
        let daemon = Daemon::spawn(command, self.dir.path());
        daemon.wait_ready();
        daemon
    }

    /// A daemon that may not come to be ready.
    pub fn daemon_unchecked(&self) -> Daemon {
        Daemon::spawn(self.command(&["run"]), self.dir.path())
    }

    /// A daemon whose stderr is this, once `zoomd healthcheck` finds it ready.
    pub fn daemon_to(&mut self, stderr: impl Into<Stdio>) -> Daemon {
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = port.local_addr().expect("its address").to_string();
        drop(port);
        self.set("ZOOMD_LISTEN", &address);
        let daemon = Daemon::spawn_to(self.command(&["run"]), stderr.into(), Some(address));
        until("a daemon that is ready", || (self.run(&["healthcheck"]).code == 0).then_some(()));
        daemon
    }

    /// Sends one command to the private Redis, over a connection of its own.
    pub fn redis_cli(&self, args: &[&str]) -> String {
        let answer = self.redis.ask(args).expect("redis answers");
        assert!(!answer.starts_with('-'), "{args:?}: {answer}");
        answer
    }

    /// The namespace, for looking at and writing to it directly.
    pub async fn store(&self) -> Store {
        let config = StoreConfig::new(self.redis.url(), "zoomd");
        Store::connect(&config).await.expect("redis answers")
    }

    /// Connects `account` to the simulated user of the same name.
    pub fn connect(&self, account: &str) {
        let token = self.sim.grant(account).refresh_token.expect("a refresh token");
        let args = ["account", "add", account, "--refresh-token-file", "-"];
        self.run_with(&args, &token).expect(0);
    }

    /// Adds an entry to the producers' stream, as any producer would.
    pub async fn xadd(&self, job: &str) -> String {
        let ids = enqueue(&self.store().await, &[job]).await.expect("added");
        ids.into_iter().next().expect("one id")
    }

    /// Waits for the outcome of a job: its stream, and its JSON.
    pub async fn outcome(&self, job_id: &str) -> (Stream, Value) {
        let item = self.wait_item(|item| item.field("job_id") == job_id).await;
        let field = if item.stream == Stream::Results { "result" } else { "failure" };
        (item.stream, serde_json::from_str(item.field(field)).expect("JSON"))
    }

    /// Waits for a result or failure that `wanted` recognises.
    pub async fn wait_item(&self, wanted: impl Fn(&Item) -> bool) -> Item {
        let store = self.store().await;
        let mut tail = Tail::from_start(&store, &[Stream::Results, Stream::Failures]);
        let end = Instant::now() + LIMIT;
        let mut seen = 0;
        while Instant::now() < end {
            let items = tail.next(Duration::from_millis(200), 1000).await.expect("redis answers");
            seen += items.len();
            items.iter().for_each(schema::holds);
            if let Some(item) = items.into_iter().find(&wanted) {
                return item;
            }
        }
        panic!("no such outcome within {LIMIT:?}; {seen} others came");
    }
}

/// A job of type 2 that starts in two days.
pub fn job(account: &str, id: &str) -> String {
    let start = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(48);
    let start = start.strftime("%Y-%m-%dT%H:00:00Z");
    serde_json::json!({
        "id": id, "account": account,
        "meeting": {"topic": format!("Sync {id}"), "type": 2, "start_time": start.to_string(), "duration": 30},
    })
    .to_string()
}

/// The binary with a bare environment, in `dir`.
pub fn zoomd(dir: &Path, args: &[&str]) -> Command {
    let mut command = bare(binary(), dir);
    command.args(args);
    command
}

/// The program under test.
pub fn binary() -> std::ffi::OsString {
    // A measurement is taken of an optimised one.
    std::env::var_os("ZOOMD_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_zoomd").into())
}

fn bare(program: impl AsRef<std::ffi::OsStr>, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", dir);
    command
}

/// Runs a command to its end, however it ends.
pub fn finish(mut command: Command, stdin: &str) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut input = child.stdin.take().expect("piped");
    // A command that does not read its input closes it early.
    let _ = input.write_all(stdin.as_bytes());
    drop(input);
    let output = child.wait_with_output().expect("the command ends");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Asks again and again until there is an answer; fails the test after [`LIMIT`].
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let (end, mut pause) = (Instant::now() + LIMIT, *PAUSES.start());
    while Instant::now() < end {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::park_timeout(pause);
        pause = (pause * 2).min(*PAUSES.end());
    }
    panic!("{what}: not within {LIMIT:?}");
}
