//! Grants nobody uses: rotated before they die of it.
//!
//! Refresh tokens live 15 years by old documents of Zoom's and 90 days by newer
//! ones. Each rotation starts the life anew, so a grant that has had none for
//! the period is given one. A schedule calls this; accounts are spread over the
//! time it is given.

use std::time::Duration;

use zoomd_store::StoreError;
use zoomd_store::grants::{AccountState, GrantKind, Grants};

use super::{Ended, Order, Wish};
use crate::tokens::Tokens;

/// Which grants, and how gently.
#[derive(Debug, Clone, Copy)]
pub struct KeepAlive {
    /// A grant that was not rotated for so long is idle.
    pub idle_for: Duration,
    /// The rotations of one run are spread over so long.
    pub spread: Duration,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self { idle_for: Duration::from_secs(6 * 86_400), spread: Duration::from_secs(6 * 3_600) }
    }
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Accounts looked at.
    pub seen: u64,
    /// Idle grants that were rotated.
    pub rotated: u64,
    /// Idle grants that could not be.
    pub failed: u64,
}

/// Rotates every idle grant of the namespace, one after the other. Ends early
/// when the daemon stops; running it twice at once rotates nothing twice.
///
/// # Errors
/// That Redis could not be asked.
pub async fn run(tokens: &Tokens, how: KeepAlive) -> Result<Kept, StoreError> {
    let grants = tokens.grants();
    let (idle, seen) = idle_grants(&grants, how.idle_for).await?;
    let mut kept = Kept { seen, ..Kept::default() };
    let pause = how.spread / u32::try_from(idle.len()).unwrap_or(u32::MAX).max(1);
    for (name, version) in idle {
        if tokens.is_closing() {
            break;
        }
        let order = Order { account: name.clone(), wish: Wish::Replace(version), hurry: false };
        let ended = tokens.run(order).await;
        match &*ended {
            Ended::Rotated(_) => kept.rotated += 1,
            Ended::Changed => {}
            other => {
                kept.failed += 1;
                tracing::warn!(account = %name, ended = ?other, "an idle grant was not rotated");
            }
        }
        tokens.pause(pause).await;
    }
    tracing::info!(?kept, "idle grants were looked after");
    Ok(kept)
}

type Idle = Vec<(zoomd_wire::AccountName, zoomd_store::grants::GrantVersion)>;

async fn idle_grants(grants: &Grants, idle_for: Duration) -> Result<(Idle, u64), StoreError> {
    let now = u64::try_from(grants.store().now_ms().await?).unwrap_or(0);
    let before = now.saturating_sub(u64::try_from(idle_for.as_millis()).unwrap_or(u64::MAX));
    let (mut idle, mut seen, mut last) = (Vec::new(), 0, None);
    loop {
        let names = grants.names(last.as_deref(), 200).await?;
        let Some(end) = names.last() else { return Ok((idle, seen)) };
        last = Some(end.as_str().to_owned());
        for summary in grants.summaries(&names).await? {
            seen += 1;
            let account = summary.account;
            let usable = account.state == AccountState::Active && account.kind == GrantKind::Oauth;
            // A token of unknown age (imported) is as old as the account's record.
            let since = match summary.obtained_ms {
                0 => account.created_ms,
                ms => ms,
            };
            if usable && since < before {
                idle.extend(account.version.map(|version| (account.name, version)));
            }
        }
    }
}
