//! A reader who types what a document says: a folder, the Redis users of
//! SECURITY.md, a simulated Zoom, a browser, and a second terminal for the daemon.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use super::fence::{Block, blocks};
use super::printed;
use super::terminal::{asked, watched};
use crate::support::{Daemon, Rig, binary};

/// Password of every Redis user, as SECURITY.md writes it.
const PASSWORD: &str = "PASSWORD";

/// One reader with a terminal.
pub struct Session {
    pub rig: Rig,
    bin: PathBuf,
    /// Words of the document, and what the reader types in their place.
    words: Vec<(String, String)>,
    /// `export` lines so far.
    exports: String,
    /// Answers to the questions of a command on a terminal.
    pub answers: Vec<(&'static str, &'static str)>,
    pub daemon: Option<Daemon>,
}

impl Session {
    /// A Redis with the users of SECURITY.md, and a Zoom with the app of the rig.
    pub async fn start() -> Self {
        let rig = Rig::start().await;
        let bin = rig.dir.path().join("bin");
        std::fs::create_dir(&bin).expect("a folder");
        symlink(binary(), bin.join("zoomd")).expect("linked");
        let mut session = Self {
            rig,
            bin,
            words: Vec::new(),
            exports: String::new(),
            answers: Vec::new(),
            daemon: None,
        };
        session.redis();
        session.browser();
        session
    }

    /// Puts a `redis-cli` on PATH that reaches the private Redis, and makes the users.
    fn redis(&mut self) {
        let port = self.rig.redis.port();
        let shim = format!(
            "#!/bin/sh\nPATH=${{PATH#*:}}\nexec redis-cli -p {port} ${{REDIS_USER:+--user $REDIS_USER \
             --pass {PASSWORD}}} --no-auth-warning \"$@\"\n"
        );
        let path = self.bin.join("redis-cli");
        std::fs::write(&path, shim).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
        let users = blocks("SECURITY.md").into_iter().filter(|block| block.kind == "redis");
        users.for_each(|block| drop(self.play(&block)));
        let url = self.redis_url("zoomd");
        self.rig.set("ZOOMD_REDIS_URL", &url);
    }

    /// Address of the private Redis for one of the users.
    pub fn redis_url(&self, user: &str) -> String {
        format!("redis://{user}:{PASSWORD}@127.0.0.1:{}", self.rig.redis.port())
    }

    /// Registers a redirect URL on a free port, for the one that documents name.
    fn browser(&mut self) {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
        let redirect = format!("http://localhost:{}/zoom", port.port());
        self.rig.set("ZOOMD_REDIRECT_URL", &redirect);
    }

    /// Sets the text that the reader types in the place of a word.
    pub fn word(&mut self, written: &str, typed: &str) {
        self.words.push((written.to_owned(), typed.to_owned()));
    }

    /// The text of a block, as the reader types it.
    fn typed(&self, text: &str) -> String {
        let replace = |text: String, (written, typed): &(String, String)| {
            let mut all = String::new();
            let mut rest = text.as_str();
            while let Some(at) = rest.find(written.as_str()) {
                let end = at + written.len();
                let whole = !joined(&rest[..at], &rest[end..]);
                all += &rest[..at];
                all += if whole { typed } else { written };
                rest = &rest[end..];
            }
            all + rest
        };
        self.words.iter().fold(text.to_owned(), replace)
    }

    /// The folder that comes first on PATH.
    pub fn bin(&self) -> &std::path::Path {
        &self.bin
    }

    /// Types a line of a document that stands in no block.
    pub fn type_as_written(&mut self, line: &str, at: &str) -> String {
        let typed = self.typed(line);
        self.type_in(&typed, at)
    }

    /// Plays all blocks of a document that hold commands; answers what they printed.
    pub fn play_all(&mut self, file: &str) -> String {
        let played = ["sh", "console", "redis", "env"];
        let blocks = blocks(file).into_iter().filter(|b| played.contains(&b.kind.as_str()));
        blocks.map(|block| self.play(&block)).collect()
    }

