//! The console without a browser: what its pages say, and what they may not hold.

mod acts;
mod browser;
mod limits;
mod many;
mod people;

use serde_json::json;

use crate::support::{Daemon, Rig, job, until};

/// Pages that need no job.
const PAGES: [&str; 13] = [
    "/",
    "/jobs",
    "/jobs?state=failed&account=acme",
    "/meetings",
    "/meetings?account=acme&past=yes",
    "/accounts",
    "/accounts/acme",
    "/limits",
    "/failures",
    "/live",
    "/audit",
    "/system",
    "/sign-in",
];

#[track_caller]
fn page(daemon: &Daemon, path: &str) -> String {
    let (status, head, body) = daemon.ask("GET", path, "", "");
    assert_eq!(status, 200, "{path}: {head}\n{body}");
    check(path, &head, &body);
    body
}

/// Properties of every page, error pages included.
#[track_caller]
fn check(path: &str, head: &str, body: &str) {
    let head = head.to_lowercase();
    assert!(head.contains("content-security-policy: default-src 'self'; "), "{path}: {head}");
    assert!(!head.contains("unsafe"), "{path}: {head}");
    for tag in body.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        let name = tag.split_whitespace().next().unwrap_or_default();
        assert_ne!(name, "style", "{path}: <{tag}>");
        assert!(name != "script" || tag.contains(" src=\"/assets/"), "{path}: <{tag}>");
        for forbidden in [" style=", " onclick=", " onload=", " onerror=", "javascript:", " hx-on"]
        {
            assert!(!tag.contains(forbidden), "{path}: <{tag}>");
        }
        let elsewhere = tag.contains(" src=\"http") || (name == "link" && tag.contains("http"));
        assert!(!elsewhere, "{path}: <{tag}>");
    }
}

fn post(daemon: &Daemon, path: &str, form: &str) -> (u16, String) {
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let (status, head, body) = daemon.ask("POST", path, kind, form);
    check(path, &head, &body);
    (status, body)
}

