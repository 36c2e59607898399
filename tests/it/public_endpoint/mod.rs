//! The public endpoint, black box: a real daemon, a browser that is a plain HTTP
//! client with cookies, and a simulated Zoom that checks PKCE.

mod browser;
mod consent;
mod webhook;

use std::net::TcpListener;

use zoom_sim::{Config, Event};
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::{AccountRecord, Grants};
use zoomd_store::meta;
use zoomd_wire::AccountName;

use crate::support::{Daemon, KEY, Rig, until};
pub use browser::Browser;
use browser::Reply;

const SECRET: &str = "webhook-s3cret";

/// A rig whose daemons have a public endpoint.
pub struct PublicRig {
    pub rig: Rig,
    at: String,
}

impl PublicRig {
    pub async fn new() -> Self {
        let mut rig = Rig::with(redis_local::Options::default(), Config::unlimited()).await;
        let at = free_address();
        let url = format!("http://{}", at.replace("127.0.0.1", "localhost"));
        rig.set("ZOOMD_PUBLIC_LISTEN", &at);
        rig.set("ZOOMD_PUBLIC_URL", &url);
        rig.set("ZOOMD_REDIRECT_URL", &format!("{url}/zoom"));
        rig.set("ZOOMD_WEBHOOK_SECRET", SECRET);
        Self { rig, at }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at.replace("127.0.0.1", "localhost"))
    }

    /// A new link for `account`.
    pub fn link(&self, account: &str, more: &[&str]) -> String {
        let args = [&["--json", "account", "connect-link", account], more].concat();
        let made = self.rig.run(&args).expect(0).json();
        made["url"].as_str().expect("a link").to_owned()
    }

    /// Target of the button of a link, as this Zoom user.
    fn press(&self, browser: &mut Browser, link: &str, zoom_user: &str) -> String {
        let sent = browser.post(link);
        assert_eq!(sent.status, 303, "{sent:?}");
        format!("{}&sim_user={zoom_user}", sent.header("location").expect("a place"))
    }

    /// The whole way of a person through a link.
    pub fn walk(&self, link: &str, zoom_user: &str) -> Reply {
        let mut browser = Browser::default();
        let invited = browser.get(link);
        assert_eq!(invited.status, 200, "{invited:?}");
        let zoom = self.press(&mut browser, link, zoom_user);
        let sent = browser.get(&zoom);
        assert_eq!(sent.status, 302, "{sent:?}");
        browser.get(sent.header("location").expect("a way back"))
    }

    async fn grants(&self) -> Grants {
        let ring = KeyRing::parse(Some(&KEY.into()), None).expect("a key");
        let store = self.rig.store().await;
        let vault = meta::open(&store, &ring).await.expect("our namespace");
        Grants::new(store, vault)
    }

    async fn account(&self, name: &str) -> Option<AccountRecord> {
        let name = AccountName::new(name).expect("a name");
        self.grants().await.account(&name).await.expect("redis")
    }

    pub async fn state(&self, name: &str) -> Option<&'static str> {
        self.account(name).await.map(|account| account.state.as_str())
    }

    /// The refresh token that is stored for an account.
    async fn stored(&self, name: &str) -> Option<String> {
        use secrecy::ExposeSecret as _;
        let name = AccountName::new(name).expect("a name");
        let (_, secrets) = self.grants().await.open(&name).await.expect("it opens")?;
        secrets.refresh_token.map(|token| token.expose_secret().to_owned())
    }

    /// The public events so far: name, account, and all of it.
    fn events(&self) -> String {
        self.rig.redis_cli(&["XRANGE", "zoomd:events", "-", "+"])
    }

    pub fn no_violations(&self) {
        let violations = self.rig.sim.violations();
        assert!(violations.is_empty(), "{violations:?}");
    }
}

/// Free now, and nobody else is told of it.
fn free_address() -> String {
    let taken = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    taken.expect("a port").to_string()
}

/// A log without a secret in it.
#[track_caller]
fn keeps_secrets(daemon: &Daemon, secrets: &[&str]) {
    let log = daemon.log();
    for secret in secrets {
        assert!(!log.contains(secret), "the log tells {secret}");
    }
    assert!(!log.contains("eyJ"), "the log tells a token");
}

