//! A person connects an account by a link.

use zoom_sim::{Endpoint, Fault, TokenState, What};

use super::browser::{Browser, Reply};
use super::{PublicRig, free_address, keeps_secrets, until};

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
    let public = PublicRig::new().await;
    let daemon = public.rig.daemon();
    let link = public.link("acme", &["--plan", "business"]);
    let mut browser = Browser::default();
    // Whoever only looks (a mail program, a chat) changes nothing.
    for _ in 0..3 {
        let seen = browser.get(&link);
        assert!(
            seen.status == 200 && seen.body.contains("<strong><bdi>acme</bdi></strong>"),
            "{seen:?}"
        );
        is_guarded(&seen);
        assert_eq!(seen.header("set-cookie"), None);
    }
    assert_eq!(browser.send("HEAD", &link, &[], "").body, "");
    assert_eq!(public.rig.redis_cli(&["KEYS", "zoomd:v1:consent:*"]).trim(), "*0");

    let zoom = public.press(&mut browser, &link, "ada");
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

    let account = public.account("acme").await.expect("it is there");
    assert_eq!((account.state.as_str(), account.plan.as_str()), ("active", "business"));
    let ada = public.rig.sim.user("ada").expect("she came");
    assert_eq!(account.zoom_user.as_deref(), Some(ada.id.as_str()));
    assert!(public.events().contains("account.connected"));
    // Reloading what is over, and the link after its use, do nothing.
    assert_eq!(browser.get(&back).status, 400);
    let unknown = browser.get(&public.url(&format!("/connect/{}", "A".repeat(43))));
    let malformed = browser.get(&public.url("/connect/x"));
    let used = browser.get(&link);
    assert_eq!((used.status, &used.body), (404, &unknown.body), "the same bytes");
    assert_eq!((malformed.status, &malformed.body), (404, &unknown.body));
    assert_eq!(browser.post(&link).body, unknown.body);
    assert_eq!(public.rig.sim.counters().codes_exchanged, 1);
    public.no_violations();

    let code = url::Url::parse(&back).expect("an address");
    let code = code.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    let token = link.rsplit('/').next().expect("a token");
    keeps_secrets(&daemon, &[token, &state_of(&zoom), &code, &cookie, "sim-secret"]);
    let story = public.rig.run(&["account", "explain", "acme"]).expect(0).stdout;
    assert!(story.contains("connected"), "{story}");
}

#[tokio::test]
async fn an_answer_is_taken_once_and_only_in_the_browser_that_asked() {
    let public = PublicRig::new().await;
    let _daemon = public.rig.daemon();
    let link = public.link("acme", &[]);
    let (mut asker, mut thief) = (Browser::default(), Browser::default());
    let zoom = public.press(&mut asker, &link, "ada");
    let back = asker.get(&zoom).header("location").expect("a way back").to_owned();
    // Another browser with the address alone, and with a cookie of its own.
    let without = thief.get(&back);
    public.press(&mut thief, &link, "mallory");
    let with_other = thief.get(&back);
    let forged = asker.get(&public.url(&format!("/zoom?code=x&state={}", "A".repeat(43))));
    let empty = asker.get(&public.url("/zoom"));
    let twice = asker.get(&format!("{back}&state={}", "A".repeat(43)));
    for refused in [&without, &with_other, &forged, &empty, &twice] {
        assert_eq!((refused.status, &refused.body), (400, &without.body), "the same bytes");
        is_guarded(refused);
    }
    assert_eq!(public.rig.sim.counters().codes_exchanged, 0);
    assert_eq!(asker.get(&back).status, 200, "the right browser is served all the same");
    assert_eq!(public.state("acme").await, Some("active"));
    public.no_violations();
}

#[tokio::test]
async fn the_button_is_pressed_on_the_page_and_nowhere_else() {
    let public = PublicRig::new().await;
    let _daemon = public.rig.daemon();
    let link = public.link("acme", &[]);
    let mut browser = Browser::default();
    for site in ["cross-site", "same-site"] {
        let pressed = browser.send("POST", &link, &[("Sec-Fetch-Site", site)], "");
        assert_eq!((pressed.status, pressed.header("location")), (403, None), "{site}");
    }
    assert_eq!(browser.send("POST", &link, &[], "").status, 303, "an old browser");
}

