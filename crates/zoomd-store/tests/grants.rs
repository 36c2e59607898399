//! Accounts and grants against a real Redis.

use redis::Value;
use redis_local::{Options, RedisServer};
use secrecy::{ExposeSecret as _, SecretString};
use zoomd_store::encryption::{KeyRing, SealError};
use zoomd_store::grants::{
    AccountState, Change, Conflict, Connected, Epoch, GrantError, Grants, Identity, Learnt,
    NewGrant, Plan, Purged, Put, Removed, Resealed,
};
use zoomd_store::listener::Heard;
use zoomd_store::meta::{self, MetaError};
use zoomd_store::rekey;
use zoomd_store::{ErrorKind, Store, StoreConfig, StoreError};
use zoomd_wire::AccountName;

const ISSUER: &str = "https://zoom.us";
const APP: &str = "app-1";

fn ring() -> KeyRing {
    KeyRing::parse(Some(&KeyRing::generate_key()), None).expect("a key")
}

fn store(redis: &RedisServer, namespace: &str, deployment: &str) -> Store {
    let mut config = StoreConfig::new(redis.unix_url(), namespace);
    config.deployment = deployment.into();
    Store::open(&config).expect("a url")
}

async fn grants_of(redis: &RedisServer, ring: &KeyRing) -> Grants {
    let store = store(redis, "zoomd", "default");
    let vault = meta::open(&store, ring).await.expect("a fresh namespace");
    Grants::new(store, vault)
}

async fn fresh() -> (RedisServer, Grants) {
    let redis = RedisServer::start().expect("redis-server is installed");
    let grants = grants_of(&redis, &ring()).await;
    (redis, grants)
}

fn name(text: &str) -> AccountName {
    AccountName::new(text).expect("a name")
}

fn imported(account: &str, token: &str) -> NewGrant {
    NewGrant::imported(name(account), SecretString::from(token), ISSUER, APP)
}

fn consent(account: &str, token: &str, user: &str) -> NewGrant {
    let mut new = imported(account, token);
    new.secrets.access_token = Some(format!("at-{token}").into());
    new.identity = Identity {
        zoom_user: Some(user.into()),
        zoom_account: Some(format!("z-{user}")),
        aliases: vec![format!("{user}@Example.com")],
    };
    new.scope = Some("meeting:write:meeting".into());
    new.access_expires_ms = 4_000_000_000_000;
    new.obtained_ms = 1_700_000_000_000;
    new
}

async fn connect(grants: &Grants, new: &NewGrant, conflict: Conflict) -> Connected {
    let epoch = grants.choose_epoch(&new.account, []).await.expect("redis");
    grants.connect(new, epoch, conflict).await.expect("stored")
}

async fn stored_token(grants: &Grants, account: &str) -> Option<String> {
    let (_, secrets) = grants.open(&name(account)).await.expect("opens")?;
    secrets.refresh_token.map(|token| token.expose_secret().to_owned())
}

async fn state(grants: &Grants, account: &str) -> AccountState {
    grants.account(&name(account)).await.expect("redis").expect("is there").state
}

async fn run(grants: &Grants, words: &[&str]) -> Value {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    grants.store().connection().value(&command).await.expect("redis")
}

/// The public events, as name, account and JSON.
async fn events(grants: &Grants) -> Vec<(String, String, serde_json::Value)> {
    type Entry = (String, Vec<(String, String)>);
    let entries: Vec<Entry> =
        redis::from_redis_value(run(grants, &["XRANGE", "zoomd:events", "-", "+"]).await)
            .expect("a stream");
    let field = |fields: &[(String, String)], name: &str| {
        fields.iter().find(|(key, _)| key == name).expect("has it").1.clone()
    };
    entries
        .iter()
        .map(|(_, fields)| {
            let json = serde_json::from_str(&field(fields, "data")).expect("JSON");
            (field(fields, "event"), field(fields, "account"), json)
        })
        .collect()
}