#[tokio::test]
async fn a_link_needs_an_address_and_a_sensible_life() {
    let public = PublicRig::new().await;
    let made = public.rig.run(&["--json", "account", "connect-link", "acme"]).expect(0).json();
    let until = made["expires_at"].as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok());
    let life = until.expect("a time").as_second() - jiff::Timestamp::now().as_second();
    assert!((7 * 86_400 - 60..=7 * 86_400).contains(&life), "{life}");
    let (url, token) = (public.url("/connect/"), made["url"].as_str().expect("a link"));
    assert_eq!(token.strip_prefix(&url).map(str::len), Some(43), "{token}");
    let people = public.rig.run(&["account", "connect-link", "acme", "--ttl", "2d"]).expect(0);
    assert!(people.stdout.starts_with(&url) && people.stdout.lines().count() == 1);
    for bad in ["1s", "31d", "soon", "-1d"] {
        public.rig.run(&["account", "connect-link", "acme", "--ttl", bad]).expect(2);
    }
    let dump = public.rig.redis_cli(&["KEYS", "zoomd:v1:link:*"]);
    assert!(dump.contains("link:") && !dump.contains(&token[url.len()..]), "{dump}");

    let mut closed = public;
    closed.rig.set("ZOOMD_PUBLIC_URL", "");
    let refused = closed.rig.run(&["--json", "account", "connect-link", "acme"]).expect(2);
    assert_eq!(refused.json()["error"]["code"], "no_public_endpoint");
    let told = closed.rig.run(&["--json", "doctor", "--offline"]).stdout;
    assert!(told.contains("so links cannot be created"), "{told}");
    closed.rig.set("ZOOMD_PUBLIC_URL", "https://elsewhere.example.com");
    let told = closed.rig.run(&["--json", "doctor", "--offline"]).stdout;
    assert!(told.contains("is not at https://elsewhere.example.com"), "{told}");
    let warned = closed.rig.run(&["account", "connect-link", "acme"]).expect(0);
    assert!(warned.stderr.contains("ZOOMD_REDIRECT_URL"), "{}", warned.stderr);
}

#[tokio::test]
async fn no_other_path_is_served() {
    let public = PublicRig::new().await;
    let daemon = public.rig.daemon();
    let mut browser = Browser::default();
    for path in [
        "/",
        "/metrics",
        "/livez",
        "/readyz",
        "/connect",
        "/connect/",
        "/api/v1",
        "/zoom/x",
        "/.env",
    ] {
        let reply = browser.get(&public.url(path));
        assert_eq!(reply.status, 404, "{path}: {reply:?}");
        assert!(!reply.body.contains("zoomd_"), "{path}");
    }
    let (status, _) = daemon.get("/metrics");
    assert_eq!(status, 200, "the operators' port has it");
    assert_eq!(daemon.get("/connect/x").0, 404, "and has no links");
    let link = public.link("acme", &[]);
    for (method, url, allowed) in [
        ("DELETE", link.as_str(), "GET, HEAD, POST"),
        ("POST", &public.url("/zoom"), "GET"),
        ("HEAD", &public.url("/zoom"), "GET"),
        ("GET", &public.url("/webhook"), "POST"),
    ] {
        let refused = browser.send(method, url, &[], "");
        assert_eq!((refused.status, refused.header("allow")), (405, Some(allowed)), "{method}");
    }
    let long = "x".repeat(80 << 10);
    assert_eq!(browser.send("POST", &link, &[], &long).status, 413);
    assert_eq!(browser.send("POST", &public.url("/webhook"), &[], &long).status, 413);
}

#[tokio::test]
async fn who_comes_too_often_is_told_to_wait() {
    let public = PublicRig::new().await;
    let _daemon = public.rig.daemon();
    let mut browser = Browser::default();
    let unknown = public.url(&format!("/connect/{}", "A".repeat(43)));
    let statuses: Vec<u16> = (0..150).map(|_| browser.get(&unknown).status).collect();
    assert_eq!(statuses[..50], [404; 50]);
    assert!(statuses.contains(&429), "{statuses:?}");
    // Behind a proxy on this machine each client has a rate of its own.
    let other = browser.send("GET", &unknown, &[("X-Forwarded-For", "203.0.113.9")], "");
    assert_eq!(other.status, 404);
    // Zoom is not held up by others.
    let (url, event) = (public.url("/webhook"), Event::UrlValidation { plain_token: "p".into() });
    let told = public.rig.sim.send_webhook(&url, SECRET, event);
    assert_eq!(told.await.expect("answered").status, 200);
}
