use serde_json::Value;
use sha2::Digest;
use zoom_sim::{App, Config, Consent, Sim, TokenState};

use crate::client::{Ask, Got, ask, create};

const BACK: &str = "http://localhost:3000/zoom";

fn authorize(extra: &str) -> Ask {
    let back = "http%3A%2F%2Flocalhost%3A3000%2Fzoom";
    ask(
        "GET",
        &format!(
            "/oauth/authorize?response_type=code&client_id=sim-client&redirect_uri={back}&state=s1{extra}"
        ),
    )
}

fn back(got: &Got, name: &str) -> Option<String> {
    assert_eq!(got.status, 302, "{}", got.text());
    let url = url::Url::parse(got.header("location")).expect("a URL");
    assert!(url.as_str().starts_with(BACK));
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn exchange(code: &str, redirect: &str, verifier: Option<&str>) -> Ask {
    let mut form =
        vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect)];
    form.extend(verifier.map(|v| ("code_verifier", v)));
    ask("POST", "/oauth/token").basic("sim-client", "sim-secret").form(&form)
}

#[tokio::test]
async fn consent_exchange_and_use() {
    let sim = Sim::start(Config::default()).await;
    let verifier = "a-verifier-that-is-long-enough-to-be-believed";
    let challenge = {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(verifier))
    };
    let extra = format!("&code_challenge={challenge}&code_challenge_method=S256&sim_user=ada");
    let got = authorize(&extra).of(&sim).await;
    assert_eq!(back(&got, "state").as_deref(), Some("s1"));
    let code = back(&got, "code").expect("a code");

    let got = exchange(&code, BACK, Some(verifier)).of(&sim).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let reply = got.json();
    assert_eq!(reply["token_type"], "bearer");
    assert_eq!(reply["expires_in"], 3599);
    assert_eq!(reply["api_url"], sim.url());
    assert!(reply["scope"].as_str().expect("scopes").contains("meeting:write:meeting"));
    let token = reply["access_token"].as_str().expect("a token");
    assert!(token.len() > 500, "as long as Zoom's");

    let me = ask("GET", "/v2/users/me").bearer(token).of(&sim).await.json();
    assert_eq!(me["email"], "ada@example.com");
    assert_eq!(create(token).of(&sim).await.status, 201);
    assert!(sim.counters().broken.none());

    // A code is good once.
    let again = exchange(&code, BACK, Some(verifier)).of(&sim).await;
    assert_eq!((again.status, again.json()["error"].as_str()), (400, Some("invalid_request")));
}

#[tokio::test]
async fn codes_that_are_refused() {
    let sim = Sim::start(Config::default()).await;
    let fresh = async |extra: &str| back(&authorize(extra).of(&sim).await, "code").expect("a code");
    let plain = "&code_challenge=plainly&code_challenge_method=plain";
    for (code, redirect, verifier, good) in [
        (fresh(plain).await, BACK, Some("plainly"), true),
        (fresh(plain).await, BACK, Some("other"), false),
        (fresh(plain).await, BACK, None, false),
        (fresh("").await, "http://localhost:3001/zoom", None, false),
        (fresh("").await, BACK, None, true),
    ] {
        let got = exchange(&code, redirect, verifier).of(&sim).await;
        assert_eq!(got.status == 200, good, "{redirect} {verifier:?}");
    }
    let late = fresh("").await;
    sim.advance(std::time::Duration::from_secs(301));
    assert_eq!(exchange(&late, BACK, None).of(&sim).await.status, 400);
    assert_eq!(sim.counters().broken.bad_code, 4);
}

#[tokio::test]
async fn the_user_says_no() {
    let sim = Sim::start(Config::default()).await;
    sim.consent_next(Consent { deny: true, ..Consent::default() });
    let got = authorize("").of(&sim).await;
    assert_eq!(back(&got, "error").as_deref(), Some("access_denied"));
    assert_eq!(back(&got, "code"), None);
    sim.consent_next(Consent { user: Some("bob".into()), ..Consent::default() });
    assert!(back(&authorize("").of(&sim).await, "code").is_some());
    assert!(sim.user("bob").is_some());
}

#[tokio::test]
async fn a_second_consent_kills_the_first_grant() {
    let sim = Sim::start(Config::default()).await;
    let first = sim.grant("ada");
    let second = sim.grant("ada");
    assert_eq!(sim.token_state(&first.access_token), TokenState::Dead);
    let state = |t: &zoom_sim::Tokens| sim.token_state(t.refresh_token.as_deref().expect("one"));
    assert_eq!((state(&first), state(&second)), (TokenState::Dead, TokenState::Live));
    assert_eq!(create(&first.access_token).of(&sim).await.json()["code"], 124);
    assert_eq!(sim.counters().broken.dead_access_token, 1);
}

