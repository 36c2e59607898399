//! The audit of commands: every one that changes something, with who did it, and no secret.

use zoom_sim::{Endpoint, Fault, What};

use crate::support::{Rig, finish, job, zoomd};

#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_writes_is_in_the_audit_without_a_secret() {
    let mut rig = Rig::start().await;
    let daemon = rig.daemon();
    let secret = rig.sim.grant("ada").refresh_token.expect("a refresh token");
    let of_import = rig.sim.grant("bob").refresh_token.expect("a refresh token");
    let run = |args: &[&str]| rig.run(args).expect(0);
    rig.run_with(&["account", "add", "ada", "--refresh-token-file", "-"], &secret).expect(0);
    // The same again changes nothing.
    rig.run_with(&["account", "add", "ada", "--refresh-token-file", "-"], &secret).expect(0);
    let line = serde_json::json!({"account": "bob", "refresh_token": of_import}).to_string();
    rig.run_with(&["account", "import", "-"], &line).expect(0);
    run(&["account", "set", "ada", "--plan", "business", "--cap", "3"]);
    run(&["account", "pause", "ada", "--reason", "audit"]);
    run(&["account", "resume", "ada"]);
    run(&["account", "refresh", "ada"]);
    let token = run(&["account", "token", "ada"]).stdout.trim().to_owned();
    rig.xadd(&job("ada", "j1")).await;
    let (_, result) = rig.outcome("j1").await;
    let meeting = result["meeting"]["id"].to_string();
    let start_url = run(&["meeting", "start-url", "ada", &meeting]).stdout.trim().to_owned();
    rig.sim.fault(Fault::new(Endpoint::Create, What::Status(400)));
    for (account, id) in [("ada", "fails"), ("nobody", "bad")] {
        rig.xadd(&job(account, id)).await;
        rig.outcome(id).await;
    }
    run(&["failure", "retry", "fails"]);
    run(&["failure", "discard", "bad", "--yes"]);
    run(&["pause", "--reason", "trial"]);
    rig.xadd(&job("ada", "j2")).await;
    crate::support::until("the job waits", || {
        (rig.run(&["job", "cancel", "j2"]).code == 0).then_some(())
    });
    run(&["resume"]);
    run(&["account", "remove", "bob", "--purge", "--yes"]);
    drop(daemon);
    let old = crate::support::KEY;
    let new = finish(zoomd(rig.dir.path(), &["config", "key"]), "").expect(0);
    let new = new.stdout.trim().to_owned();
    rig.set("ZOOMD_ENCRYPTION_KEY", &new);
    rig.set("ZOOMD_ENCRYPTION_KEYS_OLD", old);
    rig.run(&["config", "rekey"]).expect(0);

    let store = rig.store().await;
    let mut acts = zoomd_store::audit::page(&store, None, 100).await.expect("redis answers");
    acts.reverse();
    let told: Vec<_> = acts.iter().map(|entry| (&*entry.act.what, &*entry.act.of)).collect();
    let expected = [
        ("account.add", "ada"),
        ("account.import", "bob"),
        ("account.set", "ada"),
        ("account.pause", "ada"),
        ("account.resume", "ada"),
        ("account.refresh", "ada"),
        ("account.token", "ada"),
        ("meeting.start-url", "ada"),
        ("failure.retry", "fails"),
        ("failure.discard", "bad"),
        ("pause", ""),
        ("job.cancel", "j2"),
        ("resume", ""),
        ("account.remove", "bob"),
        ("account.purge", "bob"),
        ("config.rekey", ""),
    ];
    assert_eq!(told, expected);
    for entry in &acts {
        let act = &entry.act;
        assert!(act.via == "cli" && act.who.contains('@'), "{act:?}");
    }
    assert_eq!(acts[2].act.outcome, "plan business, cap 3");
    let text = format!("{acts:?}");
    for secret in [&*secret, &of_import, &token, &start_url, &new, old] {
        assert!(secret.len() > 10 && !text.contains(secret), "a secret is in {text}");
    }
}