#[tokio::test]
async fn a_consent_that_is_denied_leaves_the_link_good() {
    let public = PublicRig::new().await;
    let _daemon = public.rig.daemon();
    let link = public.link("acme", &[]);
    let mut browser = Browser::default();
    let zoom = format!("{}&sim_deny=1", public.press(&mut browser, &link, "ada"));
    let back = browser.get(&zoom).header("location").expect("a way back").to_owned();
    let denied = browser.get(&back);
    assert!(denied.status == 403 && denied.body.contains("You declined access"), "{denied:?}");
    assert!(denied.body.contains("Nothing was connected"), "{denied:?}");
    assert_eq!(public.state("acme").await, None);
    assert_eq!(public.walk(&link, "ada").status, 200);
    assert_eq!(public.state("acme").await, Some("active"));
}

#[tokio::test]
async fn a_zoom_user_is_connected_once_unless_taken_over() {
    let public = PublicRig::new().await;
    let _daemon = public.rig.daemon();
    assert_eq!(public.walk(&public.link("first", &[]), "ada").status, 200);
    let link = public.link("second", &[]);
    let refused = public.walk(&link, "ada");
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(!refused.body.contains("first"), "whose it is, is not told: {refused:?}");
    assert_eq!(public.state("second").await, None);
    assert_eq!(public.state("first").await, Some("active"));
    // Zoom has ended the first grant with the second consent; what came is kept.
    let stored = public.stored("first").await.expect("a token");
    assert_eq!(public.rig.sim.token_state(&stored), TokenState::Live);

    let taken = public.walk(&public.link("second", &["--take-over"]), "ada");
    assert_eq!(taken.status, 200, "{taken:?}");
    assert_eq!(public.state("second").await, Some("active"));
    let first = public.account("first").await.expect("it is there");
    assert_eq!((first.state.as_str(), first.why.as_deref()), ("superseded", Some("second")));
    assert_eq!(public.stored("first").await, None);
    let stored = public.stored("second").await.expect("a token");
    assert_eq!(public.rig.sim.token_state(&stored), TokenState::Live);
    // The refused link is good still, for another Zoom user.
    assert_eq!(public.walk(&link, "bob").status, 200);
    public.no_violations();
}

#[tokio::test]
async fn any_daemon_finishes_what_another_began() {
    let mut public = PublicRig::new().await;
    let _one = public.rig.daemon();
    let other_at = free_address();
    public.rig.set("ZOOMD_PUBLIC_LISTEN", &other_at);
    let _other = public.rig.daemon();
    let link = public.link("acme", &[]);
    let mut browser = Browser::default();
    let zoom = public.press(&mut browser, &link, "ada");
    let back = browser.get(&zoom).header("location").expect("a way back").to_owned();
    let here = public.at.replace("127.0.0.1", "localhost");
    let back = back.replace(&here, &other_at.replace("127.0.0.1", "localhost"));
    assert_eq!(browser.get(&back).status, 200);
    assert_eq!(public.state("acme").await, Some("active"));
    public.no_violations();
}

#[tokio::test]
async fn a_browser_that_hangs_up_and_a_daemon_that_stops_lose_no_consent() {
    let public = PublicRig::new().await;
    let mut daemon = public.rig.daemon();
    for (account, stop) in [("acme", false), ("beta", true)] {
        let link = public.link(account, &[]);
        let mut browser = Browser::default();
        let zoom = public.press(&mut browser, &link, account);
        let back = browser.get(&zoom).header("location").expect("a way back").to_owned();
        let fault = public.rig.sim.fault(Fault::new(Endpoint::Token, What::Hold).after());
        let hung = browser.open("GET", &back, &[], "");
        let before = public.rig.sim.counters().codes_exchanged;
        until("the exchange", || (public.rig.sim.struck(fault) == 1).then_some(()));
        drop(hung);
        if stop {
            daemon.signal(rustix::process::Signal::TERM);
            daemon.wait_log("stopping");
        }
        assert!(public.rig.sim.release(fault), "{before}");
        if stop {
            assert!(daemon.wait().success());
        } else {
            daemon.wait_log("is connected");
        }
        assert_eq!(public.state(account).await, Some("active"), "{account}");
        let stored = public.stored(account).await.expect("a token");
        assert_eq!(public.rig.sim.token_state(&stored), TokenState::Live);
    }
    public.no_violations();
}

