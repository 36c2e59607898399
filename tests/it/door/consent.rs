//! A person connects an account by a link.

use zoom_sim::{Endpoint, Fault, TokenState, What};

use super::browser::{Browser, Reply};
use super::{Door, free_address, keeps_secrets, until};

fn state_of(address: &str) -> String {
    let url = url::Url::parse(address).expect("an address");
    let state = url.query_pairs().find(|(name, _)| name == "state");
    state.expect("a state").1.into_owned()
}

#[track_caller]
fn is_guarded(reply: &Reply) {
    let policy = reply.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn a_link_leads_to_zoom_and_back_to_a_connected_account() {
    let door = Door::new().await;
    let daemon = door.rig.daemon();
    let link = door.link("acme", &["--plan", "business"]);
    let mut browser = Browser::default();
    // Whoever only looks (a mail program, a chat) changes nothing.
    for _ in 0..3 {
        let seen = browser.get(&link);
        assert!(seen.status == 200 && seen.body.contains("<strong>acme</strong>"), "{seen:?}");
        is_guarded(&seen);
        assert_eq!(seen.header("set-cookie"), None);
    }
    assert_eq!(browser.send("HEAD", &link, &[], "").body, "");
    assert_eq!(door.rig.redis_cli(&["KEYS", "zoomd:v1:consent:*"]).trim(), "*0");

    let zoom = door.press(&mut browser, &link, "ada");
    for part in ["code_challenge_method=S256", "code_challenge=", "response_type=code", "state="] {
        assert!(zoom.contains(part), "{zoom}");
    }
    let cookie = browser.cookies.get("zoomd-consent").expect("a cookie").clone();
    let back = browser.get(&zoom);
    let back = back.header("location").expect("a way back").to_owned();
    let connected = browser.get(&back);
    assert!(connected.status == 200 && connected.body.contains("acme is connected"));
    is_guarded(&connected);
    assert!(browser.cookies.is_empty(), "the cookie is cleared");

    let account = door.account("acme").await.expect("it is there");
    assert_eq!((account.state.as_str(), account.plan.as_str()), ("active", "business"));
    let ada = door.rig.sim.user("ada").expect("she came");
    assert_eq!(account.zoom_user.as_deref(), Some(ada.id.as_str()));
    assert!(door.events().contains("account.connected"));
    // Reloading what is over, and the link after its use, do nothing.
    assert_eq!(browser.get(&back).status, 400);
    let unknown = browser.get(&door.url(&format!("/connect/{}", "A".repeat(43))));
    let malformed = browser.get(&door.url("/connect/x"));
    let used = browser.get(&link);
    assert_eq!((used.status, &used.body), (404, &unknown.body), "the same bytes");
    assert_eq!((malformed.status, &malformed.body), (404, &unknown.body));
    assert_eq!(browser.post(&link).body, unknown.body);
    assert_eq!(door.rig.sim.counters().codes_exchanged, 1);
    door.no_violations();

    let code = url::Url::parse(&back).expect("an address");
    let code = code.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    let token = link.rsplit('/').next().expect("a token");
    keeps_secrets(&daemon, &[token, &state_of(&zoom), &code, &cookie, "sim-secret"]);
    let story = door.rig.run(&["account", "explain", "acme"]).expect(0).stdout;
    assert!(story.contains("connected"), "{story}");
}

#[tokio::test]
async fn an_answer_is_taken_once_and_only_in_the_browser_that_asked() {
    let door = Door::new().await;
    let _daemon = door.rig.daemon();
    let link = door.link("acme", &[]);
    let (mut asker, mut thief) = (Browser::default(), Browser::default());
    let zoom = door.press(&mut asker, &link, "ada");
    let back = asker.get(&zoom).header("location").expect("a way back").to_owned();
    // Another browser with the address alone, and with a cookie of its own.
    let without = thief.get(&back);
    door.press(&mut thief, &link, "mallory");
    let with_other = thief.get(&back);
    let forged = asker.get(&door.url(&format!("/zoom?code=x&state={}", "A".repeat(43))));
    let empty = asker.get(&door.url("/zoom"));
    let twice = asker.get(&format!("{back}&state={}", "A".repeat(43)));
    for refused in [&without, &with_other, &forged, &empty, &twice] {
        assert_eq!((refused.status, &refused.body), (400, &without.body), "the same bytes");
        is_guarded(refused);
    }
    assert_eq!(door.rig.sim.counters().codes_exchanged, 0);
    assert_eq!(asker.get(&back).status, 200, "the right browser is served all the same");
    assert_eq!(door.state("acme").await, Some("active"));
    door.no_violations();
}

#[tokio::test]
async fn the_button_is_pressed_on_the_page_and_nowhere_else() {
    let door = Door::new().await;
    let _daemon = door.rig.daemon();
    let link = door.link("acme", &[]);
    let mut browser = Browser::default();
    for site in ["cross-site", "same-site"] {
        let pressed = browser.send("POST", &link, &[("Sec-Fetch-Site", site)], "");
        assert_eq!((pressed.status, pressed.header("location")), (403, None), "{site}");
    }
    assert_eq!(browser.send("POST", &link, &[], "").status, 303, "an old browser");
}

#[tokio::test]
async fn a_consent_that_is_denied_leaves_the_link_good() {
    let door = Door::new().await;
    let _daemon = door.rig.daemon();
    let link = door.link("acme", &[]);
    let mut browser = Browser::default();
    let zoom = format!("{}&sim_deny=1", door.press(&mut browser, &link, "ada"));
    let back = browser.get(&zoom).header("location").expect("a way back").to_owned();
    let denied = browser.get(&back);
    assert!(denied.status == 403 && denied.body.contains("You declined access"), "{denied:?}");
    assert!(denied.body.contains("Nothing was connected"), "{denied:?}");
    assert_eq!(door.state("acme").await, None);
    assert_eq!(door.walk(&link, "ada").status, 200);
    assert_eq!(door.state("acme").await, Some("active"));
}

#[tokio::test]
async fn a_zoom_user_is_connected_once_unless_taken_over() {
    let door = Door::new().await;
    let _daemon = door.rig.daemon();
    assert_eq!(door.walk(&door.link("first", &[]), "ada").status, 200);
    let link = door.link("second", &[]);
    let refused = door.walk(&link, "ada");
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(!refused.body.contains("first"), "whose it is, is not told: {refused:?}");
    assert_eq!(door.state("second").await, None);
    assert_eq!(door.state("first").await, Some("active"));
    // Zoom has ended the first grant with the second consent; what came is kept.
    let stored = door.stored("first").await.expect("a token");
    assert_eq!(door.rig.sim.token_state(&stored), TokenState::Live);

    let taken = door.walk(&door.link("second", &["--take-over"]), "ada");
    assert_eq!(taken.status, 200, "{taken:?}");
    assert_eq!(door.state("second").await, Some("active"));
    let first = door.account("first").await.expect("it is there");
    assert_eq!((first.state.as_str(), first.why.as_deref()), ("superseded", Some("second")));
    assert_eq!(door.stored("first").await, None);
    let stored = door.stored("second").await.expect("a token");
    assert_eq!(door.rig.sim.token_state(&stored), TokenState::Live);
    // The refused link is good still, for another Zoom user.
    assert_eq!(door.walk(&link, "bob").status, 200);
    door.no_violations();
}

#[tokio::test]
async fn any_daemon_finishes_what_another_began() {
    let mut door = Door::new().await;
    let _one = door.rig.daemon();
    let other_at = free_address();
    door.rig.set("ZOOMD_PUBLIC_LISTEN", &other_at);
    let _other = door.rig.daemon();
    let link = door.link("acme", &[]);
    let mut browser = Browser::default();
    let zoom = door.press(&mut browser, &link, "ada");
    let back = browser.get(&zoom).header("location").expect("a way back").to_owned();
    let here = door.at.replace("127.0.0.1", "localhost");
    let back = back.replace(&here, &other_at.replace("127.0.0.1", "localhost"));
    assert_eq!(browser.get(&back).status, 200);
    assert_eq!(door.state("acme").await, Some("active"));
    door.no_violations();
}

#[tokio::test]
async fn a_browser_that_hangs_up_and_a_daemon_that_stops_lose_no_consent() {
    let door = Door::new().await;
    let mut daemon = door.rig.daemon();
    for (account, stop) in [("acme", false), ("beta", true)] {
        let link = door.link(account, &[]);
        let mut browser = Browser::default();
        let zoom = door.press(&mut browser, &link, account);
        let back = browser.get(&zoom).header("location").expect("a way back").to_owned();
        let fault = door.rig.sim.fault(Fault::new(Endpoint::Token, What::Hold).after());
        let hung = browser.open("GET", &back, &[], "");
        let before = door.rig.sim.counters().codes_exchanged;
        until("the exchange", || (door.rig.sim.struck(fault) == 1).then_some(()));
        drop(hung);
        if stop {
            daemon.signal(rustix::process::Signal::TERM);
            daemon.wait_log("stopping");
        }
        assert!(door.rig.sim.release(fault), "{before}");
        if stop {
            assert!(daemon.wait().success());
        } else {
            daemon.wait_log("is connected");
        }
        assert_eq!(door.state(account).await, Some("active"), "{account}");
        let stored = door.stored(account).await.expect("a token");
        assert_eq!(door.rig.sim.token_state(&stored), TokenState::Live);
    }
    door.no_violations();
}

#[tokio::test]
async fn a_daemon_killed_with_the_answer_on_its_disk_loses_no_consent() {
    let mut door = Door::new().await;
    // Redis is away when the tokens come, and the daemon dies before it is back.
    let mut daemon = door.rig.daemon();
    let link = door.link("acme", &[]);
    let mut browser = Browser::default();
    let zoom = door.press(&mut browser, &link, "ada");
    let back = browser.get(&zoom).header("location").expect("a way back").to_owned();
    let fault = door.rig.sim.fault(Fault::new(Endpoint::Token, What::Hold).after());
    let _hung = browser.open("GET", &back, &[], "");
    until("the exchange", || (door.rig.sim.struck(fault) == 1).then_some(()));
    door.rig.redis.kill();
    assert!(door.rig.sim.release(fault));
    daemon.wait_log("a consent is in hand and cannot be stored");
    daemon.kill();
    door.rig.redis.restart().expect("it starts again");
    let _next = door.rig.daemon();
    until("the consent from the journal", || {
        let shown = door.rig.run(&["--json", "account", "show", "acme"]);
        (shown.code == 0 && shown.json()["state"] == "active").then_some(())
    });
    let stored = door.stored("acme").await.expect("a token");
    assert_eq!(door.rig.sim.token_state(&stored), TokenState::Live);
    door.no_violations();
}

#[tokio::test]
async fn a_removed_account_comes_back_only_by_a_new_link() {
    let door = Door::new().await;
    let _daemon = door.rig.daemon();
    assert_eq!(door.walk(&door.link("acme", &[]), "ada").status, 200);
    let before = door.link("acme", &[]);
    door.rig.run(&["account", "remove", "acme", "--yes"]).expect(0);
    assert_eq!(Browser::default().get(&before).status, 404);
    assert_eq!(door.walk(&door.link("acme", &[]), "ada").status, 200);
    assert_eq!(door.state("acme").await, Some("active"));
}

#[tokio::test]
async fn without_redis_the_person_is_asked_to_come_again() {
    let mut door = Door::new().await;
    let _daemon = door.rig.daemon();
    let link = door.link("acme", &[]);
    let mut browser = Browser::default();
    let zoom = door.press(&mut browser, &link, "ada");
    let back = browser.get(&zoom).header("location").expect("a way back").to_owned();
    door.rig.redis.kill();
    assert_eq!(browser.get(&back).status, 503);
    door.rig.redis.restart().expect("it starts again");
    let answer = until("the answer", || Some(browser.get(&back)).filter(|r| r.status != 503));
    assert_eq!(answer.status, 200, "the state was not used up: {answer:?}");
    door.no_violations();
}
