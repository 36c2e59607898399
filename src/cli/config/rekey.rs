//! `zoomd config rekey`: seals every stored token under the newest key.

use serde::Serialize;
use zoomd_store::grants::Resealed;
use zoomd_store::meta;

use crate::cli::account;
use crate::cli::ctx::Ctx;
use crate::cli::error::{CliError, CliResult};
use crate::exit::Exit;

#[derive(Debug, Default, Serialize)]
struct Done {
    key: String,
    resealed: u64,
    fresh: u64,
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Failed {
    account: String,
    why: String,
}

/// Seals the namespace's own secret, then account after account; can be run
/// again at any time, while daemons run.
pub(super) async fn run(ctx: &Ctx) -> CliResult {
    let grants = account::grants(ctx).await?;
    let ring = grants.vault().ring();
    let mut done = Done { key: ring.require()?.to_string(), ..Done::default() };
    meta::reseal(grants.store(), ring).await?;
    let bar = ctx.out.progress(grants.count().await?, "sealing");
    let each = |name: &zoomd_wire::AccountName, outcome: &Resealed| {
        bar.inc(1);
        match outcome {
            Resealed::Done => done.resealed += 1,
            Resealed::Fresh => done.fresh += 1,
            Resealed::Failed(why) => {
                done.failed.push(Failed { account: name.to_string(), why: why.to_string() });
            }
        }
    };
    grants.rekey(each).await?;
    bar.finish_and_clear();
    ctx.out.show(&done, || text(&done))?;
    match done.failed.is_empty() {
        true => {
            ctx.out.hint(
                "keep the old key for a day, until every journal has forgotten it; then drop it",
            );
            Ok(Exit::Done)
        }
        false => Err(CliError::failed("some tokens do not open")
            .hint("add the key they were sealed with to ZOOMD_ENCRYPTION_KEYS_OLD")),
    }
}

fn text(done: &Done) -> String {
    let mut text = format!(
        "{} accounts sealed anew under key {}, {} were already\n",
        done.resealed, done.key, done.fresh
    );
    for failed in &done.failed {
        text += &format!("{}: {}\n", failed.account, failed.why);
    }
    text
}