#[tokio::test]
async fn an_imported_token_is_stored_sealed_and_read_back() {
    let (_redis, grants) = fresh().await;
    let mut new = imported("acme", "rt-1");
    new.plan = Some(Plan::Business);
    let put = grants.add(&new, false).await.expect("stored");
    assert!(matches!(put, Put::Stored { before: None, waiting: 0, .. }), "{put:?}");
    let account = grants.account(&name("acme")).await.expect("redis").expect("is there");
    assert_eq!((account.state, account.plan), (AccountState::Active, Plan::Business));
    assert_eq!(stored_token(&grants, "acme").await.as_deref(), Some("rt-1"));
    let record = grants.grant(&name("acme")).await.expect("redis").expect("is there");
    assert_eq!((record.issuer.as_str(), record.client_id.as_str()), (ISSUER, APP));
    assert_eq!(record.fp, grants.vault().fingerprint(&"rt-1".into()).expect("a key"));
    let line = &grants.timeline(&name("acme"), 10).await.expect("redis")[0];
    assert_eq!((line.what.as_str(), line.fp.clone()), ("imported", Some(record.fp.short())));
    assert!(line.at > 1_700_000_000_000);
    let all = events(&grants).await;
    assert_eq!((all[0].0.as_str(), all[0].1.as_str()), ("account.connected", "acme"));
    assert_eq!(all[0].2["waiting_jobs"], 0);
    let at = all[0].2["at"].as_str().expect("a time").parse().expect("RFC 3339");
    let kind = zoomd_wire::EventKind::Connected;
    let public = zoomd_wire::Event { at, account: "acme", kind }.to_json();
    let public: serde_json::Value = serde_json::from_str(&public).expect("JSON");
    for (field, value) in public.as_object().expect("an object") {
        assert_eq!(&all[0].2[field], value, "{field} is as the contract's own writer has it");
    }
    let dump = format!("{:?}", run(&grants, &["HGETALL", "zoomd:v1:grant:acme"]).await);
    assert!(!dump.contains("rt-1"), "the token lies open");
}

#[tokio::test]
async fn adding_again_keeps_what_can_be_used() {
    let (_redis, grants) = fresh().await;
    grants.add(&imported("acme", "rt-1"), false).await.expect("stored");
    let again = grants.add(&imported("acme", "rt-1"), true).await.expect("asked");
    assert_eq!(again, Put::There { state: AccountState::Active });
    let other = grants.add(&imported("acme", "rt-2"), false).await.expect("asked");
    assert_eq!(other, Put::Kept { state: AccountState::Active });
    assert_eq!(stored_token(&grants, "acme").await.as_deref(), Some("rt-1"));
    let replaced = grants.add(&imported("acme", "rt-2"), true).await.expect("stored");
    assert!(matches!(replaced, Put::Stored { before: Some(AccountState::Active), .. }));
    assert_eq!(stored_token(&grants, "acme").await.as_deref(), Some("rt-2"));
    // An account in need takes another token without confirmation, but not the invalid one.
    run(&grants, &["HSET", "zoomd:v1:account:acme", "st", "needs_reauth"]).await;
    let dead = grants.add(&imported("acme", "rt-2"), false).await.expect("asked");
    assert_eq!(dead, Put::There { state: AccountState::NeedsReauth });
    let mended = grants.add(&imported("acme", "rt-3"), false).await.expect("stored");
    assert!(matches!(mended, Put::Stored { before: Some(AccountState::NeedsReauth), .. }));
    assert_eq!(state(&grants, "acme").await, AccountState::Active);
}

#[tokio::test]
async fn without_a_key_nothing_is_stored() {
    let redis = RedisServer::start().expect("redis-server is installed");
    let grants = grants_of(&redis, &KeyRing::empty()).await;
    let error = grants.add(&imported("acme", "rt-1"), false).await.expect_err("no key");
    assert!(matches!(error, GrantError::Seal(SealError::NoKey)), "{error}");
    assert!(grants.account(&name("acme")).await.expect("redis").is_none());
    assert_eq!(grants.count().await.expect("redis"), 0);
}

