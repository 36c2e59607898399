//! A sentinel of a private server: for what happens when it moves its master.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::probe;
use crate::server::{Error, RedisServer, START_LIMIT, find_program, free_port};

/// The name under which it knows the master.
pub const MASTER: &str = "mymaster";

/// A running sentinel; killed and reaped when dropped.
#[derive(Debug)]
pub struct Sentinel {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Sentinel {
    /// Watches `master` under the name [`MASTER`]; `quorum` sentinels must agree that
    /// it is down. Each of `settings` is a line of its file.
    pub fn watching(master: &RedisServer, quorum: u32, settings: &[&str]) -> Result<Self, Error> {
        let program = find_program().ok_or(Error::NotInstalled)?;
        let folder = tempfile::Builder::new().prefix("zoomd-sentinel-").tempdir()?;
        let (port, at) = (free_port()?, folder.path().display());
        let mut text = format!(
            "port {port}\nbind 127.0.0.1\nunixsocket {at}/redis.sock\nlogfile {at}/sentinel.log\n\
             sentinel monitor {MASTER} 127.0.0.1 {} {quorum}\n",
            master.port()
        );
        for line in settings {
            text.extend([line, "\n"]);
        }
        let file = folder.path().join("sentinel.conf");
        std::fs::write(&file, text)?;
        let mut command = Command::new(program);
        command.arg(&file).arg("--sentinel").current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut sentinel = Self { child: command.spawn()?, port, folder };
        let begun = Instant::now();
        while !probe::answers(&sentinel.socket()) {
            let ended = matches!(sentinel.child.try_wait(), Ok(Some(_)));
            if ended || begun.elapsed() > START_LIMIT {
                let log = sentinel.folder.path().join("sentinel.log");
                return Err(Error::Silent(std::fs::read_to_string(log).unwrap_or_default()));
            }
            std::thread::park_timeout(std::time::Duration::from_millis(2));
        }
        Ok(sentinel)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends one command of plain words and answers what the sentinel said.
    pub fn ask(&self, words: &[&str]) -> std::io::Result<String> {
        probe::ask(&self.socket(), words)
    }

    /// The port of the master, as this sentinel knows it.
    #[must_use]
    pub fn master(&self) -> Option<u16> {
        let place = self.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER]).ok()?;
        place.lines().filter_map(|line| line.trim().parse().ok()).next_back()
    }

    /// Sends a signal, such as STOP and CONT, to the sentinel.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, signal);
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