    pub fn play(&mut self, block: &Block) -> String {
        let text = self.typed(&block.text);
        match block.kind.as_str() {
            "sh" => commands(&text).iter().map(|line| self.type_in(line, &block.at())).collect(),
            "redis" => text.lines().map(|line| self.ask_redis(line, &block.at())).collect(),
            "console" => self.compare(&text, &block.at()),
            "env" => text.lines().map(|line| self.setting(line)).collect(),
            kind => panic!("{}: nobody plays {kind}", block.at()),
        }
    }

    fn setting(&mut self, line: &str) -> String {
        let (name, value) = line.split_once('=').expect("a setting");
        assert!(name.starts_with("ZOOMD_"), "{line}");
        self.rig.set(name, value);
        String::new()
    }

    /// Types one command into the terminal; the daemon gets one of its own.
    pub fn type_in(&mut self, line: &str, at: &str) -> String {
        let plain = line.split_once(" #").map_or(line, |(command, _)| command).trim();
        let script = format!("{}{line}", self.exports);
        match plain {
            "zoomd run" => {
                let command = self.rig.shell(&format!("{}exec zoomd run", self.exports), &self.bin);
                self.daemon = Some(self.rig.daemon_of(command));
                return String::new();
            }
            "zoomd init" => return self.on_a_terminal(plain, at),
            _ if plain.starts_with("export ") => self.exports += &format!("{line}\n"),
            _ => {}
        }
        let mut command = self.rig.shell(&format!("exec 2>&1\n{script}"), &self.bin);
        command.env("REDIS_USER", user_of(line));
        let (output, code) = watched(command);
        assert_eq!(code, Some(0), "{at}: {line}\n{output}");
        refuse_errors(&output, line, at);
        output
    }

    /// Sends a line to Redis as this user; an empty name is the default user.
    pub fn redis_cli(&self, user: &str, line: &str) -> String {
        let mut command = self.rig.shell("redis-cli --no-raw", &self.bin);
        command.env("REDIS_USER", user);
        crate::support::finish(command, line).stdout
    }

    fn ask_redis(&self, line: &str, at: &str) -> String {
        let answer = self.redis_cli(user_of(line), line);
        assert!(!answer.is_empty(), "{at}: {line}: no answer");
        refuse_errors(&answer, line, at);
        answer
    }

    /// Runs each `$` line, and compares what it prints with the lines below it.
    fn compare(&mut self, text: &str, at: &str) -> String {
        let mut printed = String::new();
        for part in text.split("$ ").skip(1) {
            let (line, wanted) = part.split_once('\n').expect("a command");
            let output = self.type_in(line, at);
            assert!(
                printed::same(wanted, &output),
                "{at}: {line}\n--- prints ---\n{output}--- is said to ---\n{wanted}"
            );
            printed += &output;
        }
        printed
    }

    /// Runs a command that asks questions, with [`Session::answers`].
    fn on_a_terminal(&self, line: &str, at: &str) -> String {
        let script = format!("{}exec script -qec '{line}' /dev/null", self.exports);
        let (output, code, left) = asked(self.rig.shell(&script, &self.bin), &self.answers);
        assert_eq!((code, left), (Some(0), 0), "{at}: {line}\n{output}");
        output
    }
}

/// A letter or `_` beside the word: it is a part of a longer one.
fn joined(before: &str, after: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    before.ends_with(part) || after.starts_with(part)
}

/// Lines of a block, those of one quoted text together.
fn commands(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        match all.last_mut().filter(|_| open) {
            Some(last) => *last += &format!("\n{line}"),
            None => all.push(line.to_owned()),
        }
        open ^= line.matches('\'').count() % 2 == 1;
    }
    all.retain(|line| !line.trim().is_empty());
    all
}

/// The Redis user that a command is meant for, by its keys.
fn user_of(line: &str) -> &'static str {
    match line {
        _ if line.contains("ACL ") => "",
        _ if line.contains(":jobs ") || line.contains(":reply:") => "producer",
        _ => "consumer",
    }
}

fn refuse_errors(output: &str, line: &str, at: &str) {
    for mark in ["NOPERM", "WRONGPASS", "ERR ", "(error)", "WRONGTYPE"] {
        assert!(!output.contains(mark), "{at}: {line}\n{output}");
    }
}