#[tokio::test]
async fn a_wrong_key_and_another_deployment_are_refused() {
    let redis = RedisServer::start().expect("redis-server is installed");
    let key = ring();
    let grants = grants_of(&redis, &key).await;
    grants.add(&imported("acme", "rt-1"), false).await.expect("stored");

    let error = meta::open(grants.store(), &ring()).await.expect_err("another key");
    assert!(matches!(&error, MetaError::Seal(SealError::WrongKey { .. })), "{error}");
    let copy = store(&redis, "zoomd", "staging");
    let error = meta::open(&copy, &key).await.expect_err("another deployment");
    assert!(matches!(&error, MetaError::Deployment { found, .. } if found == "default"));
    // A copy that was renamed manually decrypts nothing.
    run(&grants, &["HSET", "zoomd:v1:meta", "deployment", "staging"]).await;
    let error = meta::open(&copy, &key).await.expect_err("sealed for the other");
    assert!(matches!(&error, MetaError::Seal(SealError::Damaged { .. })), "{error}");
    run(&grants, &["HSET", "zoomd:v1:meta", "deployment", "default", "layout", "3"]).await;
    let error = meta::open(grants.store(), &key).await.expect_err("newer");
    assert!(
        matches!(&error, MetaError::Store(error) if error.kind() == zoomd_store::ErrorKind::Layout),
        "{error}"
    );
}

#[tokio::test]
async fn a_token_keeps_its_fingerprint_through_restarts() {
    let redis = RedisServer::start().expect("redis-server is installed");
    let key = ring();
    let one = grants_of(&redis, &key).await;
    let two = grants_of(&redis, &key).await;
    let token: SecretString = "rt".into();
    assert_eq!(
        one.vault().fingerprint(&token).expect("a key"),
        two.vault().fingerprint(&token).expect("a key")
    );
}

#[tokio::test]
async fn a_consent_replaces_the_grant_and_keeps_the_settings() {
    let (_redis, grants) = fresh().await;
    grants.add(&imported("acme", "rt-1"), false).await.expect("stored");
    let change = Change { plan: Some(Plan::Free), cap: Some(3), ..Change::default() };
    assert!(grants.set(&name("acme"), change).await.expect("redis"));
    assert!(grants.pause(&name("acme"), "audit").await.expect("redis"));
    for field in ["lk", "int"] {
        run(&grants, &["HSET", "zoomd:v1:account:acme", field, "x"]).await;
    }
    let new = consent("acme", "rt-2", "u1");
    let connected = connect(&grants, &new, Conflict::Refuse).await;
    assert!(matches!(connected, Connected::Stored { before: Some(AccountState::Active), .. }));
    let account = grants.account(&name("acme")).await.expect("redis").expect("is there");
    assert_eq!((account.plan, account.cap), (Plan::Free, Some(3)));
    assert_eq!(account.paused.as_deref(), Some("audit"));
    assert_eq!(account.zoom_account.as_deref(), Some("z-u1"));
    assert_eq!(account.aliases, ["u1@example.com", "u1"]);
    assert!(account.lease.is_none() && account.intent.is_none(), "the gate is open");
    assert!(grants.resume(&name("acme")).await.expect("redis"));
    let account = grants.account(&name("acme")).await.expect("redis").expect("is there");
    assert_eq!(account.paused, None);
    assert!(!grants.pause(&name("nobody"), "").await.expect("redis"));
}

#[tokio::test]
async fn an_older_consent_is_refused_and_a_slow_clock_is_not() {
    let (_redis, grants) = fresh().await;
    let first = grants.choose_epoch(&name("acme"), []).await.expect("redis");
    let second = grants.choose_epoch(&name("acme"), [first]).await.expect("redis");
    assert!(second > first);
    let stored = grants.connect(&consent("acme", "rt-2", "u1"), second, Conflict::Refuse).await;
    assert!(matches!(stored, Ok(Connected::Stored { .. })));
    let late = grants.connect(&consent("acme", "rt-1", "u1"), first, Conflict::Refuse).await;
    assert_eq!(late.expect("asked"), Connected::Older);
    let again = grants.connect(&consent("acme", "rt-2", "u1"), second, Conflict::Refuse).await;
    assert!(matches!(again, Ok(Connected::Stored { .. })), "a lost reply costs nothing");
    assert_eq!(stored_token(&grants, "acme").await.as_deref(), Some("rt-2"));
    // The clock of Redis goes back an hour: a new consent is still the newer one.
    grants.store().clock().set_ms(-3_600_000);
    let back = connect(&grants, &consent("acme", "rt-3", "u1"), Conflict::Refuse).await;
    assert!(matches!(back, Connected::Stored { .. }), "{back:?}");
    assert_eq!(stored_token(&grants, "acme").await.as_deref(), Some("rt-3"));
}

