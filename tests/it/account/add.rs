//! Accounts from tokens and secrets: `add` and `import`.

use super::*;

#[tokio::test]
async fn a_refresh_token_is_added_from_a_file_and_never_shown() {
    let world = World::new().await;
    let token = world.sim.seed("owner", None, None).tokens.refresh_token.expect("a pair");
    let add = ["account", "add", "acme", "--refresh-token-file", "-", "--plan", "free", "--json"];
    let output = world.run_with(&add, format!("{token}\n")).await;
    let shown = format!("{output:?}");
    assert!(!shown.contains(&token), "the token is shown");
    let (code, added) = as_json(output);
    assert_eq!((code, &added["status"]), (Some(0), &json!("added")));
    assert_eq!(world.stored_token("acme").await, Some(token.clone()));

    let (code, again) = as_json(world.run_with(&add, token).await);
    assert_eq!((code, &again["status"]), (Some(0), &json!("unchanged")));
    let (code, error) = as_json(world.run_with(&add, "another".into()).await);
    assert_eq!((code, &error["error"]["code"]), (Some(1), &json!("exists")));
    let replace = [&add[..], &["--replace"]].concat();
    let (code, replaced) = as_json(world.run_with(&replace, "another".into()).await);
    assert_eq!((code, &replaced["status"]), (Some(0), &json!("replaced")));
    for bad in ["", "two words", "two\nlines"] {
        let (code, error) = as_json(world.run_with(&add, bad.into()).await);
        assert_eq!((code, &error["error"]["code"]), (Some(2), &json!("usage")), "{bad:?}");
    }
    let (code, _) = world.json(&["account", "add", "a b", "--refresh-token-file", "-"]).await;
    assert_eq!(code, Some(2));
    assert_eq!(world.sim.counters().rotations, 0, "nothing was presented to Zoom");
}

#[tokio::test]
async fn a_server_to_server_app_is_added_with_a_secret_of_its_own() {
    let world = World::new().await;
    let file = world.data.path().join("secret");
    std::fs::write(&file, "s2s-secret\n").expect("written");
    let file = file.to_str().expect("utf-8");
    let args = ["account", "add", "corp", "--server-to-server", "zoom-1", "--client-id", "s2s"];
    let (code, added) = world.json(&[&args[..], &["--client-secret-file", file]].concat()).await;
    assert_eq!((code, &added["kind"]), (Some(0), &json!("s2s")));
    let (_, shown) = world.json(&["account", "show", "corp"]).await;
    assert_eq!((&shown["zoom_account"], &shown["kind"]), (&json!("zoom-1"), &json!("s2s")));
    let (code, _) = world.json(&args).await;
    assert_eq!(code, Some(2), "a secret is needed");
}

#[tokio::test]
async fn twenty_thousand_accounts_are_imported_and_wrong_lines_named() {
    let world = World::new().await;
    let mut lines: Vec<String> = (0..20_000)
        .map(|n| {
            json!({"account": format!("a{n}"), "refresh_token": format!("rt-{n}")}).to_string()
        })
        .collect();
    let wrong = [
        (r#"{"account":"x","refresh_token":"hush""#, "not JSON"),
        (r#"{"account":"x"}"#, "refresh_token is missing"),
        (r#"{"account":"x y","refresh_token":"hush"}"#, "an account's name must be"),
        (r#"{"account":"x","refresh_token":"hush","refresh":1}"#, "a field is not one of"),
        (r#"{"account":"x","refresh_token":{"hush":1}}"#, "refresh_token is not a text"),
        (r#"{"account":"x","refresh_token":"hush","plan":"gold"}"#, "plan: expected one of"),
        (r#"{"account":"a7","refresh_token":"hush"}"#, "the account is in line 8 already"),
        (r#"{"account":"x","refresh_token":"rt-7"}"#, "is in line 8 already"),
        ("[]", "not a JSON object"),
    ];
    lines.extend(wrong.iter().map(|(line, _)| (*line).to_owned()));
    let file = lines.join("\n");
    let import = ["account", "import", "-", "--json"];
    let output = world.run_with(&import, file.clone()).await;
    assert!(!format!("{output:?}").contains("hush"), "a wrong line is not repeated");
    let (code, report) = as_json(output);
    assert_eq!(code, Some(1), "{report}");
    assert_eq!((&report["imported"], &report["failed"]), (&json!(20_000), &json!(wrong.len())));
    for (error, (line, message)) in report["errors"].as_array().expect("a list").iter().zip(wrong) {
        assert!(error["message"].as_str().is_some_and(|m| m.contains(message)), "{line}: {error}");
    }
    let (_, report) = as_json(world.run_with(&import, file).await);
    assert_eq!((&report["imported"], &report["unchanged"]), (&json!(0), &json!(20_000)));
    let (code, list) = world.json(&["account", "list", "--limit", "3", "--after", "a1999"]).await;
    let names: Vec<_> = list.as_array().expect("a list").iter().map(|a| &a["account"]).collect();
    assert_eq!((code, names.len()), (Some(0), 3));
    assert_eq!(names, ["a19990", "a19991", "a19992"]);
    assert_eq!(world.sim.counters().rotations, 0, "nothing was presented to Zoom");
}
