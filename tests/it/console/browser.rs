//! The console in a real Chromium: every page in both themes and on both widths, without a
//! complaint; what people do in it; pictures for the documents.

use std::path::{Path, PathBuf};

use serde_json::Value;
use zoomd_store::streams::enqueue;

use super::tomorrow;
use crate::public_endpoint::PublicRig;
use crate::support::chromium::{Chromium, Tab, installed};
use crate::support::{Daemon, Rig, job, until};

/// Folder of the pictures.
const PICTURES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../console");
/// A desk and a phone.
const SIZES: [(&str, (u32, u32)); 2] = [("desk", (1280, 900)), ("phone", (390, 844))];

/// Rules of accessibility, where they were fetched: scripts/ensure-browser.sh.
fn axe() -> Option<String> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../axe-core/package/axe.min.js");
    let text = std::fs::read_to_string(file).ok();
    let required = std::env::var("ZOOMD_BROWSER").is_ok_and(|word| word == "required");
    assert!(text.is_some() || !required, "no axe-core: scripts/ensure-browser.sh fetches it");
    text
}

/// Findings that are serious: the rule and the place of each.
fn findings(browser: &mut Chromium, tab: &Tab, axe: &str) -> Vec<String> {
    browser.eval(tab, &format!("{axe}; 0"));
    let run = "axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations\
        .filter((one) => ['serious', 'critical'].includes(one.impact))\
        .map((one) => one.id + ': ' + one.nodes.map((node) => node.html).join(' | ')))";
    let found = browser.eval(tab, run);
    found.as_array().into_iter().flatten().map(Value::to_string).collect()
}

/// A namespace with a job in each state that lasts, and a daemon.
async fn world() -> (Rig, Daemon) {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_API_ALLOW_WRITE_WITHOUT_TOKEN", "true");
    rig.set("ZOOMD_PUBLIC_URL", "http://localhost:8080");
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.xadd(&tomorrow("acme", "board-meeting", "Board meeting, first quarter")).await;
    rig.xadd(&tomorrow("acme", "hostile", "<script>alert(1)</script> \u{202e}\u{5e9}\u{5dc}"))
        .await;
    // A host with a hundred meetings a day, and more jobs than that.
    rig.connect("globex");
    let jobs: Vec<_> = (1..=130).map(|n| job("globex", &format!("planning-{n:03}"))).collect();
    enqueue(&rig.store().await, &jobs).await.expect("added");
    rig.xadd(&job("acme", "made")).await;
    rig.xadd(&job("nobody", "refused")).await;
    rig.outcome("made").await;
    rig.outcome("refused").await;
    until("the job that waits for tomorrow", || {
        let page = daemon.get("/jobs/planning-128").1;
        page.contains("meetings for this host are used up").then_some(())
    });
    until("the job that sleeps", || {
        daemon.get("/jobs/hostile").1.contains("chip sleeping").then_some(())
    });
    (rig, daemon)
}

/// Pages that are looked at, by the names of their pictures.
const PAGES: [(&str, &str); 22] = [
    ("overview", "/"),
    ("jobs", "/jobs"),
    ("jobs-filtered", "/jobs?state=sleeping&account=acme&q=board"),
    ("job-waiting", "/jobs/board-meeting"),
    ("job-tomorrow", "/jobs/planning-128"),
    ("job-hostile", "/jobs/hostile"),
    ("job-made", "/jobs/made"),
    ("job-failed", "/jobs/refused"),
    ("meetings", "/meetings?account=acme"),
    ("accounts", "/accounts"),
    ("account", "/accounts/acme"),
    ("limits", "/limits"),
    ("failures", "/failures"),
    ("failures-of-a-code", "/failures?code=unknown_account"),
    ("live", "/live"),
    ("cancel", "/act?verb=cancel&account=acme"),
    ("connect-link", "/act?verb=connect_link&account=acme"),
    ("remove", "/act?verb=remove_account&account=acme"),
    ("discard", "/act?verb=discard&code=unknown_account"),
    ("audit", "/audit"),
    ("system", "/system"),
    ("sign-in", "/sign-in"),
];

/// The right end of what is widest. A phone makes its page wider rather than cut it.
const WIDEST: &str = "Math.ceil(Math.max(document.documentElement.scrollWidth, \
    ...[...document.querySelectorAll('body > *, main > *, main > * > *')]\
    .map((one) => one.getBoundingClientRect().right)))";