#[tokio::test]
async fn a_zoom_user_has_one_account_here() {
    let (_redis, grants) = fresh().await;
    connect(&grants, &consent("first", "rt-1", "u1"), Conflict::Refuse).await;
    let held = connect(&grants, &consent("second", "rt-2", "u1"), Conflict::Refuse).await;
    assert_eq!(held, Connected::HeldBy { account: name("first") });
    assert!(grants.account(&name("second")).await.expect("redis").is_none());

    let moved = connect(&grants, &consent("second", "rt-3", "u1"), Conflict::TakeOver).await;
    assert!(matches!(moved, Connected::Stored { before: None, .. }));
    assert_eq!(state(&grants, "first").await, AccountState::Superseded);
    assert_eq!(stored_token(&grants, "first").await, None, "a dead token is erased");
    let holder = grants.holder(APP, "u1").await.expect("redis");
    assert_eq!(holder.as_deref(), Some("second"));
    let all = events(&grants).await;
    let told = all.iter().find(|(event, ..)| event == "account.needs_reauth").expect("told");
    assert_eq!((told.1.as_str(), &told.2["reason"]), ("first", &"superseded".into()));

    // A consent by another user for the same account frees it.
    let again = connect(&grants, &consent("first", "rt-4", "u2"), Conflict::Refuse).await;
    assert!(matches!(again, Connected::Stored { before: Some(AccountState::Superseded), .. }));
}

#[tokio::test]
async fn what_a_late_rotation_learns_is_of_its_own_grant() {
    let (_redis, grants) = fresh().await;
    grants.add(&imported("acme", "rt-1"), false).await.expect("stored");
    grants.add(&imported("beta", "rt-2"), false).await.expect("stored");
    let epoch = |account: &'static str| async {
        let record = grants.account(&name(account)).await.expect("redis").expect("is there");
        record.version.expect("has one").epoch
    };
    let identity = consent("acme", "", "u1").identity;
    let learnt = grants.learn(&name("acme"), epoch("acme").await, &identity).await;
    assert_eq!(learnt.expect("redis"), Learnt::Stored);
    let twice = grants.learn(&name("beta"), epoch("beta").await, &identity).await;
    assert_eq!(twice.expect("redis"), Learnt::AlsoHeldBy { account: "acme".into() });
    let old = Epoch::choose(1, [], 0);
    let late = grants.learn(&name("acme"), old, &identity).await.expect("redis");
    assert_eq!(late, Learnt::Changed);
}

#[tokio::test]
async fn a_removed_account_comes_back_only_by_a_new_consent() {
    let (_redis, grants) = fresh().await;
    connect(&grants, &consent("acme", "rt-1", "u1"), Conflict::Refuse).await;
    let record = grants.account(&name("acme")).await.expect("redis").expect("is there");
    let epoch = record.version.expect("has one").epoch;
    let late = Epoch::choose(1, [], 0);
    let other = grants.remove(&name("acme"), "deauthorized", Some(late)).await.expect("redis");
    assert_eq!(other, Removed::Changed);
    let done = grants.remove(&name("acme"), "by hand", Some(epoch)).await.expect("redis");
    assert_eq!(done, Removed::Done { before: Some(AccountState::Active), waiting: 0 });
    assert_eq!(state(&grants, "acme").await, AccountState::Removed);
    assert_eq!(stored_token(&grants, "acme").await, None);
    assert_eq!(grants.holder(APP, "u1").await.expect("redis"), None);
    let all = events(&grants).await;
    assert_eq!(all.last().expect("told").0, "account.removed");

    // A consent of the same epoch does not restore it, for any generation.
    let tomb = grants.account(&name("acme")).await.expect("redis").expect("stays");
    let tomb = tomb.version.expect("carries its epoch");
    assert!(tomb.epoch == epoch && tomb > record.version.expect("has one").next());
    let same = grants.connect(&consent("acme", "rt-2", "u1"), epoch, Conflict::Refuse).await;
    assert_eq!(same.expect("asked"), Connected::Older);
    let again = connect(&grants, &consent("acme", "rt-3", "u1"), Conflict::Refuse).await;
    assert!(matches!(again, Connected::Stored { before: Some(AccountState::Removed), .. }));
    assert_eq!(grants.remove(&name("nobody"), "x", None).await.expect("redis"), Removed::NoAccount);
}

