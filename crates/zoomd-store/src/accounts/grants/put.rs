//! Storing new grants: add, connect, import.

use futures_util::{StreamExt as _, stream};
use zoomd_wire::AccountName;

use super::new::NewGrant;
use super::{AccountState, Epoch, GrantError, GrantVersion, Grants};
use crate::error::{ErrorKind, StoreError};
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::GRANT_PUT;

/// Grants stored by one script call of an import: some 5 ms of Redis.
const BATCH: usize = 100;
/// Number of concurrent script calls of an import.
const CALLS_IN_FLIGHT: usize = 4;
/// Number of times that an import retries with a later epoch before it gives up on one grant.
const EPOCH_TRIES: usize = 5;

/// Result of storing a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    Stored {
        version: GrantVersion,
        /// State of the account before; `None` when it is new.
        before: Option<AccountState>,
        /// Jobs that waited for it.
        waiting: u64,
    },
    /// This token, or one made from it, is stored already.
    There { state: AccountState },
    /// Another grant is stored, and was left alone.
    Kept { state: AccountState },
    /// A later grant, or the tombstone of one, is stored.
    Older { stored: Epoch },
    /// The Zoom user is connected as another account.
    HeldBy {
        /// The other account.
        account: String,
    },
    /// A key of the account holds something that is not ours.
    Broken { key: String },
}

/// Action of a connect if the Zoom user is already connected as another account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// The new consent is kept for the account that has the user.
    Refuse,
    /// The other account becomes `superseded`.
    TakeOver,
}

/// Result of storing a consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connected {
    /// Stored for the account that asked for it.
    Stored {
        version: GrantVersion,
        /// State of the account before; `None` when it is new.
        before: Option<AccountState>,
        /// Jobs that waited for it.
        waiting: u64,
    },
    /// The Zoom user belongs to another account; nothing was stored. Zoom ended
    /// that account's grant with this consent: store the tokens there.
    HeldBy {
        /// The other account.
        account: AccountName,
    },
    /// A later consent of the account is stored.
    Older,
}

impl Grants {
    /// Adds one account. `replace` puts the grant in the place of one that can
    /// be used; without it such a one is kept.
    pub async fn add(&self, new: &NewGrant, replace: bool) -> Result<Put, GrantError> {
        let mode = if replace { Mode::Replace } else { Mode::Import };
        self.put_choosing(new, mode).await
    }

    /// Chooses the epoch of a consent whose code was just exchanged: later than
    /// what is stored and than those `known` (journalled).
    pub async fn choose_epoch(
        &self,
        account: &AccountName,
        known: impl IntoIterator<Item = Epoch>,
    ) -> Result<Epoch, GrantError> {
        let tomb = self.vault.fingerprints()?.account(account.as_str()).to_string();
        let mut reads = redis::pipe();
        reads.cmd("HGET").arg(self.store.keys().account(account.as_str())).arg("ep");
        reads.cmd("HGET").arg(self.store.keys().tombs()).arg(tomb);
        let stored = self.store.connection().values(&reads).await.map_err(StoreError::from)?;
        let stored = stored
            .into_iter()
            .filter_map(|value| redis::from_redis_value::<Option<String>>(value).ok().flatten())
            .filter_map(|text| text.parse().ok());
        let now = self.now_ms().await?;
        Ok(Epoch::choose(now, stored.chain(known), rand::random()))
    }

    /// Stores the tokens of a code exchange as the first generation of `epoch`,
    /// by rule P. Sent again (a reply was lost), it answers as it did.
    pub async fn connect(
        &self,
        new: &NewGrant,
        epoch: Epoch,
        conflict: Conflict,
    ) -> Result<Connected, GrantError> {
        match self.put(&[(new, epoch)], Mode::Connect, conflict).await?.remove(0) {
            Put::Stored { version, before, waiting } => {
                Ok(Connected::Stored { version, before, waiting })
            }
            Put::There { state } => {
                let version = GrantVersion::first(epoch);
                Ok(Connected::Stored { version, before: Some(state), waiting: 0 })
            }
            Put::HeldBy { account } => AccountName::new(&account)
                .map(|account| Connected::HeldBy { account })
                .map_err(|_| StoreError::unexpected("a stored name").into()),
            Put::Broken { key } => Err(broken(&key)),
            Put::Older { .. } | Put::Kept { .. } => Ok(Connected::Older),
        }
    }

