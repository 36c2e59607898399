//! `zoomd account login` on a terminal, and beside a running zoomd.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use crate::public_endpoint::{Browser, PublicRig};
use crate::support::Rig;
use crate::support::terminal::Terminal;

/// A rig whose redirect URL has a free port.
async fn rig() -> Rig {
    let mut rig = Rig::start().await;
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    rig.set("ZOOMD_REDIRECT_URL", &format!("http://localhost:{}/zoom", port.port()));
    rig
}

/// The first address that a command shows.
fn page(shown: &str) -> String {
    let line = shown.lines().map(str::trim).find(|line| line.starts_with("http"));
    line.expect("an address").to_owned()
}

/// The address at which a browser ends that opens this page of Zoom.
fn ends_at(page: &str) -> String {
    let sent = Browser::default().get(page);
    sent.header("location").expect("a way back").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_paste_is_answered_and_asked_for_again() {
    let rig = rig().await;
    let _daemon = rig.daemon();
    let login = rig.command(&["account", "login", "acme", "--no-browser"]);
    let mut terminal = Terminal::start(login, 200);
    let shown = terminal.wait_for("paste that page's address here:");
    let asked = page(&shown);
    let right = ends_at(&asked);
    let (before, _) = right.split_once('?').expect("a query");
    let denied = ends_at(&format!("{asked}&sim_deny=1"));
    for (wrong, said) in [
        ("abc123", "this is not an address"),
        (before, "this address has no code from Zoom"),
        (&format!("{before}?code=abc&state=xyz"), "this address belongs to another login"),
        ("https://other.example.com/cb?code=abc&state=xyz", "belongs to another app or login"),
        (&asked, "this is the page to open"),
        (&denied, "access was declined at Zoom (access_denied)"),
    ] {
        let again = terminal.shown().matches("Paste the address again").count();
        terminal.type_line(wrong);
        terminal.wait_for(said);
        crate::support::until("the question", || {
            let asked = terminal.shown().matches("Paste the address again").count();
            (asked > again).then_some(())
        });
    }
    terminal.type_line(&right);
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("acme is connected"), "{shown}");
    // The next step is a command that works.
    let hint = shown.lines().find(|line| line.contains("zoomd enqueue")).expect("the next step");
    let (_, enqueue) = hint.split_once("zoomd enqueue").expect("a command");
    let args: Vec<_> = enqueue.split_whitespace().collect();
    rig.run(&[&["enqueue"], &args[..]].concat()).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_the_next_step_is_to_start_one() {
    let rig = rig().await;
    let login = rig.command(&["account", "login", "acme", "--no-browser"]);
    let terminal = Terminal::start(login, 200);
    let asked = page(&terminal.wait_for("paste that page's address here:"));
    assert_eq!(Browser::default().get(&ends_at(&asked)).status, 200);
    let (code, shown) = terminal.end();
    assert!(code == 0 && shown.contains("start one with zoomd run"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_consent_is_no_error_of_a_gateway() {
    let rig = rig().await;
    let login = rig.command(&["account", "login", "acme", "--no-browser"]);
    let terminal = Terminal::start(login, 200);
    let asked = page(&terminal.wait_for("paste that page's address here:"));
    let answer = Browser::default().get(&ends_at(&format!("{asked}&sim_deny=1")));
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.body.contains("access was declined at Zoom"), "{answer:?}");
    assert!(answer.body.contains("nothing was connected"), "{answer:?}");
    let (code, shown) = terminal.end();
    assert!(code == 4 && shown.contains("declined at Zoom"), "{shown}");
}

/// A login whose standard input is no terminal, once it has shown its page.
fn piped(
    public: &PublicRig,
    args: &[&str],
) -> (Child, String, BufReader<std::process::ChildStderr>) {
    let mut command = public.rig.command(&[&["account", "login"], args].concat());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    while !said.contains("  http") {
        assert!(stderr.read_line(&mut said).expect("UTF-8") > 0, "no page was shown: {said}");
    }
    (child, said, stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_endpoint_of_a_running_zoomd_is_used_and_not_stopped() {
    let mut public = PublicRig::new().await;
    let _daemon = public.rig.daemon();
    let (child, said, mut rest) = piped(&public, &["acme", "--plan", "business"]);
    assert!(said.contains("is the public endpoint of a running zoomd"), "{said}");
    assert_eq!(public.walk(&page(&said), "ada").status, 200);
    let ended = child.wait_with_output().expect("it ends");
    let (mut more, out) = (String::new(), String::from_utf8_lossy(&ended.stdout));
    rest.read_to_string(&mut more).expect("UTF-8");
    assert_eq!(ended.status.code(), Some(0), "{said}{more}");
    assert!(more.contains("acme is connected") && more.contains("zoomd enqueue"), "{more}");
    assert!(out.contains("business"), "{out}");
    assert_eq!(public.state("acme").await, Some("active"));

    // Nobody comes: the page is of no use afterwards.
    let (child, said, _rest) = piped(&public, &["beta", "--timeout", "1s"]);
    assert_eq!(child.wait_with_output().expect("it ends").status.code(), Some(4));
    assert_eq!(Browser::default().get(&page(&said)).status, 404);

    // That of another namespace is not.
    public.rig.set("ZOOMD_NAMESPACE", "other");
    let refused = public.rig.run(&["--json", "account", "login", "acme"]).expect(1);
    let error = &refused.json()["error"];
    assert!(error["message"].as_str().is_some_and(|m| m.contains("another namespace")), "{error}");
    assert!(!error["hint"].to_string().contains("stop"), "{error}");
    public.no_violations();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_the_address_of_another_machines_browser_is_taken_too() {
    let public = PublicRig::new().await;
    let _daemon = public.rig.daemon();
    let login = public.rig.command(&["account", "login", "acme", "--no-browser"]);
    let mut terminal = Terminal::start(login, 200);
    let shown = terminal.wait_for("paste that page's address here:");
    let mut pages = shown.lines().map(str::trim).filter(|line| line.starts_with("http"));
    let asked = pages.next_back().expect("Zoom's page");
    let back = ends_at(&format!("{asked}&sim_user=ada"));
    // A browser on this machine comes to the public endpoint, which says where to go.
    let told = Browser::default().get(&back);
    assert!(told.status == 400 && told.body.contains("paste it there"), "{told:?}");
    terminal.type_line(&back);
    let (code, shown) = terminal.end();
    assert!(code == 0 && shown.contains("acme is connected"), "{shown}");
    assert_eq!(public.state("acme").await, Some("active"));
    public.no_violations();
}
