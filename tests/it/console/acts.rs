//! Acts on an account from its page, by each role.

use super::{page, post};
use crate::api::{Tokens, with_tokens};
use crate::support::http::Ask;
use crate::support::{Daemon, Rig, job};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_refreshed_linked_and_removed_from_its_page() {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_API_ALLOW_WRITE_WITHOUT_TOKEN", "true");
    rig.set("ZOOMD_PUBLIC_URL", "http://localhost:8080");
    rig.set("ZOOMD_PUBLIC_RETURN_TO", "https://app.acme.test/zoom");
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.xadd(&job("acme", "made")).await;
    rig.outcome("made").await;
    let shown = page(&daemon, "/accounts/acme");
    for act in ["refresh_account", "connect_link", "pause_account", "remove_account"] {
        assert!(shown.contains(&format!("verb={act}&amp;account=acme")), "{act}: {shown}");
    }
    assert!(shown.contains("Next refresh") && shown.contains("with the first call"), "{shown}");
    let said = post(&daemon, "/act", "verb=refresh_account&account=acme").1;
    assert!(said.contains("The new token is of generation 2"), "{said}");
    let (status, said) = post(&daemon, "/act", "verb=refresh_account&account=nobody");
    assert!(status == 404 && said.contains("There is no account nobody"), "{said}");

    let asked = page(&daemon, "/act?verb=connect_link&account=new");
    assert!(asked.contains("Below https://app.acme.test/zoom"), "{asked}");
    let form = "verb=connect_link&account=new&ttl=1d&label=Ada&return_to=https%3A%2F%2F";
    let refused = post(&daemon, "/act", &format!("{form}evil.test%2F")).1;
    assert!(refused.contains("is below no address of public.return_to"), "{refused}");
    assert!(refused.contains("value=\"Ada\""), "what was typed is kept: {refused}");
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let good = format!("{form}app.acme.test%2Fzoom%2Fdone");
    let (_, head, said) = daemon.ask("POST", "/act", kind, &good);
    assert!(said.contains("<code>http://localhost:8080/connect/"), "{said}");
    assert!(head.to_lowercase().contains("cache-control: no-store"), "{head}");

    let form = "verb=remove_account&account=acme&reason=left";
    let unsure = post(&daemon, "/act", &format!("{form}&confirm=acm")).1;
    assert!(unsure.contains("Type the name of the account"), "{unsure}");
    assert!(page(&daemon, "/accounts/acme").contains("chip active"));
    let said = post(&daemon, "/act", &format!("{form}&confirm=acme")).1;
    assert!(said.contains("Its grant at Zoom is revoked."), "{said}");
    let gone = page(&daemon, "/accounts/acme");
    assert!(gone.contains("chip removed") && !gone.contains("verb=remove_account"), "{gone}");
    let audit = page(&daemon, "/audit");
    for act in ["Account refresh", "Account connect-link", "Account remove"] {
        assert!(audit.contains(act), "{audit}");
    }
    assert!(!audit.contains("/connect/"), "{audit}");
}

/// Form fields of each act, with what its page says when it was done.
const ACTS: [(&str, &str, &str); 7] = [
    ("enqueue", "verb=cancel&id=later&count=1&reason=r", "Cancel: "),
    ("operate", "verb=retry&id=nothing&count=1", "Retry: "),
    ("operate", "verb=discard&id=nothing&count=1&reason=r", "Discard: "),
    ("operate", "verb=pause_account&account=acme&reason=r", "Pause: "),
    ("operate", "verb=resume_account&account=acme", "Resume: "),
    ("operate", "verb=pause&reason=r", "Pause: "),
    ("operate", "verb=resume", "Resume: "),
];

fn signed(daemon: &Daemon, token: &str) -> String {
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let (status, head, _) = daemon.ask("POST", "/sign-in", form, &format!("token={token}"));
    assert_eq!(status, 303, "{head}");
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("one");
    cookie.split(';').next().expect("its value").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_sees_and_does_what_it_may() {
    let mut rig = Rig::start().await;
    let Tokens { read, enqueue, operate } = with_tokens(&mut rig);
    rig.connect("acme");
    let daemon = rig.daemon();
    let roles = [("read", &read), ("enqueue", &enqueue), ("operate", &operate)];
    for (at, (role, token)) in roles.into_iter().enumerate() {
        let cookie = signed(&daemon, token);
        // A write with a cookie must come from a page of ours.
        let line = format!("Cookie: {cookie}\r\nOrigin: http://{}\r\n", daemon.address());
        let shown = daemon.ask("GET", "/accounts/acme", &line, "").2;
        assert_eq!(shown.contains("verb=pause_account"), role == "operate", "{role}: {shown}");
        assert!(shown.contains(&format!("({role})")), "{shown}");
        // htmx asks for the same page; nothing else is sent to it.
        let swapped = Ask::get("/accounts/acme").header("HX-Request", "true");
        let swapped = swapped.header("Cookie", &cookie).send(&daemon.address()).expect(200);
        assert!(swapped.body.contains("<main id=\"live\""), "{}", swapped.body);
        for (needs, form, done) in ACTS {
            let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
            let said = daemon.ask("POST", "/act", &format!("{kind}{line}"), form).2;
            let may = at >= roles.iter().position(|(role, _)| *role == needs).expect("a role");
            assert_eq!(said.contains(done), may, "{role} {form}: {said}");
            assert_eq!(said.contains("This needs the role"), !may, "{role} {form}: {said}");
        }
    }
}
