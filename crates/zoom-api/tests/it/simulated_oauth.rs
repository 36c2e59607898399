//! Consent, exchange, refresh and revoke against the simulated Zoom.

use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use url::Url;
use zoom_api::{
    AccessToken, App, Client, Pkce, RefusalCause, RefusalKind, RetryAfter, TokenRefusal, TokenReply,
};
use zoom_sim::{Config, Endpoint, Fault, LimitKind, Sim, TokenState, What};

use crate::server::{header, read_all, settings};

const REDIRECT: &str = "http://localhost:3000/zoom";

pub async fn world(config: Config) -> (Sim, Client) {
    let sim = Sim::start(config).await;
    let client = Client::new(settings(sim.url())).unwrap();
    (sim, client)
}

fn app() -> App {
    App::new("sim-client", SecretString::from("sim-secret"))
}

/// Visits the consent page as a browser does; answers where it leads back to.
async fn consent(sim: &Sim, url: &Url) -> Url {
    let mut stream = TcpStream::connect(sim.address()).await.unwrap();
    let target = &url[url::Position::BeforePath..];
    let request = format!("GET {target} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = String::from_utf8(read_all(&mut stream).await).unwrap();
    Url::parse(header(&answer, "location").expect("a way back")).unwrap()
}

fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

async fn exchange(client: &Client, code: &str, pkce: &Pkce) -> Result<TokenReply, TokenRefusal> {
    let code = SecretString::from(code);
    client.exchange_code(&app(), &code, REDIRECT, pkce).await.unwrap().parse()
}

async fn refresh(client: &Client, app: &App, token: &str) -> Result<TokenReply, TokenRefusal> {
    client.refresh(app, &SecretString::from(token)).await.unwrap().parse()
}

#[tokio::test]
async fn consent_is_exchanged_with_pkce() {
    let (sim, client) = world(Config::unlimited()).await;
    let pkce = Pkce::generate();
    let url = client.authorize_url(&app(), REDIRECT, "st&te", &pkce);
    let back = consent(&sim, &url).await;
    assert_eq!(query(&back, "state").as_deref(), Some("st&te"));
    let code = query(&back, "code").unwrap();
    let reply = exchange(&client, &code, &pkce).await.unwrap();
    assert!(reply.scope.as_deref().unwrap().contains("meeting:write:meeting"));
    assert!(reply.expires_in.is_some_and(|seconds| (3500..=3600).contains(&seconds)));
    let token = AccessToken::new(reply.access_token.expose_secret()).unwrap();
    let owner = sim.user("owner").unwrap();
    let me = client.users_me(&token).await.unwrap().user().unwrap();
    assert_eq!((&me.id, me.account_id.as_ref()), (&owner.id, Some(&owner.account)));
    assert_eq!(me.email.as_ref(), Some(&owner.email));
    let claims = token.claims().expect("a JWT");
    assert_eq!((claims.user_id, claims.account_id), (Some(owner.id), Some(owner.account)));

    let again = exchange(&client, &code, &pkce).await.unwrap_err();
    assert_eq!(again.kind, RefusalKind::DeadGrant, "a code works once");
    assert_eq!(sim.counters().broken.bad_code, 1);
}

#[tokio::test]
async fn another_verifier_is_refused() {
    let (sim, client) = world(Config::unlimited()).await;
    let url = client.authorize_url(&app(), REDIRECT, "s", &Pkce::generate());
    let code = query(&consent(&sim, &url).await, "code").unwrap();
    let refusal = exchange(&client, &code, &Pkce::generate()).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::DeadGrant);
}

#[tokio::test]
async fn a_refresh_spends_the_token() {
    let (sim, client) = world(Config::unlimited()).await;
    let first = sim.grant("ada").refresh_token.unwrap();
    let second = refresh(&client, &app(), &first).await.unwrap().refresh_token.unwrap();
    assert_eq!(sim.token_state(&first), TokenState::Spent);
    assert_eq!(sim.token_state(second.expose_secret()), TokenState::Live);
    let refusal = refresh(&client, &app(), &first).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.status), (RefusalKind::DeadGrant, 400));
    assert!(refusal.is_answer());
    assert!(!refusal.to_string().contains(&first));
}

#[tokio::test]
async fn a_wrong_app_is_not_the_grants_fault() {
    let (sim, client) = world(Config::unlimited()).await;
    let token = sim.grant("ada").refresh_token.unwrap();
    let wrong = App::new("sim-client", SecretString::from("no"));
    assert_eq!(refresh(&client, &wrong, &token).await.unwrap_err().kind, RefusalKind::App);
    let disabled = zoom_sim::App { disabled: true, ..zoom_sim::App::default() };
    sim.add_app(disabled);
    let refusal = refresh(&client, &app(), &token).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::App);
    assert_eq!(refusal.cause(), Some(RefusalCause::AppDisabled));
    assert_eq!(sim.rotations("ada"), 0);
}

#[tokio::test]
async fn a_server_to_server_app_asks_again() {
    let (sim, client) = world(Config::unlimited()).await;
    sim.add_app(zoom_sim::App::server_to_server("s2s", "secret", "acc"));
    let app = App::new("s2s", SecretString::from("secret"));
    for _ in 0..2 {
        let reply = client.account_credentials(&app, "acc").await.unwrap().parse().unwrap();
        assert!(reply.refresh_token.is_none());
        let token = AccessToken::new(reply.access_token.expose_secret()).unwrap();
        assert_eq!(client.users_me(&token).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn revoke_ends_the_grant() {
    let (sim, client) = world(Config::unlimited()).await;
    let tokens = sim.grant("ada");
    let token = SecretString::from(tokens.access_token.as_str());
    client.revoke(&app(), &token).await.unwrap().revoked().unwrap();
    assert_ne!(sim.token_state(&tokens.access_token), TokenState::Live);
    let dead = tokens.refresh_token.unwrap();
    let refusal = refresh(&client, &app(), &dead).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::DeadGrant);
}

#[tokio::test]
async fn trouble_of_the_token_endpoint_is_sorted() {
    let (sim, client) = world(Config::unlimited()).await;
    let token = sim.grant("ada").refresh_token.unwrap();
    let table = [
        (What::Status(503), RefusalKind::Server),
        (What::Html(200), RefusalKind::Unreadable),
        (What::Html(400), RefusalKind::Unreadable),
        (What::MalformedJson, RefusalKind::Unreadable),
        (What::Limit(LimitKind::PerSecond), RefusalKind::RateLimited),
    ];
    for (what, kind) in table {
        sim.fault(Fault::new(Endpoint::Token, what.clone()));
        let refusal = refresh(&client, &app(), &token).await.unwrap_err();
        assert_eq!(refusal.kind, kind, "{what:?}");
        assert!(refusal.retry_after.is_none_or(|r| matches!(r, RetryAfter::At(_))), "{what:?}");
    }
    let odd = ["scope", "expires_in", "api_url"].map(str::to_owned).to_vec();
    sim.fault(Fault::new(Endpoint::Token, What::TokenWithout(odd)));
    let current = sim.tokens("ada").unwrap().refresh_token.unwrap();
    let reply = refresh(&client, &app(), &current).await.unwrap();
    assert!(reply.refresh_token.is_some() && reply.scope.is_none() && reply.expires_in.is_none());
}
