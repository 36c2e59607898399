//! The child process: found on PATH, started, killed, started again.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::probe;

/// Time limit from the start of a server to its first answer.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(20);

/// Ports tried: another process may take one between our look and the server's.
const PORTS: u32 = 10;
/// Ports below those that systems give to outgoing connections, so that the port of a server that
/// is briefly down stays free.
const PORT_RANGE: std::ops::Range<u16> = 10_000..32_000;

/// Reason why no private server could be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither program is installed.
    #[error("neither redis-server nor valkey-server is on PATH, and ZOOMD_REDIS_SERVER names none")]
    NotInstalled,
    /// The folder, the port or the process could not be made.
    #[error("private redis: {0}")]
    Io(#[from] std::io::Error),
    /// The server ended or stayed silent; the last lines of its log follow.
    #[error("private redis did not answer: {0}")]
    Silent(String),
}

/// Options for starting the server.
#[derive(Debug, Clone)]
pub struct Options {
    /// `appendfsync`: `always`, `everysec` or `no`; `None` switches the AOF off.
    pub aof: Option<&'static str>,
    /// Further arguments, as on the command line; `{port}` stands for the port.
    pub args: Vec<String>,
    /// The server's own process group, so that Ctrl-C on a terminal reaches
    /// only the program that owns it.
    pub own_group: bool,
    /// The port; `None` takes a free one.
    pub port: Option<u16>,
}

impl Default for Options {
    fn default() -> Self {
        Self { aof: Some("everysec"), args: Vec::new(), own_group: true, port: None }
    }
}

/// A running private server; killed and reaped when dropped.
#[derive(Debug)]
pub struct RedisServer {
    program: PathBuf,
    options: Options,
    folder: Folder,
    port: u16,
    child: Option<Child>,
}

#[derive(Debug)]
enum Folder {
    Own(tempfile::TempDir),
    Given(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Own(dir) => dir.path(),
            Self::Given(path) => path,
        }
    }
}

impl RedisServer {
    /// Starts a server with an AOF in a temporary folder and waits until it answers.
    pub fn start() -> Result<Self, Error> {
        Self::start_with(Options::default())
    }

