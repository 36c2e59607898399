//! `zoomd config rekey`: re-encrypts every stored token with the current key, while
//! daemons run, and shows which old keys are still needed, and for what.
//!
//! A token is replaced only if the stored text has not changed since it was read.
//! Tokens under the current key are skipped, so a run that was interrupted is
//! continued by the next.

use serde::Serialize;
use zoomd_store::encryption::SealError;
use zoomd_store::grants::{Grants, Resealed};
use zoomd_store::meta;
use zoomd_wire::AccountName;

use crate::cli::account;
use crate::cli::ctx::Ctx;
use crate::cli::keys::{self, Key, Role};
use crate::error::CliResult;
use crate::exit::Exit;

#[derive(Debug, Default, Serialize)]
struct Done {
    key: String,
    resealed: u64,
    fresh: u64,
    namespace_secret: bool,
    failed: Vec<Failed>,
    old_keys: Vec<Key>,
}

#[derive(Debug, Serialize)]
struct Failed {
    account: String,
    /// `wrong_key` or `damaged`.
    code: &'static str,
    /// The key that is needed, where it is known.
    key: Option<String>,
    why: String,
}

impl Failed {
    fn new(account: &AccountName, error: &SealError) -> Self {
        let (code, key) = match error {
            SealError::WrongKey { needed } => ("wrong_key", Some(needed.to_string())),
            SealError::Damaged { .. } => ("damaged", None),
            _ => ("failed", None),
        };
        Self { account: account.to_string(), code, key, why: error.to_string() }
    }
}

/// Seals the namespace's own secret, then account after account; can be run
/// again at any time.
pub(super) async fn run(ctx: &Ctx) -> CliResult {
    let grants = account::grants(ctx).await?;
    let ring = grants.vault().ring();
    let mut done = Done { key: ring.require()?.to_string(), ..Done::default() };
    done.namespace_secret = meta::reseal(grants.store(), ring).await?;
    let bar = ctx.out.progress(grants.count().await?, "sealing");
    let each = |name: &AccountName, outcome: &Resealed| {
        bar.inc(1);
        match outcome {
            Resealed::Done => done.resealed += 1,
            Resealed::Fresh => done.fresh += 1,
            Resealed::Failed(why) => done.failed.push(Failed::new(name, why)),
        }
    };
    let sealed = grants.rekey(each).await;
    bar.finish_and_clear();
    audit(ctx, &grants, &done).await;
    sealed?;
    let all = keys::look(&ctx.config, ring, grants.store()).await?;
    done.old_keys = all.into_iter().filter(|key| key.role != Role::Current).collect();
    ctx.out.show(&done, || text(&done))?;
    for hint in hints(&done) {
        ctx.out.hint(hint);
    }
    Ok(if done.failed.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Writes down what was changed, also by a run that was cut off.
async fn audit(ctx: &Ctx, grants: &Grants, done: &Done) {
    if done.resealed > 0 || done.namespace_secret {
        let (accounts, failed) = (done.resealed, done.failed.len());
        let outcome = format!("{accounts} accounts under key {}, {failed} failed", done.key);
        ctx.hand_on(grants).record("config.rekey", "", "", &outcome).await;
    }
}

fn text(done: &Done) -> String {
    let mut text = format!(
        "re-encrypted {} accounts with key {}; {} were up to date\n",
        done.resealed, done.key, done.fresh
    );
    for failed in &done.failed {
        text += &format!("{}: {} ({})\n", failed.account, failed.why, failed.code);
    }
    for key in &done.old_keys {
        let name = &key.key;
        text += &match key.role {
            _ if !key.is_needed() => format!("key {name} is no longer needed\n"),
            Role::Missing => format!("key {name} is missing: {} need it\n", key.needs()),
            _ => format!("key {name} is still needed: {}\n", key.needs()),
        };
    }
    text
}

fn hints(done: &Done) -> Vec<String> {
    let mut hints = Vec::new();
    let old =
        |test: fn(&Key) -> bool| done.old_keys.iter().any(|key| key.role == Role::Old && test(key));
    if done.failed.iter().any(|failed| failed.code == "wrong_key") {
        hints.push("add the key that encrypted them to ZOOMD_ENCRYPTION_KEYS_OLD".to_owned());
    }
    if let Some(damaged) = done.failed.iter().find(|failed| failed.code == "damaged") {
        hints.push(format!("zoomd account login {} connects it again", damaged.account));
    }
    if done.failed.is_empty() && old(Key::is_stored) {
        hints.push("a daemon still encrypts with an old key: restart all, then rekey again".into());
    } else if old(Key::is_needed) {
        let text = "a journal keeps entries for a day; zoomd doctor reports when an old key can be removed";
        hints.push(text.to_owned());
    } else if old(|key| !key.is_needed()) {
        hints.push(
            "remove keys that are no longer needed from ZOOMD_ENCRYPTION_KEYS_OLD".to_owned(),
        );
    }
    hints
}