/// A job that waits for tomorrow, with this topic.
fn tomorrow(account: &str, id: &str, topic: &str) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(20 * 60 + 30);
    let mut value: serde_json::Value = serde_json::from_str(&job(account, id)).expect("JSON");
    value["not_before"] = json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    value["meeting"]["topic"] = json!(topic);
    value["meeting"]["password"] = json!("hunter22");
    value.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_says_why_and_until_when() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    PAGES.iter().for_each(|path| drop(page(&daemon, path)));
    let topic = "<script>alert(1)</script> \u{202e}\"x\" &amp; '<b>";
    rig.xadd(&tomorrow("acme", "order-1", topic)).await;
    let said = until("a job that sleeps", || {
        let (status, _, body) = daemon.ask("GET", "/jobs/order-1", "", "");
        (status == 200 && body.contains("class=\"chip sleeping\"")).then_some(body)
    });
    check("/jobs/order-1", "content-security-policy: default-src 'self'; ", &said);
    assert!(said.contains("<h2>Scheduled for later (not_before)</h2>"), "{said}");
    assert!(said.contains("its own not_before time") && said.contains(">in 20h "), "{said}");
    assert!(!said.contains("<script>alert") && !said.contains("hunter22"), "{said}");
    let listed = page(&daemon, "/jobs?state=sleeping");
    assert!(listed.contains("href=\"/jobs/order-1\""), "{listed}");
    // The numbers are of the last two seconds.
    until("the reason on the first page", || {
        page(&daemon, "/").contains("Scheduled for later (not_before)").then_some(())
    });
    let found = page(&daemon, "/jobs?account=acme&q=%3Cscript%3EALERT");
    assert!(found.contains("href=\"/jobs/order-1\""), "{found}");
    assert!(!page(&daemon, "/jobs?account=acme&q=other").contains("href=\"/jobs/order-1\""));
    let (status, head, _) = daemon.ask("GET", "/jobs?q=order-1", "", "");
    assert_eq!(status, 303, "{head}");
    let (status, head, body) = daemon.ask("GET", "/jobs/%3Cscript%3E1", "", "");
    assert_eq!(status, 404);
    check("a job that is not there", &head, &body);
    assert!(body.contains("no job &#60;script&#62;1"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_one_meeting_name_each_other() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.xadd(&tomorrow("acme", "order-1", "Sync")).await;
    let update = json!({
        "id": "rename-1", "kind": "update_meeting", "account": "acme", "of": "order-1",
        "meeting": {"topic": "Board"},
    });
    rig.xadd(&update.to_string()).await;
    let names = |of: &str, other: &str| {
        until("the job of the same meeting", || {
            let (_, body) = daemon.get(&format!("/jobs/{of}"));
            let (_, facts) = body.split_once("<dt>Same meeting</dt>")?;
            facts.split("</dl>").next()?.contains(&format!("\"/jobs/{other}\"")).then_some(())
        });
    };
    names("order-1", "rename-1");
    names("rename-1", "order-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_tells_nothing_new_is_not_sent_again() {
    let rig = Rig::start().await;
    let daemon = rig.daemon();
    until("an answer without a body", || {
        let (_, head, _) = daemon.ask("GET", "/jobs", "", "");
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("a tag");
        let (status, _, body) =
            daemon.ask("GET", "/jobs", &format!("If-None-Match: {tag}\r\n"), "");
        (status == 304 && body.is_empty()).then_some(())
    });
    let style =
        page(&daemon, "/").split('"').find(|part| part.ends_with(".css")).map(str::to_owned);
    let (status, head, _) = daemon.ask("GET", &style.expect("a style"), "", "");
    assert!(status == 200 && head.contains("immutable"), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_shown_without_what_lets_one_host_the_meeting() {
    let rig = Rig::start().await;
    let settings = "[results]\ninclude = [\"start_url\"]\n";
    std::fs::write(rig.dir.path().join("zoomd.toml"), settings).expect("written");
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.xadd(&job("acme", "order-1")).await;
    rig.xadd(&job("nobody", "order-2")).await;
    let (_, result) = rig.outcome("order-1").await;
    rig.outcome("order-2").await;
    let said = page(&daemon, "/jobs/order-1");
    let url = result["meeting"]["start_url"].as_str().expect("it is in the result");
    assert!(said.contains("start_url") && !said.contains(url), "{said}");
    assert!(said.contains("chip succeeded") && said.contains("Join link"), "{said}");
    assert!(page(&daemon, "/jobs?state=succeeded").contains("order-1"));
    let number = result["meeting"]["id"].to_string();
    for path in ["?account=acme", "?of=order-1", &format!("?of={number}")] {
        let found = page(&daemon, &format!("/meetings{path}"));
        assert!(found.contains(&format!(">{number}<")), "{path}: {found}");
    }
    assert!(page(&daemon, "/meetings?of=order-9").contains("No meeting is known by that"));
    let failed = page(&daemon, "/jobs/order-2");
    assert!(
        failed.contains("<h2>Unknown account</h2>") && failed.contains("What to do"),
        "{failed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_page_says_so() {
    let mut rig = Rig::start().await;
    let daemon = rig.daemon();
    page(&daemon, "/");
    rig.redis.kill();
    let (head, body) = until("a page that tells of it", || {
        let (status, head, body) = daemon.ask("GET", "/jobs", "", "");
        (status == 503 && body.contains("DOWN")).then_some((head, body))
    });
    check("without Redis", &head, &body);
    assert!(body.contains("Redis could not be asked"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tokens_one_signs_in_first() {
    let mut rig = Rig::start().await;
    let file = rig.dir.path().join("tokens");
    let made = rig.run(&["--json", "config", "token", "ada", "--role", "read"]).expect(0).json();
    let line = made["line"].as_str().expect("a line for the file");
    std::fs::write(&file, format!("{line}\n")).expect("written");
    rig.set("ZOOMD_API_TOKENS_FILE", &file.display().to_string());
    let daemon = rig.daemon();
    let (status, head, _) = daemon.ask("GET", "/jobs?state=failed", "", "");
    assert_eq!(status, 303, "{head}");
    assert!(head.contains("location: /sign-in?next=%2Fjobs%3Fstate%3Dfailed"), "{head}");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let (status, head, body) = daemon.ask("POST", "/sign-in", form, "token=wrong&next=%2Fjobs");
    assert!(status == 403 && !head.contains("set-cookie"), "{head}");
    check("/sign-in", &head, &body);
    let token = made["token"].as_str().expect("a token");
    let typed = format!("token={token}&next=%2Fjobs%3Fstate%3Dfailed");
    let (status, head, _) = daemon.ask("POST", "/sign-in", form, &typed);
    assert!(status == 303 && head.contains("location: /jobs?state=failed"), "{head}");
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().expect("its value");
    let (status, _, body) = daemon.ask("GET", "/", &format!("Cookie: {cookie}\r\n"), "");
    assert!(status == 200 && body.contains("ada (read)"), "{body}");
    // A name that was made to lead here is not ours.
    let (status, ..) = daemon.ask("GET", "/sign-in", "X-Forwarded-Host: evil.test\r\n", "");
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_cancelled_and_retried_after_a_question_with_the_count() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    let mut daemon = rig.daemon();
    for id in ["order-1", "order-2"] {
        rig.xadd(&tomorrow("acme", id, "A topic")).await;
    }
    let asks = |daemon: &Daemon| {
        until("both jobs", || {
            let asked = page(daemon, "/act?verb=cancel&account=acme");
            asked.contains("Cancel 2 jobs of acme?").then_some(asked)
        })
    };
    // Without tokens one only reads.
    let asked = asks(&daemon);
    assert!(asked.contains("This needs the role enqueue"), "{asked}");
    // A state that is none does not widen the filter to all jobs.
    let odd = "verb=cancel&state=nonsense&count=2&reason=left";
    assert_eq!(daemon.ask("GET", &format!("/act?{odd}"), "", "").0, 404);
    let form = "verb=cancel&account=acme&count=2&reason=left";
    assert!(post(&daemon, "/act", form).1.contains("This needs the role enqueue"));
    assert!(!page(&daemon, "/jobs/order-1").contains("verb=cancel"));
    daemon.stop();
    rig.set("ZOOMD_API_ALLOW_WRITE_WITHOUT_TOKEN", "true");
    let daemon = rig.daemon();
    assert!(asks(&daemon).contains("order-2"));
    assert!(page(&daemon, "/jobs/order-1").contains("verb=cancel&amp;id=order-1"));
    let said = post(&daemon, "/act", "verb=cancel&account=acme&count=2").1;
    assert!(said.contains("Give a reason"), "{said}");
    // Another site's page cannot.
    let lines = "Content-Type: application/x-www-form-urlencoded\r\nOrigin: https://evil.test\r\n\
                 Sec-Fetch-Site: cross-site\r\n";
    let (status, head, body) = daemon.ask("POST", "/act", lines, form);
    assert_eq!(status, 403, "{body}");
    check("/act", &head, &body);
    let said = post(&daemon, "/act", form).1;
    assert!(said.contains("Cancel: 2 jobs of acme"), "{said}");
    let (_, failure) = rig.outcome("order-1").await;
    assert_eq!(failure["code"], "cancelled", "{failure}");
    assert!(failure["message"].as_str().is_some_and(|text| text.contains("left")), "{failure}");
    let asked = page(&daemon, "/act?verb=retry&code=cancelled");
    assert!(asked.contains("Retry 2 failed jobs?"), "{asked}");
    let said = post(&daemon, "/act", "verb=retry&code=cancelled&count=1").1;
    assert!(said.contains("Retry: 1 failed job"), "{said}");
    let said = post(&daemon, "/act", "verb=pause_account&account=acme&reason=audit").1;
    assert!(said.contains("Pause: acme"), "{said}");
    let shown = page(&daemon, "/accounts/acme");
    assert!(shown.contains("It is paused") && shown.contains("Audit"), "{shown}");
    assert!(post(&daemon, "/act", "verb=resume_account&account=nobody").0 == 404);
    // All actions are in the audit.
    let audit = page(&daemon, "/audit");
    for act in ["Job cancel", "Failure retry", "Account pause"] {
        assert!(audit.contains(act), "{audit}");
    }
    assert!(audit.contains("<bdi>left</bdi>") && audit.contains("<bdi>local</bdi>"), "{audit}");
}
