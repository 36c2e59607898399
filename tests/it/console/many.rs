//! The console with much to show, and with what nobody should send.

use secrecy::SecretString;
use serde_json::json;
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::{Grants, NewGrant};
use zoomd_store::meta;
use zoomd_wire::AccountName;

use super::page;
use crate::support::{Daemon, KEY, Rig, job, until};

/// Accounts of the large namespace.
const ACCOUNTS: usize = 10_000;
/// Memory that a daemon may hold, MiB.
const MEMORY_MAX: u64 = 96;

/// Memory that the daemon holds, MiB.
fn memory(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("KiB") >> 10
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_accounts_are_listed_page_by_page() {
    let rig = Rig::start().await;
    let daemon = rig.daemon();
    let store = rig.store().await;
    let ring = KeyRing::parse(Some(&SecretString::from(KEY)), None).expect("a key");
    let vault = meta::open(&store, &ring).await.expect("opened");
    let grants = Grants::new(store, vault);
    for number in 0..ACCOUNTS {
        let name = AccountName::new(&format!("tenant-{number:05}")).expect("a name");
        let token = SecretString::from(format!("token-{number}"));
        let new = NewGrant::imported(name, token, "https://zoom.test", "app");
        grants.add(&new, false).await.expect("added");
    }
    let (mut address, mut seen) = (Some("/accounts".to_owned()), 0);
    while let Some(path) = address {
        let body = page(&daemon, &path);
        seen += body.matches("href=\"/accounts/tenant-").count();
        let next = body.split("href=\"").find_map(|part| part.strip_prefix("/accounts?after="));
        let next = next.and_then(|part| part.split('"').next());
        address = next.map(|after| format!("/accounts?after={}", after.replace("&#38;", "&")));
    }
    assert_eq!(seen, ACCOUNTS);
    for path in ["/", "/limits", "/jobs", "/system", "/accounts/tenant-09999"] {
        page(&daemon, path);
    }
    let held = memory(&daemon);
    assert!(held < MEMORY_MAX, "{held} MiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_producers_send_is_shown_as_text() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    let digits = "98765432109876543210";
    let mut large: serde_json::Value = serde_json::from_str(&job("acme", digits)).expect("JSON");
    large["metadata"] = json!({"note": "<img src=x onerror=alert(1)>".repeat(100)});
    rig.xadd(&large.to_string()).await;
    let refused = format!("{{\"id\":\"</script><script>alert(1)\",{}", " ".repeat(60_000));
    let entry = rig.xadd(&refused).await;
    rig.outcome(digits).await;
    let shown = page(&daemon, &format!("/jobs/{digits}"));
    assert!(shown.contains("&#60;img src=x onerror"), "{shown}");
    let failed = until("the failure of what is no JSON", || {
        let (status, body) = daemon.get(&format!("/jobs/{entry}"));
        (status == 200).then_some(body)
    });
    assert!(!failed.contains("<script>alert"), "{failed}");
    for path in ["/failures", "/jobs?state=failed", "/live"] {
        assert!(!page(&daemon, path).contains("<script>alert"), "{path}");
    }
    // A filter is shown as it was asked for, and does nothing else.
    for path in
        ["/jobs?account=%22%3E%3Cscript%3Ealert(1)", "/failures?account=%22%3E%3Cscript%3Ea"]
    {
        assert!(!page(&daemon, path).contains("\"><script>a"), "{path}");
    }
    for path in ["/jobs?state=nonsense", "/accounts?state=x&after=%00", "/jobs?q=%E2%80%AE"] {
        page(&daemon, path);
    }
}
