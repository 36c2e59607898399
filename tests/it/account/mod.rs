//! `zoomd account …`, black box: the binary, a real Redis, the simulated Zoom,
//! and a browser that is a plain HTTP client.

mod add;
mod life;
mod login;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use redis_local::RedisServer;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use zoom_sim::{App, Config, Sim};
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::{AccountState, Grants};
use zoomd_store::streams::Stream;
use zoomd_store::{Store, StoreConfig, meta};
use zoomd_wire::AccountName;

use crate::support::browser::visit;
use crate::support::{Rig, job, until};

struct World {
    redis: RedisServer,
    sim: Sim,
    key: secrecy::SecretString,
    data: tempfile::TempDir,
    redirect: String,
}

impl World {
    async fn new() -> Self {
        Self::with(Config::unlimited()).await
    }

    async fn with(config: Config) -> Self {
        // The port is free now, and nobody else is told of it.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
        Self {
            redis: RedisServer::start().expect("redis-server is installed"),
            sim: Sim::start(config).await,
            key: KeyRing::generate_key(),
            data: tempfile::tempdir().expect("a folder"),
            redirect: format!("http://localhost:{}/zoom", port.port()),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zoomd"));
        command
            .args(args)
            .current_dir(self.data.path())
            .env("ZOOMD_REDIS_URL", self.redis.unix_url())
            .env("ZOOMD_ENCRYPTION_KEY", self.key.expose_secret())
            .env("ZOOMD_ZOOM_API_URL", format!("{}/v2", self.sim.url()))
            .env("ZOOMD_ZOOM_OAUTH_URL", self.sim.url())
            .env("ZOOMD_CLIENT_ID", "sim-client")
            .env("ZOOMD_CLIENT_SECRET", "sim-secret")
            .env("ZOOMD_REDIRECT_URL", &self.redirect)
            .env("ZOOMD_DATA_DIR", self.data.path())
            .stdin(Stdio::null());
        command
    }

    async fn run(&self, args: &[&str]) -> Output {
        finish(self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()).await
    }

    async fn run_with(&self, args: &[&str], input: String) -> Output {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut stdin = child.stdin.take().expect("piped");
        // A thread of its own: a child that writes before it reads must not block us.
        let fed = std::thread::spawn(move || {
            let _ = stdin.write_all(input.as_bytes());
        });
        let output = finish(Ok(child)).await;
        fed.join().expect("no panic");
        output
    }

    async fn json(&self, args: &[&str]) -> (Option<i32>, Value) {
        as_json(self.run(&[args, &["--json"]].concat()).await)
    }

    /// Starts a login and answers the process and the page it asks to open.
    async fn start_login(&self, args: &[&str]) -> (Login, String) {
        start_login(self.command(&[&["account", "login", "--json"], args].concat())).await
    }

    /// A whole login: the page is opened and the redirects are followed.
    async fn login(&self, args: &[&str], zoom_user: &str) -> (Option<i32>, Value, String) {
        let (login, page) = self.start_login(args).await;
        let answer = browse(&format!("{page}&sim_user={zoom_user}")).await;
        let (code, value) = login.end().await;
        (code, value, answer)
    }

    async fn grants(&self) -> Grants {
        let ring = KeyRing::parse(Some(&self.key), None).expect("a key");
        let store = Store::open(&StoreConfig::new(self.redis.unix_url(), "zoomd")).expect("a url");
        let vault = meta::open(&store, &ring).await.expect("our namespace");
        Grants::new(store, vault)
    }

    async fn stored_token(&self, account: &str) -> Option<String> {
        let name = AccountName::new(account).expect("a name");
        let (_, secrets) = self.grants().await.open(&name).await.expect("it opens")?;
        secrets.refresh_token.map(|token| token.expose_secret().to_owned())
    }

    async fn state(&self, account: &str) -> AccountState {
        let name = AccountName::new(account).expect("a name");
        self.grants().await.account(&name).await.expect("Redis").expect("it is there").state
    }

    fn no_violations(&self) {
        let violations = self.sim.violations();
        assert!(violations.is_empty(), "{violations:?}");
    }
}

struct Login {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Login {
    async fn end(mut self) -> (Option<i32>, Value) {
        let said = std::mem::take(&mut self.said);
        let rest = tokio::task::spawn_blocking(move || {
            let mut rest = String::new();
            let _ = self.stderr.read_to_string(&mut rest);
            let output = self.child.wait_with_output().expect("it ends");
            (output, rest)
        });
        let (output, rest) = rest.await.expect("no panic");
        for secret in ["sim-secret", "eyJ"] {
            assert!(!said.contains(secret) && !rest.contains(secret), "{said}{rest}");
        }
        as_json(output)
    }
}

/// Starts a login and answers the process and the page it asks to open.
async fn start_login(mut command: Command) -> (Login, String) {
    command.stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let read = tokio::task::spawn_blocking(move || {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if stderr.read_line(&mut line).expect("utf-8") == 0 {
                panic!("no page was printed: {said}");
            }
            said.push_str(&line);
            if let Some(page) = line.trim().strip_prefix("http") {
                return (stderr, said.clone(), format!("http{page}"));
            }
        }
    });
    let (stderr, said, page) = read.await.expect("no panic");
    (Login { child, stderr, said }, page)
}

async fn finish(child: std::io::Result<Child>) -> Output {
    let child = child.expect("the binary runs");
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    ended.await.expect("no panic").expect("it ends")
}

fn as_json(output: Output) -> (Option<i32>, Value) {
    let value = serde_json::from_slice(&output.stdout);
    (output.status.code(), value.unwrap_or_else(|e| panic!("{e}: {output:?}")))
}

/// Follows redirects as a browser does; answers the last page.
async fn browse(page: &str) -> String {
    let page = page.to_owned();
    tokio::task::spawn_blocking(move || visit(&page)).await.expect("no panic")
}
