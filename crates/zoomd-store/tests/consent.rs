//! Connect links and deauthorizations against a real Redis.

use std::time::Duration;

use redis_local::RedisServer;
use secrecy::ExposeSecret as _;
use zoomd_store::consent::{Deauthorization, Link, Links, NewLink, Nonce, STATE_LIFE, Taken};
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::{Grants, NewGrant, Plan, Removed};
use zoomd_store::{Store, StoreConfig, meta};
use zoomd_wire::AccountName;

struct World {
    _redis: RedisServer,
    grants: Grants,
    links: Links,
}

const DAY: Duration = Duration::from_secs(86_400);

async fn world() -> World {
    let redis = RedisServer::start().expect("redis-server is installed");
    let store = Store::open(&StoreConfig::new(redis.unix_url(), "zoomd")).expect("a url");
    let ring = KeyRing::parse(Some(&KeyRing::generate_key()), None).expect("a key");
    let vault = meta::open(&store, &ring).await.expect("a fresh namespace");
    World { _redis: redis, grants: Grants::new(store.clone(), vault), links: Links::new(store) }
}

fn name(text: &str) -> AccountName {
    AccountName::new(text).expect("a name")
}

impl World {
    async fn link(&self, account: &str) -> Nonce {
        let token = Nonce::generate();
        let new = NewLink {
            account: name(account),
            plan: None,
            take_over: false,
            life: 7 * DAY,
            label: None,
            return_to: None,
        };
        self.links.make(&token, &new, self.grants.vault()).await.expect("made");
        token
    }

    async fn look(&self, token: &Nonce) -> Option<Link> {
        self.links.look(token).await.expect("redis")
    }

    /// A consent asked for: the state and the browser's cookie.
    async fn begin(&self, token: &Nonce) -> (Nonce, Nonce) {
        let (state, browser) = (Nonce::generate(), Nonce::generate());
        let begun = self.links.begin(token, &state, &browser).await.expect("redis");
        assert!(begun.is_some(), "the link is valid");
        (state, browser)
    }

    async fn take(&self, state: &Nonce, browser: Option<&Nonce>) -> Taken {
        self.links.take(state, browser).await.expect("redis")
    }

    /// Everything in Redis, as text.
    async fn dump(&self) -> String {
        let conn = self.grants.store().connection();
        let keys: Vec<String> =
            redis::from_redis_value(conn.value(redis::cmd("KEYS").arg("*")).await.expect("redis"))
                .expect("names");
        let mut dump = format!("{keys:?}");
        for key in keys {
            for command in ["HGETALL", "LRANGE"] {
                let mut read = redis::cmd(command);
                read.arg(&key);
                if command == "LRANGE" {
                    read.arg(0).arg(-1);
                }
                if let Ok(value) = conn.value(&read).await {
                    dump.push_str(&format!("{value:?}"));
                }
            }
        }
        dump
    }
}

#[tokio::test]
async fn a_link_is_good_for_its_time_and_redis_holds_no_token_of_it() {
    let world = world().await;
    let token = Nonce::generate();
    let new = NewLink {
        account: name("acme"),
        plan: Some(Plan::Business),
        take_over: true,
        life: 7 * DAY,
        label: Some("Acme's meetings".to_owned()),
        return_to: Some("https://acme.test/done".to_owned()),
    };
    let until = world.links.make(&token, &new, world.grants.vault()).await.expect("made");
    let now = world.grants.store().now_ms().await.expect("redis");
    assert!((until - now - 7 * 86_400_000).abs() < 10_000, "{until} {now}");
    let link = world.look(&token).await.expect("good");
    assert_eq!((link.account.as_str(), link.plan), ("acme", Some(Plan::Business)));
    assert_eq!((link.take_over, link.until_ms), (true, until));
    assert_eq!(link.label.as_deref(), Some("Acme's meetings"));
    assert_eq!(link.return_to.as_deref(), Some("https://acme.test/done"));
    assert!(world.look(&Nonce::generate()).await.is_none());
    let (state, browser) = world.begin(&token).await;
    let dump = world.dump().await;
    for secret in [token.expose(), state.expose(), browser.expose()] {
        assert!(!dump.contains(secret), "it lies open");
    }
    world.grants.store().clock().set_ms(7 * 86_400_000 + 1);
    assert!(world.look(&token).await.is_none(), "its time is over");
    assert_eq!(world.take(&state, Some(&browser)).await, Taken::Unknown);
}

