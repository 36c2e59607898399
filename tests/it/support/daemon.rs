//! A daemon of the tests: the real binary, its log in a file, killed when dropped.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::until;

/// A running daemon.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    /// Address it listens on, if its log does not say.
    at: Option<String>,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Daemon {
    pub(super) fn spawn(command: Command, dir: &Path) -> Self {
        let log = dir.join(format!("daemon-{}.log", COUNT.fetch_add(1, Ordering::Relaxed)));
        let file = File::create(&log).expect("a log file");
        let mut daemon = Self::spawn_to(command, file.into(), None);
        daemon.log = log;
        daemon
    }

    /// One whose log goes elsewhere, and which listens at `at`.
    pub(super) fn spawn_to(mut command: Command, stderr: Stdio, at: Option<String>) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        Self { child: command.spawn().expect("the binary starts"), log: PathBuf::new(), at }
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits for a line of the log that holds `text`.
    pub fn wait_log(&self, text: &str) -> Value {
        let line = until(&format!("\"{text}\" in the log"), || {
            self.log().lines().find(|l| l.contains(text)).map(ToOwned::to_owned)
        });
        serde_json::from_str(&line).expect("the log is JSON")
    }

    /// Waits until it takes work.
    pub fn wait_ready(&self) {
        self.wait_log("zoomd is ready");
    }

    /// Address of its HTTP port.
    pub fn address(&self) -> String {
        if let Some(at) = &self.at {
            return at.clone();
        }
        let line = self.wait_log("\"listen\"");
        line["listen"].as_str().expect("an address").to_owned()
    }

    /// Asks its HTTP port: the status and the body.
    pub fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.ask("GET", path, "", "");
        (status, body)
    }

    /// Asks its HTTP port, with these lines in the head, each with its end: the status, the
    /// head and the body.
    pub fn ask(&self, method: &str, path: &str, lines: &str, body: &str) -> (u16, String, String) {
        let address = self.address();
        let mut stream = TcpStream::connect(&address).expect("the port is open");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{lines}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        if path == "/metrics" {
            super::scrape::are_listed(body);
        }
        let status = head.split_whitespace().nth(1).and_then(|s| s.parse().ok());
        (status.expect("a status"), head.to_owned(), body.to_owned())
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process id");
        kill_process(pid, signal).expect("the process is there");
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits for its end.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        until("the end of the daemon", || self.ended())
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("asked")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            // The test's own output is where a reader looks for it.
            let _ = writeln!(std::io::stderr(), "the daemon's log:\n{}", self.log());
        }
    }
}