/// Looks at pages in both themes and on both widths; answers what is wrong.
fn look(
    browser: &mut Chromium,
    tab: &Tab,
    axe: Option<&str>,
    pages: &[(&str, String)],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for ((name, address), (size, pixels)) in
        pages.iter().flat_map(|page| SIZES.map(|size| (page, size)))
    {
        for (theme, dark) in [("light", false), ("dark", true)] {
            let at = format!("{name}-{size}-{theme}");
            browser.look(tab, pixels, dark);
            browser.open(tab, address);
            let wide = browser.eval(tab, WIDEST).as_u64().filter(|wide| *wide > pixels.0.into());
            let wide = wide.map(|wide| format!("{wide} pixels wide"));
            let found = axe.iter().flat_map(|axe| findings(browser, tab, axe)).collect::<Vec<_>>();
            browser.picture(tab, &PathBuf::from(PICTURES).join(format!("{at}.png")));
            let said = wide.into_iter().chain(found).chain(browser.complaints(tab));
            wrong.extend(said.map(|said| format!("{at}: {said}")));
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_consent_are_well() {
    let Some(program) = installed("the pages of a consent") else { return };
    let mut public = PublicRig::new().await;
    public.rig.set("ZOOMD_PUBLIC_NAME", "Acme Calendar");
    let _daemon = public.rig.daemon();
    let link = public.link("acme", &["--label", "Ada Lovelace"]);
    let mut browser = Chromium::start(&program);
    let (tab, axe) = (browser.tab(), axe());
    let pages = [("consent", link.clone()), ("consent-no-link", format!("{link}x"))];
    let wrong = look(&mut browser, &tab, axe.as_deref(), &pages);
    // The second page is not found, as it should be.
    let wrong: Vec<_> = wrong.into_iter().filter(|said| !said.contains("status of 404")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_well_in_both_themes_and_on_both_widths() {
    let Some(program) = installed("every page of the console") else { return };
    let (_rig, daemon) = world().await;
    let mut browser = Chromium::start(&program);
    let (tab, axe) = (browser.tab(), axe());
    let at = |path: &str| format!("http://{}{path}", daemon.address());
    let pages: Vec<_> = PAGES.iter().map(|(name, path)| (*name, at(path))).collect();
    let wrong = look(&mut browser, &tab, axe.as_deref(), &pages);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The one of the README.
    if let Some(folder) = std::env::var_os("ZOOMD_PICTURES") {
        browser.look(&tab, (1280, 760), false);
        browser.open(&tab, &format!("http://{}/jobs/planning-128", daemon.address()));
        let file = PathBuf::from(folder).join("console.png");
        browser.picture(&tab, &file);
        let size = std::fs::metadata(file).expect("a picture").len();
        assert!(size <= 200_000, "{size} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_search_read_and_see_what_comes() {
    let Some(program) = installed("what people do in the console") else { return };
    let (rig, daemon) = world().await;
    let mut browser = Chromium::start(&program);
    let tab = browser.tab();
    let at = |path: &str| format!("http://{}{path}", daemon.address());
    browser.open(&tab, &at("/"));
    browser.eval(&tab, "document.getElementById('q').focus()");
    browser.types(&tab, "board-meeting");
    browser.enter(&tab);
    browser.wait(&tab, "location.pathname === '/jobs/board-meeting'");
    browser.wait(&tab, "document.querySelector('.hero h2').textContent.includes('not_before')");
    browser.wait(&tab, "/in 20h/.test(document.querySelector('.answers').textContent)");
    // The list is kept fresh while somebody looks at it.
    browser.open(&tab, &at("/jobs?state=sleeping"));
    rig.xadd(&tomorrow("acme", "came-later", "Later")).await;
    browser.wait(&tab, "document.querySelector('main').textContent.includes('came-later')");
    // Not while nobody does.
    browser.eval(&tab, "Object.defineProperty(document, 'hidden', {get: () => true})");
    let asked = "performance.getEntriesByType('resource').filter((one) => one.initiatorType === 'xmlhttprequest').length";
    let before = browser.eval(&tab, asked);
    browser.eval(&tab, "new Promise((done) => setTimeout(done, 4000))");
    assert_eq!(browser.eval(&tab, asked), before);
    assert_eq!(browser.complaints(&tab), [""; 0]);
    // Seven tabs of one browser, each with its page.
    let tabs: Vec<_> = (0..7).map(|_| browser.tab()).collect();
    for tab in &tabs {
        browser.open(tab, &at("/"));
    }
    for tab in &tabs {
        browser.wait(tab, "document.querySelector('.tiles') !== null");
    }
    // One tab follows the events, for all.
    for tab in &tabs {
        browser.open(tab, &at("/live"));
    }
    let locks = "navigator.locks.query().then((locks) => locks.held.length)";
    assert_eq!(browser.eval(&tabs[6], locks), 1);
    rig.xadd(&job("acme", "told")).await;
    for tab in &tabs {
        browser.wait(tab, "document.querySelector('.log').textContent.includes('told')");
    }
}