#[tokio::test]
async fn a_sleeping_account_is_woken_by_its_login() {
    let (_redis, grants) = fresh().await;
    grants.add(&imported("acme", "rt-1"), false).await.expect("stored");
    run(&grants, &["HSET", "zoomd:v1:account:acme", "st", "needs_reauth"]).await;
    run(&grants, &["ZADD", "zoomd:v1:rooms:acme", "1", "me"]).await;
    run(&grants, &["HSET", "zoomd:v1:payload:acme", "job-1", "{}"]).await;
    run(&grants, &["ZADD", "zoomd:v1:asleep", "9999999999999", "acme", "9999999999999", "beta"])
        .await;
    let mut heard = grants.store().listen(vec!["zoomd:v1:wake".to_owned()]);
    assert_eq!(heard.next().await, Heard::Missed);
    let connected = connect(&grants, &consent("acme", "rt-2", "u1"), Conflict::Refuse).await;
    assert!(matches!(connected, Connected::Stored { waiting: 1, .. }), "{connected:?}");
    let mut said = Vec::new();
    for _ in 0..2 {
        let message = tokio::time::timeout(std::time::Duration::from_secs(5), heard.next()).await;
        let Heard::Message { text, .. } = message.expect("in time") else { panic!("it broke") };
        said.push(text);
    }
    assert_eq!(said, ["q", "t:acme"]);
    let ring = run(&grants, &["ZRANGE", "zoomd:v1:ring", "0", "-1"]).await;
    assert_eq!(redis::from_redis_value::<Vec<String>>(ring).expect("names"), ["acme"]);
    let asleep = run(&grants, &["ZRANGE", "zoomd:v1:asleep", "0", "-1"]).await;
    assert_eq!(redis::from_redis_value::<Vec<String>>(asleep).expect("names"), ["beta"]);
}

#[tokio::test]
async fn twenty_thousand_are_imported_in_one_go_and_again() {
    let (_redis, grants) = fresh().await;
    let all: Vec<_> =
        (0..20_000).map(|n| imported(&format!("account-{n:05}"), &format!("rt-{n}"))).collect();
    grants.import(&all[..5_000], false, |_, _| {}).await.expect("stored");
    grants.remove(&name("account-00007"), "x", None).await.expect("redis");
    let (mut stored, mut there) = (0, 0);
    let start = std::time::Instant::now();
    let each = |_: &NewGrant, put: &Put| match put {
        Put::Stored { .. } => stored += 1,
        Put::There { .. } => there += 1,
        other => panic!("{other:?}"),
    };
    grants.import(&all, false, each).await.expect("stored");
    println_time("import of 15,001 of 20,000", start.elapsed());
    assert_eq!((stored, there), (15_001, 4_999));
    assert_eq!(grants.count().await.expect("redis"), 20_000);

    let mut seen = 0;
    let mut after: Option<String> = None;
    loop {
        let page = grants.page(after.as_deref(), 500).await.expect("redis");
        let Some(last) = page.last() else { break };
        assert!(after.as_deref().is_none_or(|name| name < page[0].account.name.as_str()));
        after = Some(last.account.name.to_string());
        seen += page.len();
    }
    assert_eq!(seen, 20_000);
    assert_eq!(stored_token(&grants, "account-19999").await.as_deref(), Some("rt-19999"));
}

#[expect(clippy::print_stderr, reason = "a figure for whoever reads the test's output")]
fn println_time(what: &str, took: std::time::Duration) {
    eprintln!("{what}: {took:?}");
}

#[tokio::test]
async fn a_key_that_is_not_ours_is_named_and_left_alone() {
    let (_redis, grants) = fresh().await;
    run(&grants, &["SET", "zoomd:v1:grant:acme", "not a grant"]).await;
    let all = [imported("acme", "rt-1"), imported("beta", "rt-2")];
    let mut answers = Vec::new();
    grants.import(&all, false, |_, put| answers.push(put.clone())).await.expect("asked");
    assert_eq!(answers[0], Put::Broken { key: "zoomd:v1:grant:acme".into() });
    assert!(matches!(answers[1], Put::Stored { .. }), "the other is stored");
    assert!(grants.account(&name("acme")).await.expect("redis").is_none(), "not half stored");
    let error = grants.remove(&name("acme"), "x", None).await.expect_err("not ours");
    let kind = |error: &GrantError| match error {
        GrantError::Store(error) => error.kind(),
        GrantError::Seal(_) | _ => panic!("{error}"),
    };
    assert_eq!(kind(&error), ErrorKind::WrongType);
}