    /// Imports many grants, in batches; `each` hears of every one as it is done.
    /// Nothing is presented to Zoom. What is there already is left alone, so an
    /// import that was cut off can be run again.
    ///
    /// # Errors
    /// Stops at the first batch that cannot be encrypted or stored; those before it stay.
    pub async fn import(
        &self,
        grants: &[NewGrant],
        replace: bool,
        mut each: impl FnMut(&NewGrant, &Put),
    ) -> Result<(), GrantError> {
        let mode = if replace { Mode::Replace } else { Mode::Import };
        let batches = stream::iter(grants.chunks(BATCH))
            .map(|batch| async move { (batch, self.import_batch(batch, mode).await) })
            .buffered(CALLS_IN_FLIGHT);
        let mut batches = std::pin::pin!(batches);
        while let Some((batch, answers)) = batches.next().await {
            for (new, put) in batch.iter().zip(answers?) {
                // An account that was removed, or stored by a faster clock.
                let put = match put {
                    Put::Older { .. } => self.put_choosing(new, mode).await?,
                    other => other,
                };
                each(new, &put);
            }
        }
        Ok(())
    }

    async fn import_batch(&self, batch: &[NewGrant], mode: Mode) -> Result<Vec<Put>, GrantError> {
        let now = self.now_ms().await?;
        let items: Vec<_> =
            batch.iter().map(|new| (new, Epoch::choose(now, [], rand::random()))).collect();
        self.put(&items, mode, Conflict::Refuse).await
    }

    async fn put_choosing(&self, new: &NewGrant, mode: Mode) -> Result<Put, GrantError> {
        let mut known = None;
        for _ in 0..EPOCH_TRIES {
            let epoch = self.choose_epoch(&new.account, known).await?;
            match self.put(&[(new, epoch)], mode, Conflict::Refuse).await?.remove(0) {
                Put::Older { stored } => known = Some(stored),
                other => return Ok(other),
            }
        }
        let text = format!("{} is being connected by somebody else", new.account);
        Err(StoreError::new(ErrorKind::Other, text).into())
    }

    async fn put(
        &self,
        items: &[(&NewGrant, Epoch)],
        mode: Mode,
        conflict: Conflict,
    ) -> Result<Vec<Put>, GrantError> {
        let mut call = self.call(&GRANT_PUT).arg(mode.as_str()).arg(match conflict {
            Conflict::Refuse => "refuse",
            Conflict::TakeOver => "take-over",
        });
        for (new, epoch) in items {
            new.push(&mut call, &self.vault, *epoch, mode.told())?;
        }
        let answer = call.run(&self.store.connection()).await?;
        let answers = ScriptReply::new(answer, "a new grant")?.lists()?;
        if answers.len() != items.len() {
            return Err(StoreError::unexpected("new grants").into());
        }
        answers.into_iter().zip(items).map(|(answer, (_, epoch))| read(answer, *epoch)).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Import,
    Replace,
    Connect,
}

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Replace => "replace",
            Self::Connect => "connect",
        }
    }

    /// The word for the timeline and the event.
    fn told(self) -> &'static str {
        match self {
            Self::Import => "imported",
            Self::Replace => "replaced",
            Self::Connect => "connected",
        }
    }
}

fn read(mut answer: ScriptReply, epoch: Epoch) -> Result<Put, GrantError> {
    let unexpected = || StoreError::unexpected("a new grant");
    Ok(match answer.next()?.as_str() {
        "stored" => Put::Stored {
            version: GrantVersion::first(epoch),
            before: answer.next()?.parse().ok(),
            waiting: answer.count()?,
        },
        "there" => Put::There { state: answer.next()?.parse().map_err(|_| unexpected())? },
        "kept" => Put::Kept { state: answer.next()?.parse().map_err(|_| unexpected())? },
        "older" => Put::Older { stored: answer.next()?.parse().map_err(|_| unexpected())? },
        "held" => Put::HeldBy { account: answer.next()? },
        "wrongtype" => Put::Broken { key: answer.next()? },
        _ => return Err(unexpected().into()),
    })
}

fn broken(key: &str) -> GrantError {
    let text = format!("the key {key} holds something that is not ours");
    StoreError::new(ErrorKind::WrongType, text).into()
}
