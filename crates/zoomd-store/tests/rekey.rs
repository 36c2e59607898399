//! Encryption again while grants change, against a real Redis.

use redis_local::RedisServer;
use secrecy::{ExposeSecret as _, SecretString};
use zoomd_store::encryption::KeyRing;
use zoomd_store::grants::{Conflict, Connected, Grants, NewGrant, Resealed};
use zoomd_store::rekey;
use zoomd_store::{Store, StoreConfig, meta};
use zoomd_wire::AccountName;

async fn grants(redis: &RedisServer, ring: &KeyRing) -> Grants {
    let store = Store::open(&StoreConfig::new(redis.unix_url(), "zoomd")).expect("a url");
    let vault = meta::open(&store, ring).await.expect("our namespace");
    Grants::new(store, vault)
}

fn new(account: &str, token: String) -> NewGrant {
    let name = AccountName::new(account).expect("a name");
    NewGrant::imported(name, SecretString::from(token), "https://zoom.us", "app")
}

#[tokio::test]
async fn what_is_stored_meanwhile_is_never_overwritten() {
    let redis = RedisServer::start().expect("redis-server is installed");
    let (old, newest) = (KeyRing::generate_key(), KeyRing::generate_key());
    let before = KeyRing::parse(Some(&old), None).expect("a key");
    let both = KeyRing::parse(Some(&newest), Some(&old)).expect("keys");
    let (stale, fresh) = (grants(&redis, &before).await, grants(&redis, &both).await);
    let name = AccountName::new("acme").expect("a name");
    stale.add(&new("acme", "rt-0".into()), false).await.expect("stored");

    // One task stores new tokens under the old key, the other encrypts again.
    let stores = async {
        for at in 1..=200 {
            let epoch = stale.choose_epoch(&name, []).await.expect("redis");
            let consent = new("acme", format!("rt-{at}"));
            let stored = stale.connect(&consent, epoch, Conflict::Refuse).await.expect("redis");
            assert!(matches!(stored, Connected::Stored { .. }));
        }
    };
    let seals = async {
        let mut done = 0;
        while done < 20 {
            fresh
                .rekey(|_, what| {
                    assert!(!matches!(what, Resealed::Failed(_)), "{what:?}");
                    done += u32::from(*what == Resealed::Done);
                })
                .await
                .ok();
            tokio::task::yield_now().await;
        }
    };
    let stored = tokio::join!(stores, async {
        tokio::select! {
            () = seals => {}
            () = tokio::time::sleep(std::time::Duration::from_secs(20)) => panic!("nothing sealed"),
        }
    });
    let ((), ()) = stored;
    fresh.rekey(|_, _| {}).await.expect("quiet now");
    let (_, secrets) = fresh.open(&name).await.expect("opens").expect("is there");
    let token = secrets.refresh_token.expect("a token");
    assert_eq!(token.expose_secret(), "rt-200");
}

#[tokio::test]
async fn a_survey_names_every_key_and_what_journals_told_is_kept() {
    let redis = RedisServer::start().expect("redis-server is installed");
    let key = KeyRing::generate_key();
    let ring = KeyRing::parse(Some(&key), None).expect("a key");
    let all = grants(&redis, &ring).await;
    let store = all.store();
    let many: Vec<_> = (0..1_200).map(|at| new(&format!("a{at}"), format!("rt-{at}"))).collect();
    all.import(&many, false, |_, _| {}).await.expect("stored");
    let id = ring.primary().expect("a key");
    let survey = rekey::survey(store).await.expect("redis");
    assert_eq!((survey.grants.get(&id), survey.secret), (Some(&1_200), Some(id)));
    assert_eq!((survey.grants.len(), survey.unreadable), (1, 0));
    let mut spoil = redis::cmd("HSET");
    spoil.arg(store.keys().grant("a7")).arg("sealed").arg("nonsense");
    store.connection().value(&spoil).await.expect("redis");
    assert_eq!(rekey::survey(store).await.expect("redis").unreadable, 1);

    let keys = [(id, 3)].into();
    rekey::tell(store, "one", &keys).await.expect("redis");
    rekey::tell(store, "two", &keys).await.expect("redis");
    rekey::tell(store, "two", &[].into()).await.expect("redis");
    let told = rekey::told(store).await.expect("redis");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].daemon.as_str(), &told[0].keys), ("one", &keys));
    store.clock().set_ms(31 * 86_400_000);
    assert!(rekey::told(store).await.expect("redis").is_empty(), "that is long ago");
    rekey::forget(store, "one").await.expect("redis");
}