#[tokio::test]
async fn a_daemon_killed_with_the_answer_on_its_disk_loses_no_consent() {
    let mut public = PublicRig::new().await;
    // Redis is away when the tokens come, and the daemon dies before it is back.
    let mut daemon = public.rig.daemon();
    let link = public.link("acme", &[]);
    let mut browser = Browser::default();
    let zoom = public.press(&mut browser, &link, "ada");
    let back = browser.get(&zoom).header("location").expect("a way back").to_owned();
    let fault = public.rig.sim.fault(Fault::new(Endpoint::Token, What::Hold).after());
    let _hung = browser.open("GET", &back, &[], "");
    until("the exchange", || (public.rig.sim.struck(fault) == 1).then_some(()));
    public.rig.redis.kill();
    assert!(public.rig.sim.release(fault));
    daemon.wait_log("authorization: redis could not store the new token");
    daemon.kill();
    public.rig.redis.restart().expect("it starts again");
    let _next = public.rig.daemon();
    until("the consent from the journal", || {
        let shown = public.rig.run(&["--json", "account", "show", "acme"]);
        (shown.code == 0 && shown.json()["state"] == "active").then_some(())
    });
    let stored = public.stored("acme").await.expect("a token");
    assert_eq!(public.rig.sim.token_state(&stored), TokenState::Live);
    public.no_violations();
}

#[tokio::test]
async fn a_removed_account_comes_back_only_by_a_new_link() {
    let public = PublicRig::new().await;
    let _daemon = public.rig.daemon();
    assert_eq!(public.walk(&public.link("acme", &[]), "ada").status, 200);
    let before = public.link("acme", &[]);
    public.rig.run(&["account", "remove", "acme", "--yes"]).expect(0);
    assert_eq!(Browser::default().get(&before).status, 404);
    assert_eq!(public.walk(&public.link("acme", &[]), "ada").status, 200);
    assert_eq!(public.state("acme").await, Some("active"));
}

#[tokio::test]
async fn without_redis_the_person_is_asked_to_come_again() {
    let mut public = PublicRig::new().await;
    let _daemon = public.rig.daemon();
    let link = public.link("acme", &[]);
    let mut browser = Browser::default();
    let zoom = public.press(&mut browser, &link, "ada");
    let back = browser.get(&zoom).header("location").expect("a way back").to_owned();
    public.rig.redis.kill();
    assert_eq!(browser.get(&back).status, 503);
    public.rig.redis.restart().expect("it starts again");
    let answer = until("the answer", || Some(browser.get(&back)).filter(|r| r.status != 503));
    assert_eq!(answer.status, 200, "the state was not used up: {answer:?}");
    public.no_violations();
}

#[tokio::test]
async fn the_pages_show_whose_they_are_and_a_way_back() {
    let mut public = PublicRig::new().await;
    public.rig.set("ZOOMD_PUBLIC_NAME", "Acme <Calendar>");
    public.rig.set("ZOOMD_PUBLIC_LOGO_URL", "https://cdn.acme.test/logo.svg");
    public.rig.set("ZOOMD_PUBLIC_RETURN_TO", "https://app.acme.test/zoom");
    let _daemon = public.rig.daemon();
    let to = ["--label", "Ada & Co", "--return-to", "https://app.acme.test/zoom/done?x=1&y=2"];
    let link = public.link("acme", &to);
    let seen = Browser::default().get(&link);
    is_guarded(&seen);
    let policy = seen.header("content-security-policy").expect("a policy");
    assert!(policy.contains("img-src https://cdn.acme.test;"), "{policy}");
    for text in ["Acme &#60;Calendar&#62;", "Ada &#38; Co", "https://cdn.acme.test/logo.svg"] {
        assert!(seen.body.contains(text), "{seen:?}");
    }
    assert!(!seen.body.contains(">acme<"), "the account's name is ours alone: {seen:?}");
    let connected = public.walk(&link, "ada");
    assert_eq!(connected.status, 200, "{connected:?}");
    for text in
        ["Ada &#38; Co is connected", "href=\"https://app.acme.test/zoom/done?x=1&#38;y=2\""]
    {
        assert!(connected.body.contains(text), "{connected:?}");
    }
    let elsewhere = ["account", "connect-link", "acme", "--return-to", "https://evil.test/zoom"];
    let refused = public.rig.run(&elsewhere).expect(2);
    assert!(refused.stderr.contains("public.return_to"), "{}", refused.stderr);
}