#[tokio::test]
async fn clients_that_are_refused() {
    let sim = Sim::start(Config::default()).await;
    sim.add_app(App { client_id: "other".into(), ..App::default() });
    sim.add_app(App { client_id: "off".into(), disabled: true, ..App::default() });
    let tokens = sim.grant("ada");
    let token = tokens.refresh_token.expect("one");
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let as_client = async |id: &str, secret: &str| {
        ask("POST", "/oauth/token").basic(id, secret).form(&form).of(&sim).await.json()
    };
    let reason = as_client("sim-client", "wrong").await;
    assert_eq!(reason["error"], "invalid_client");
    assert_eq!(as_client("nobody", "sim-secret").await["error"], "invalid_client");
    assert_eq!(as_client("off", "sim-secret").await["error"], "unauthorized_client");
    assert_eq!(as_client("other", "sim-secret").await["error"], "invalid_grant");
    assert_eq!(sim.token_state(&token), TokenState::Live, "nothing was spent");

    let query = format!("/oauth/token?grant_type=refresh_token&refresh_token={token}");
    let got = ask("POST", &query).basic("sim-client", "sim-secret").form(&[]).of(&sim).await;
    assert_eq!(got.status, 400);
    let got = ask("POST", "/oauth/token")
        .basic("sim-client", "sim-secret")
        .json(&serde_json::json!({"grant_type": "refresh_token", "refresh_token": token}));
    assert_eq!(got.of(&sim).await.status, 400);
    let broken = sim.counters().broken;
    assert_eq!((broken.token_in_query, broken.wrong_content_type), (1, 1));
    assert_eq!(broken.wrong_client, 3);
    let path = format!("/v2/users/me?access_token={}", tokens.access_token);
    assert_eq!(ask("GET", &path).of(&sim).await.json()["code"], 124);
}

#[tokio::test]
async fn server_to_server() {
    let mut config = Config::default();
    config.apps.push(App::server_to_server("s2s", "s2s-secret", "acct-1"));
    let sim = Sim::start(config).await;
    sim.add_user(zoom_sim::UserSpec::named("boss").account("acct-1"));
    sim.add_user(zoom_sim::UserSpec::named("clerk").account("acct-1"));
    sim.add_user("stranger");
    let mint = || {
        let form = [("grant_type", "account_credentials"), ("account_id", "acct-1")];
        ask("POST", "/oauth/token").basic("s2s", "s2s-secret").form(&form)
    };
    let first = mint().of(&sim).await.json();
    assert!(first.get("refresh_token").is_none());
    let second = mint().of(&sim).await.json();
    let token = |reply: &Value| reply["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(sim.token_state(&token(&first)), TokenState::Live, "several may be used");

    let of = async |user: &str| {
        ask("GET", &format!("/v2/users/{user}/meetings")).bearer(&token(&second)).of(&sim).await
    };
    assert_eq!(of("clerk@example.com").await.status, 200);
    assert_eq!(of("me").await.status, 200);
    assert_eq!(of("stranger@example.com").await.json()["code"], 1001);

    sim.rules(|rules| rules.tokens.one_s2s_token = true);
    let third = mint().of(&sim).await.json();
    assert_eq!(sim.token_state(&token(&second)), TokenState::Dead);
    assert_eq!(sim.token_state(&token(&third)), TokenState::Live);

    let wrong = [("grant_type", "account_credentials"), ("account_id", "acct-1")];
    let got = ask("POST", "/oauth/token").basic("sim-client", "sim-secret").form(&wrong);
    assert_eq!(got.of(&sim).await.json()["error"], "unsupported_grant_type");
}

#[tokio::test]
async fn a_public_client_needs_its_verifier() {
    let sim = Sim::start(Config::default()).await;
    sim.add_app(App { client_secret: None, ..App::default() });
    let code = back(&authorize("&code_challenge=v").of(&sim).await, "code").expect("a code");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", BACK),
        ("client_id", "sim-client"),
        ("code_verifier", "v"),
    ];
    let got = ask("POST", "/oauth/token").form(&form).of(&sim).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let bare = back(&authorize("").of(&sim).await, "code").expect("a code");
    assert_eq!(exchange(&bare, BACK, None).of(&sim).await.status, 400);
}

#[tokio::test]
async fn revoke_kills_the_grant() {
    let sim = Sim::start(Config::default()).await;
    let tokens = sim.grant("ada");
    let revoke = || {
        ask("POST", "/oauth/revoke")
            .basic("sim-client", "sim-secret")
            .form(&[("token", &tokens.access_token)])
    };
    assert_eq!(revoke().of(&sim).await.json()["status"], "success");
    assert_eq!(revoke().of(&sim).await.status, 400);
    assert_eq!(create(&tokens.access_token).of(&sim).await.status, 401);
    assert!(sim.tokens("ada").is_none());
}
