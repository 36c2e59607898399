//! Acts of people in a real Chromium: sign-in, filter, cancel, and an account's token and link.

use super::tomorrow;
use crate::api::with_tokens;
use crate::support::chromium::{Chromium, installed};
use crate::support::{Rig, until};

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_filter_jobs_and_cancel_what_they_see() {
    let Some(program) = installed("sign-in and acts in the console") else { return };
    let mut rig = Rig::start().await;
    let tokens = with_tokens(&mut rig);
    rig.set("ZOOMD_PUBLIC_URL", "http://localhost:8080");
    rig.connect("acme");
    let daemon = rig.daemon();
    for (id, topic) in [("a1", "Board meeting"), ("a2", "Board dinner"), ("b1", "Planning")] {
        rig.xadd(&tomorrow("acme", id, topic)).await;
    }
    let mut browser = Chromium::start(&program);
    let tab = browser.tab();
    let at = |path: &str| format!("http://{}{path}", daemon.address());
    browser.open(&tab, &at("/jobs?state=sleeping"));
    browser.wait(&tab, "location.pathname === '/sign-in'");
    browser.eval(&tab, "document.querySelector('input[type=password]').focus()");
    browser.types(&tab, &tokens.operate);
    browser.enter(&tab);
    browser.wait(&tab, "location.pathname + location.search === '/jobs?state=sleeping'");
    // The list is kept fresh: all three come without a reload.
    browser.wait(&tab, "document.querySelectorAll('.chip.sleeping').length === 3");
    for (field, text) in [("account", "acme"), ("words", "board")] {
        browser.eval(&tab, &format!("document.getElementById('{field}').focus()"));
        browser.types(&tab, text);
    }
    browser.enter(&tab);
    browser.wait(&tab, "location.search === '?state=sleeping&account=acme&q=board'");
    browser.wait(&tab, "document.querySelectorAll('.chip.sleeping').length === 2");
    browser.eval(&tab, "document.querySelector('.acts a.danger').click()");
    let asked = "Cancel 2 sleeping jobs of acme that match board?";
    browser.wait(&tab, &format!("document.querySelector('h1').textContent === '{asked}'"));
    browser.eval(&tab, "document.getElementById('reason').focus()");
    browser.types(&tab, "the customer left");
    browser.enter(&tab);
    browser.wait(&tab, "document.querySelector('.strip.good') !== null");
    for id in ["a1", "a2"] {
        let (_, failure) = rig.outcome(id).await;
        assert_eq!(failure["code"], "cancelled", "{failure}");
    }
    browser.open(&tab, &at("/jobs/b1"));
    browser.wait(&tab, "document.querySelector('.chip.sleeping') !== null");
    browser.open(&tab, &at("/audit"));
    browser.wait(&tab, "document.querySelector('main').textContent.includes('the customer left')");
    // A new token, and a link, from the account's page.
    browser.open(&tab, &at("/accounts/acme"));
    browser.eval(&tab, "document.querySelector('.acts a[href*=refresh_account]').click()");
    browser.wait(&tab, "document.querySelector('form.ask button.main') !== null");
    browser.eval(&tab, "document.querySelector('form.ask button.main').click()");
    browser.wait(&tab, "document.querySelector('main').textContent.includes('of generation')");
    browser.open(&tab, &at("/act?verb=connect_link&account=acme"));
    browser.eval(&tab, "document.querySelector('form.ask button.main').click()");
    browser.wait(&tab, "/\\/connect\\//.test(document.querySelector('.next code').textContent)");
    assert_eq!(browser.complaints(&tab), [""; 0]);
    // Whoever signs out reads nothing more.
    browser.eval(&tab, "document.querySelector('.who button').click()");
    browser.wait(&tab, "location.pathname === '/sign-in'");
    browser.open(&tab, &at("/jobs"));
    browser.wait(&tab, "location.pathname === '/sign-in'");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_cancel_a_job_and_give_a_reason() {
    let Some(program) = installed("acts in the console") else { return };
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_API_ALLOW_WRITE_WITHOUT_TOKEN", "true");
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.xadd(&tomorrow("acme", "board-meeting", "Board meeting")).await;
    until("the job that sleeps", || {
        daemon.get("/jobs/board-meeting").1.contains("chip sleeping").then_some(())
    });
    let mut browser = Chromium::start(&program);
    let tab = browser.tab();
    browser.open(&tab, &format!("http://{}/jobs/board-meeting", daemon.address()));
    browser.eval(&tab, "document.querySelector('.acts a.danger').click()");
    browser.wait(&tab, "document.querySelector('h1').textContent === 'Cancel 1 job?'");
    browser.eval(&tab, "document.getElementById('reason').focus()");
    browser.types(&tab, "the customer left");
    browser.enter(&tab);
    browser.wait(&tab, "document.querySelector('.strip.good') !== null");
    let (_, failure) = rig.outcome("board-meeting").await;
    assert_eq!(failure["code"], "cancelled", "{failure}");
    browser.open(&tab, &format!("http://{}/audit", daemon.address()));
    browser.wait(&tab, "document.querySelector('main').textContent.includes('the customer left')");
    assert_eq!(browser.complaints(&tab), [""; 0]);
}