#[tokio::test]
async fn a_full_redis_takes_a_consent_and_refuses_an_import() {
    let redis = RedisServer::start_with(Options {
        args: vec!["--maxmemory-policy".into(), "noeviction".into()],
        ..Options::default()
    })
    .expect("redis-server is installed");
    let grants = grants_of(&redis, &ring()).await;
    run(&grants, &["CONFIG", "SET", "maxmemory", "1"]).await;
    let refused = grants.add(&imported("acme", "rt-1"), false).await.expect_err("full");
    assert!(
        matches!(&refused, GrantError::Store(error) if error.kind() == ErrorKind::OutOfMemory),
        "{refused}"
    );
    let connected = connect(&grants, &consent("acme", "rt-2", "u1"), Conflict::Refuse).await;
    assert!(matches!(connected, Connected::Stored { .. }), "{connected:?}");
    let removed = grants.remove(&name("acme"), "x", None).await.expect("frees memory");
    assert!(matches!(removed, Removed::Done { .. }));
}

#[tokio::test]
async fn a_damaged_grant_is_told_from_a_wrong_key() {
    let (_redis, grants) = fresh().await;
    grants.add(&imported("acme", "rt-1"), false).await.expect("stored");
    grants.add(&imported("beta", "rt-2"), false).await.expect("stored");
    let sealed = run(&grants, &["HGET", "zoomd:v1:grant:beta", "sealed"]).await;
    let sealed: String = redis::from_redis_value(sealed).expect("text");
    run(&grants, &["HSET", "zoomd:v1:grant:acme", "sealed", &sealed]).await;
    let error = grants.open(&name("acme")).await.expect_err("another's tokens");
    assert!(matches!(error, GrantError::Seal(SealError::Damaged { .. })), "{error}");
    run(&grants, &["HSET", "zoomd:v1:grant:acme", "ep", "nonsense"]).await;
    let error: StoreError = grants.grant(&name("acme")).await.expect_err("not a record");
    assert!(!error.to_string().contains("rt-"), "{error}");
}

#[tokio::test]
async fn everything_is_sealed_anew_under_another_key() {
    let redis = RedisServer::start().expect("redis-server is installed");
    let (old, new) = (KeyRing::generate_key(), KeyRing::generate_key());
    let before = KeyRing::parse(Some(&old), None).expect("a key");
    let both = KeyRing::parse(Some(&new), Some(&old)).expect("keys");
    let after = KeyRing::parse(Some(&new), None).expect("a key");

    let grants = grants_of(&redis, &before).await;
    grants.add(&imported("acme", "rt-1"), false).await.expect("stored");
    grants.add(&imported("beta", "rt-2"), false).await.expect("stored");
    let foreign = format!("z1.00000000.{}", "A".repeat(80));
    run(&grants, &["HSET", "zoomd:v1:grant:beta", "sealed", &foreign]).await;
    let fp = grants.vault().fingerprint(&"rt-1".into()).expect("a key");

    let grants = grants_of(&redis, &both).await;
    let mut told = Vec::new();
    grants.rekey(|name, what| told.push((name.to_string(), what.clone()))).await.expect("redis");
    assert_eq!(told[0], ("acme".to_owned(), Resealed::Done));
    assert!(matches!(told[1].1, Resealed::Failed(SealError::WrongKey { .. })), "{told:?}");
    assert!(meta::reseal(grants.store(), &both).await.expect("redis"), "the secret too");
    assert!(!meta::reseal(grants.store(), &both).await.expect("redis"), "once");
    let used = rekey::survey(grants.store()).await.expect("redis");
    let newest = after.primary().expect("a key");
    assert_eq!((used.grants.get(&newest), used.secret), (Some(&1), Some(newest)), "{used:?}");
    assert_eq!(used.grants.len(), 2, "the foreign key is named: {used:?}");

    let grants = grants_of(&redis, &after).await;
    assert_eq!(stored_token(&grants, "acme").await.as_deref(), Some("rt-1"));
    assert_eq!(grants.vault().fingerprint(&"rt-1".into()), Ok(fp), "fingerprints stay");
}