    /// Like [`start`](Self::start), with options.
    pub fn start_with(options: Options) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("zoomd-redis-").tempdir()?;
        Self::launch(Folder::Own(folder), options)
    }

    /// Starts a server on the data in `folder`, which stays when it ends.
    pub fn start_in(folder: &Path, options: Options) -> Result<Self, Error> {
        std::fs::create_dir_all(folder)?;
        Self::launch(Folder::Given(folder.to_owned()), options)
    }

    fn launch(folder: Folder, options: Options) -> Result<Self, Error> {
        let program = find_program().ok_or(Error::NotInstalled)?;
        let mut server = Self { program, options, folder, port: 0, child: None };
        if let Some(port) = server.options.port {
            server.port = port;
            return server.restart().map(|()| server);
        }
        for _ in 1..PORTS {
            server.port = free_port()?;
            match server.restart() {
                Err(Error::Silent(log)) if log.contains("ddress already in use") => {}
                started => return started.map(|()| server),
            }
        }
        server.port = free_port()?;
        server.restart().map(|()| server)
    }

    /// Starts the server again on the same folder and port (after
    /// [`kill`](Self::kill) or [`stop`](Self::stop)) and waits until it answers.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.kill();
        let _ = std::fs::remove_file(self.socket());
        self.child = Some(self.command().spawn()?);
        let start = Instant::now();
        while !probe::answers(&self.socket()) {
            let ended = self.child.as_mut().is_some_and(|c| matches!(c.try_wait(), Ok(Some(_))));
            if ended || start.elapsed() > START_LIMIT {
                let log = std::fs::read_to_string(self.log()).unwrap_or_default();
                let tail: Vec<_> = log.lines().rev().take(5).collect();
                self.kill();
                return Err(Error::Silent(tail.into_iter().rev().collect::<Vec<_>>().join(" | ")));
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--port").arg(self.port.to_string());
        command.args(["--bind", "127.0.0.1", "--save", "", "--maxmemory-policy", "noeviction"]);
        command.args(["--unixsocketperm", "700"]);
        command.arg("--dir").arg(self.dir()).arg("--unixsocket").arg(self.socket());
        command.arg("--logfile").arg(self.log());
        match self.options.aof {
            Some(fsync) => command.args(["--appendonly", "yes", "--appendfsync", fsync]),
            None => command.args(["--appendonly", "no"]),
        };
        let port = self.port.to_string();
        command.args(self.options.args.iter().map(|arg| arg.replace("{port}", &port)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if self.options.own_group {
            use std::os::unix::process::CommandExt as _;
            command.process_group(0);
        }
        command
    }

    /// `redis://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// `unix:///…/redis.sock`.
    #[must_use]
    pub fn unix_url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Sends one command of plain words (no spaces, no quotes) and answers what
    /// the server said, in its own protocol's form.
    pub fn ask(&self, words: &[&str]) -> std::io::Result<String> {
        probe::ask(&self.socket(), words)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Folder of the server's data.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// The program that runs, as found on PATH.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The server's process id, while one runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    fn socket(&self) -> PathBuf {
        self.dir().join("redis.sock")
    }

    fn log(&self) -> PathBuf {
        self.dir().join("redis.log")
    }

    /// Sends `kill -9` and waits until the process has exited. Data and port are kept.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends SIGTERM and waits until the process has exited. Data and port are kept.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }

    /// A server that follows this one, once it has all its data.
    ///
    /// # Errors
    /// Also fails if the replica does not follow within 20 s.
    pub fn replica(&self, mut options: Options) -> Result<Self, Error> {
        self.ask(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"])?;
        options.args.extend(["--replicaof", "127.0.0.1", &self.port.to_string()].map(String::from));
        let replica = Self::start_with(options)?;
        let begun = Instant::now();
        let here = format!("port={},state=online", replica.port);
        while !self.ask(&["INFO", "replication"])?.contains(&here) {
            if begun.elapsed() > START_LIMIT {
                return Err(Error::Silent("it does not follow".to_owned()));
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        Ok(replica)
    }

    /// Sends a signal, such as STOP and CONT, to the server.
    pub fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(|c| Pid::from_raw(c.id().cast_signed()));
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Picks a random free port of the range.
pub(crate) fn free_port() -> std::io::Result<u16> {
    use std::hash::{BuildHasher as _, RandomState};
    let mut taken = None;
    for _ in 0..100 {
        let chance = RandomState::new().hash_one(Instant::now());
        let among = u64::from(PORT_RANGE.end - PORT_RANGE.start);
        let port = PORT_RANGE.start + u16::try_from(chance % among).unwrap_or(0);
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) => taken = Some(error),
        }
    }
    Err(taken.unwrap_or_else(|| std::io::Error::other("no free port")))
}

/// Names the server program; without it the first on PATH is taken.
const PROGRAM: &str = "ZOOMD_REDIS_SERVER";

pub(crate) fn find_program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os(PROGRAM).filter(|program| !program.is_empty()) {
        return Some(program.into());
    }
    let path = std::env::var_os("PATH")?;
    let wanted = ["redis-server", "valkey-server"];
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let candidates = wanted.iter().flat_map(|name| folders.iter().map(move |f| f.join(name)));
    candidates.into_iter().find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_fsynced_outlives_a_kill() {
        let mut server = RedisServer::start().expect("redis-server is installed");
        let first = server.pid();
        server.kill();
        assert!(server.pid().is_none());
        server.restart().expect("starts again");
        assert_ne!(server.pid(), first);
    }

    #[test]
    fn the_process_ends_with_the_value() {
        let server = RedisServer::start().expect("redis-server is installed");
        let (socket, dir) = (server.socket(), server.dir().to_owned());
        assert!(probe::answers(&socket));
        drop(server);
        assert!(!probe::answers(&socket));
        assert!(!dir.exists());
    }
}