#[tokio::test]
async fn a_state_is_good_once_and_in_its_own_browser() {
    let world = world().await;
    let token = world.link("acme").await;
    let (state, browser) = world.begin(&token).await;
    assert_eq!(world.take(&state, None).await, Taken::Stranger);
    assert_eq!(world.take(&state, Some(&Nonce::generate())).await, Taken::Stranger);
    let Taken::Good(link) = world.take(&state, Some(&browser)).await else {
        panic!("the right browser is served after the wrong one");
    };
    assert_eq!(link.account.as_str(), "acme");
    assert_eq!(world.take(&state, Some(&browser)).await, Taken::Unknown, "once");
    assert_eq!(world.take(&Nonce::generate(), Some(&browser)).await, Taken::Unknown);

    let (late, browser) = world.begin(&token).await;
    let life = i64::try_from(STATE_LIFE.as_millis()).expect("fits");
    world.grants.store().clock().set_ms(life + 1);
    assert_eq!(world.take(&late, Some(&browser)).await, Taken::Unknown, "too late");
    world.grants.store().clock().set_ms(0);

    let (state, browser) = world.begin(&token).await;
    world.links.spend(&link.digest).await.expect("redis");
    assert_eq!(world.take(&state, Some(&browser)).await, Taken::Unknown, "its link is over");
    assert!(world.look(&token).await.is_none());
}

#[tokio::test]
async fn two_takers_of_one_state_are_one() {
    let world = world().await;
    let token = world.link("acme").await;
    let (state, browser) = world.begin(&token).await;
    let takes = (0..8).map(|_| world.take(&state, Some(&browser)));
    let taken = futures_util::future::join_all(takes).await;
    assert_eq!(taken.iter().filter(|t| matches!(t, Taken::Good(_))).count(), 1);
}

#[tokio::test]
async fn consents_asked_for_through_one_link_are_bounded() {
    let world = world().await;
    let token = world.link("acme").await;
    for _ in 0..100 {
        world.begin(&token).await;
    }
    let more = world.links.begin(&token, &Nonce::generate(), &Nonce::generate()).await;
    assert_eq!(more.expect("redis"), None);
}

#[tokio::test]
async fn what_was_removed_comes_back_only_by_a_link_made_afterwards() {
    let world = world().await;
    let new = NewGrant::imported(name("acme"), "rt-1".into(), "https://zoom.us", "app");
    world.grants.add(&new, false).await.expect("stored");
    let before = world.link("acme").await;
    let (state, browser) = world.begin(&before).await;
    let removed = world.grants.remove(&name("acme"), "by hand", None).await.expect("redis");
    assert!(matches!(removed, Removed::Done { .. }));
    assert!(world.look(&before).await.is_none());
    assert_eq!(world.take(&state, Some(&browser)).await, Taken::Unknown);
    let after = world.link("acme").await;
    assert!(world.look(&after).await.is_some());
    // A purge leaves an entry in `tomb` alone.
    let tomb = world.grants.vault().fingerprints().expect("a key").account("acme").to_string();
    let conn = world.grants.store().connection();
    let keys = world.grants.store().keys().clone();
    let mut bury = redis::cmd("HSET");
    bury.arg(keys.tombs()).arg(&tomb).arg("1700000000000-00000000");
    conn.value(&bury).await.expect("redis");
    conn.value(redis::cmd("DEL").arg(keys.account("acme"))).await.expect("redis");
    assert!(world.look(&after).await.is_none());
    let last = world.link("acme").await;
    assert!(world.look(&last).await.is_some());
}

#[tokio::test]
async fn a_verifier_is_made_anew_from_what_comes_back() {
    let world = world().await;
    let keys = world.grants.vault().fingerprints().expect("a key");
    let one = keys.verifier("s", "c");
    assert_eq!(one.expose_secret().len(), 43);
    assert_eq!(keys.verifier("s", "c").expose_secret(), one.expose_secret());
    for other in [keys.verifier("s2", "c"), keys.verifier("s", "c2"), keys.verifier("sc", "")] {
        assert_ne!(other.expose_secret(), one.expose_secret());
    }
}

#[tokio::test]
async fn a_deauthorization_waits_until_it_is_carried_out() {
    let world = world().await;
    let deauthorization = |at_ms| Deauthorization {
        client_id: "app".into(),
        zoom_user: "u|1".into(),
        zoom_account: Some("z1".into()),
        at_ms,
    };
    assert!(world.links.note(&deauthorization(1_000)).await.expect("redis"));
    assert!(!world.links.note(&deauthorization(1_000)).await.expect("redis"), "told twice");
    assert!(!world.links.note(&deauthorization(999)).await.expect("redis"), "an older one");
    assert_eq!(world.links.deauthorizations().await.expect("redis"), [deauthorization(1_000)]);
    assert!(world.links.note(&deauthorization(2_000)).await.expect("redis"));
    world.links.done(&deauthorization(1_000)).await.expect("redis");
    assert_eq!(
        world.links.deauthorizations().await.expect("redis"),
        [deauthorization(2_000)],
        "a later one came"
    );
    world.links.done(&deauthorization(2_000)).await.expect("redis");
    assert!(world.links.deauthorizations().await.expect("redis").is_empty());
}
