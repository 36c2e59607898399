//! Tables on terminals of several widths, and in a pipe.

use crate::support::terminal::Terminal;
use crate::support::{Rig, until};

const LONG: &str =
    "order-2030-01-02-0123456789-abcdefghijklmnopqrstuvwxyz-0123456789-the-last-part";
const ACCOUNT: &str = "an-account-with-a-name-of-many-parts@subsidiary.example.com";

/// Jobs, failures and accounts with long names.
async fn rig() -> Rig {
    let rig = Rig::start().await;
    rig.connect(ACCOUNT);
    rig.run(&["account", "pause", ACCOUNT, "--reason", "the contract of this customer has ended"])
        .expect(0);
    let mut daemon = rig.daemon();
    for (id, start) in [(LONG, "2030-01-02T10:00:00Z"), ("bad", "tomorrow")] {
        let meeting = serde_json::json!({"topic": "t", "type": 2, "start_time": start});
        let job = serde_json::json!({"id": id, "account": ACCOUNT, "meeting": meeting});
        rig.xadd(&job.to_string()).await;
    }
    rig.wait_item(|item| item.field("code") == "invalid_job").await;
    until("the job waits", || {
        let shown = rig.run(&["--json", "job", "show", LONG]).expect(0).json();
        (shown["state"] == "waiting").then_some(())
    });
    daemon.stop();
    rig
}

#[tokio::test]
async fn a_table_fits_the_terminal_and_is_whole_in_a_pipe() {
    let rig = rig().await;
    for args in [
        &["job", "list"][..],
        &["failure", "list"],
        &["account", "list"],
        &["budget", ACCOUNT],
        &["config", "show"],
    ] {
        let piped = rig.run(args).expect(0).stdout;
        assert!(!piped.contains('…'), "{args:?}\n{piped}");
        for columns in [60, 80, 200] {
            let (code, shown) = Terminal::start(rig.command(args), columns).end();
            assert_eq!(code, 0, "{shown}");
            // The table ends where the notes begin.
            let table: Vec<_> = shown.lines().take(piped.lines().count()).collect();
            let widest = table.iter().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(widest <= usize::from(columns), "{args:?} at {columns}: {widest}\n{shown}");
            let head = table.first().expect("a head").split_whitespace().next();
            assert_eq!(head, piped.split_whitespace().next(), "the id stays");
        }
    }
    let jobs = rig.run(&["job", "list"]).expect(0).stdout;
    assert!(jobs.contains(LONG) && jobs.contains(ACCOUNT), "{jobs}");
    let at = |columns| Terminal::start(rig.command(&["job", "list"]), columns).end().1;
    assert!(at(60).contains("order-20") && at(60).contains('…') && at(60).contains("waiting"));
    assert!(at(50).contains("hidden columns: PRIORITY"), "{}", at(50));
    assert!(!at(80).contains("hidden columns"), "{}", at(80));
    assert!(at(200).contains(LONG) && at(200).contains(ACCOUNT), "{}", at(200));
    // Ids for scripts are whole on a terminal, too.
    let args = ["job", "list", "--output", "quiet"];
    assert_eq!(Terminal::start(rig.command(&args), 60).end().1.trim(), LONG);
}
