use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::client::{ask, create};

#[tokio::test]
async fn the_binary_prints_its_url_and_serves() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_zoom-sim"))
        .args(["--plan", "free", "--tokens", "tolerant:1", "--access-ttl", "60"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let url = lines.next_line().await.expect("readable").expect("a line");
    let address = url.strip_prefix("http://").expect("a URL").to_owned();
    let body = serde_json::json!({"user": "ada"});
    let got = ask("POST", "/_sim/grants").json(&body).to(&address).await.expect("an answer");
    let grant = got.json();
    assert_eq!(grant["tokens"]["expires_in"], 60);
    let token = grant["tokens"]["access_token"].as_str().expect("a token");
    assert_eq!(create(token).to(&address).await.expect("an answer").status, 201);
    let rules = ask("GET", "/_sim/rules").to(&address).await.expect("an answer").json();
    assert_eq!(rules["tokens"]["reuse"]["tolerant"], 1);
    assert_eq!(rules["limits"]["user_day"], 100);
}

#[tokio::test]
async fn nonsense_is_refused() {
    let run = async |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_zoom-sim")).args(args).output().await;
        out.expect("it runs").status.code()
    };
    assert_eq!(run(&["--tokens", "lenient"]).await, Some(2));
    assert_eq!(run(&["--config", "/nowhere/at/all.json"]).await, Some(2));
}