#[tokio::test]
async fn a_purge_leaves_nothing_but_a_nameless_tombstone() {
    let (_redis, grants) = fresh().await;
    connect(&grants, &consent("acme", "rt-1", "user-of-acme"), Conflict::Refuse).await;
    connect(&grants, &consent("acme-2", "rt-2", "u2"), Conflict::Refuse).await;
    assert_eq!(grants.purge(&name("acme")).await.expect("redis"), Purged::Live);
    for words in [
        &["HSET", "zoomd:v1:record:acme", "job-1", "{}"][..],
        &["HSET", "zoomd:v1:payload:acme", "job-1", "{}"],
        &["ZADD", "zoomd:v1:room:acme|me", "1", "job-1"],
        &["ZADD", "zoomd:v1:asleep", "9999999999999", "acme|me", "9999999999999", "acme-2|me"],
        &["ZADD", "zoomd:v1:in_flight:acme", "9999999999999", "job-1"],
        &[
            "HSET",
            "zoomd:v1:alias:z-user-of-acme",
            "me@acme",
            "user-of-acme",
            "ann@example.com",
            "user-of-acme",
        ],
        &["HSET", "zoomd:v1:gate:~acme", "light", "1"],
        &["ZADD", "zoomd:v1:failures", "1", "job-0#1", "1", "job-9#1"],
        &["HSET", "zoomd:v1:failure:job-0#1", "account", "acme"],
        &["HSET", "zoomd:v1:failure:job-9#1", "account", "acme-2"],
    ] {
        run(&grants, words).await;
    }
    grants.remove(&name("acme"), "by hand", None).await.expect("redis");
    let ring = run(&grants, &["ZRANGE", "zoomd:v1:ring", "0", "-1"]).await;
    let ring: Vec<String> = redis::from_redis_value(ring).expect("names");
    assert_eq!(ring, ["acme"], "its sleeping room is served, so that its jobs can fail");

    assert_eq!(grants.purge(&name("acme")).await.expect("redis"), Purged::Jobs(1));
    run(&grants, &["DEL", "zoomd:v1:payload:acme", "zoomd:v1:room:acme|me"]).await;
    assert_eq!(grants.purge(&name("acme")).await.expect("redis"), Purged::InFlight(1));
    run(&grants, &["DEL", "zoomd:v1:in_flight:acme"]).await;
    assert_eq!(grants.purge(&name("acme")).await.expect("redis"), Purged::Done);
    assert_eq!(grants.purge(&name("acme")).await.expect("redis"), Purged::NoAccount);

    let keys: Vec<String> =
        redis::from_redis_value(run(&grants, &["KEYS", "*"]).await).expect("names");
    for key in keys.iter().filter(|key| key.starts_with("zoomd:v1:")) {
        let names_it = |text: &str| text.replace("acme-2", "").contains("acme");
        assert!(!names_it(key), "{key} is left");
        let dump = dump(&grants, key).await;
        assert!(!names_it(&dump), "{key}: {dump}");
    }
    // The other account and its failure are as they were.
    assert_eq!(state(&grants, "acme-2").await, AccountState::Active);
    assert!(keys.contains(&"zoomd:v1:failure:job-9#1".to_owned()));
    // A late reply of the purged epoch does not bring it back, a new consent does.
    let late = Epoch::choose(1_700_000_000_000, [], 0);
    let late =
        grants.connect(&consent("acme", "rt-0", "user-of-acme"), late, Conflict::Refuse).await;
    assert_eq!(late.expect("asked"), Connected::Older);
    let again = connect(&grants, &consent("acme", "rt-3", "user-of-acme"), Conflict::Refuse).await;
    assert!(matches!(again, Connected::Stored { before: None, .. }), "{again:?}");
}

async fn dump(grants: &Grants, key: &str) -> String {
    let kind: String = redis::from_redis_value(run(grants, &["TYPE", key]).await).expect("a word");
    let words = match kind.as_str() {
        "hash" => vec!["HGETALL", key],
        "list" => vec!["LRANGE", key, "0", "-1"],
        "zset" => vec!["ZRANGE", key, "0", "-1"],
        _ => vec!["TYPE", key],
    };
    format!("{:?}", run(grants, &words).await)
}
