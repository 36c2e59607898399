//! The layout of the private keys, and how an older one becomes this.
//!
//! A daemon raises the layout before it opens the namespace, once no daemon of an
//! older one is alive. The first step is one script: it gives the single keys their new
//! names and bars the old ones by a text, so that a daemon of the old version that was
//! frozen meets a key of a wrong type before each of its writes. The other keys follow
//! page by page. Until the last is renamed the layout is `raising`, and every script
//! refuses; an interrupted one is continued by the next daemon, and several may
//! rename at once.
//!
//! Owns the old names. Invariant: a key is renamed or not, so nothing is lost or there
//! twice; values and times to live stay as they are.

mod names;
#[cfg(test)]
mod tests;

use crate::clock::{ALIVE_MS, DAY_MS, SLOW_ALIVE_MS};
use crate::keys::LAYOUT;
use crate::redis::script_reply::ScriptReply;
use crate::redis::scripts::{LAYOUT_BEGIN, LAYOUT_END, LAYOUT_MOVE};
use crate::{ErrorKind, Keys, Store, StoreError};

/// The one before, which this version raises.
const OLD: u32 = 1;
/// The layout while keys are renamed.
const RAISING: &str = "raising";
/// Number of keys read by one call.
const PAGE: u32 = 1_000;
/// The text under an old name, and its life: no daemon is frozen for longer.
const BAR: &str = "zoomd: this namespace has layout 2";
const BARRED_S: i64 = 30 * DAY_MS / 1000;

/// The outcome of raising a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raised {
    /// There was nothing to raise.
    Not,
    Done {
        /// Keys that were renamed besides the single ones.
        moved: u64,
    },
    /// Daemons of the old layout are alive, each named for people; nothing was changed.
    Waits(Vec<String>),
}

/// Raises the layout of the namespace, if it has the one before this.
///
/// # Errors
/// Fails if this version does not know the layout, or Redis cannot be reached: the next call
/// continues where this one stopped.
pub async fn raise(store: &Store) -> Result<Raised, StoreError> {
    let mut answer = ScriptReply::new(begin(store).await?, "the raising of the layout")?;
    match answer.next()?.as_str() {
        "done" => return Ok(Raised::Not),
        "begun" => {}
        "alive" => {
            let mut alive = Vec::new();
            while let Some(daemon) = answer.next_if_any()? {
                let (host, pid) = (answer.next()?, answer.next()?);
                alive.push(format!("{daemon} (host {host}, process {pid})"));
            }
            return Ok(Raised::Waits(alive));
        }
        _ => return Err(refused(store.keys(), &answer.next()?)),
    }
    let mut moved = 0;
    loop {
        let found = move_all(store).await?;
        if found == 0 {
            break;
        }
        moved += found;
    }
    let end = LAYOUT_END.call().key(store.keys().prefix()).key(store.keys().meta());
    end.arg(store.clock().ms()).arg(RAISING).arg(LAYOUT).run(&store.connection()).await?;
    Ok(Raised::Done { moved })
}

/// The error about a namespace in another layout than this version's.
pub(crate) fn refused(keys: &Keys, found: &str) -> StoreError {
    let name = keys.namespace();
    let text = if found == RAISING {
        format!("the layout of namespace {name} is being raised by a daemon; try again in a moment")
    } else if found == OLD.to_string() {
        format!(
            "namespace {name} has layout {OLD}: a daemon of this version raises it to {LAYOUT} \
             when it starts and no older daemon runs"
        )
    } else {
        format!("namespace {name} has layout {found}, and this version knows {LAYOUT}")
    };
    StoreError::new(ErrorKind::Layout, text)
}

/// Checks that the `layout` in a namespace's meta is this version's.
pub(crate) fn check(keys: &Keys, layout: Option<&str>) -> Result<(), StoreError> {
    match layout {
        Some(found) if found != LAYOUT.to_string() => Err(refused(keys, found)),
        _ => Ok(()),
    }
}

async fn begin(store: &Store) -> Result<redis::Value, StoreError> {
    let mut call = LAYOUT_BEGIN.call().key(store.keys().prefix()).key(store.keys().meta());
    call.push(store.clock().ms())
        .push(OLD)
        .push(LAYOUT)
        .push(RAISING)
        .push(ALIVE_MS)
        .push(SLOW_ALIVE_MS)
        .push(BAR)
        .push(BARRED_S);
    for (old, new) in names::SINGLE.iter().chain([&names::PRESENCE]) {
        call.push(*old).push(*new);
    }
    call.run(&store.connection()).await
}

/// Reads every key once; returns the number of renamed keys.
async fn move_all(store: &Store) -> Result<u64, StoreError> {
    let (mut cursor, mut moved) = ("0".to_owned(), 0);
    loop {
        let mut call = LAYOUT_MOVE.call().key(store.keys().prefix()).key(store.keys().meta());
        call.push(store.clock().ms())
            .push(RAISING)
            .push(as_pattern(store.keys().prefix()))
            .push(&cursor)
            .push(PAGE);
        for (old, new) in names::CLASSES {
            call.push(*old).push(*new);
        }
        let answer = call.run(&store.connection()).await?;
        let mut answer = ScriptReply::new(answer, "the renaming of keys")?;
        cursor = answer.next()?;
        moved += answer.count()?;
        if cursor == "0" {
            return Ok(moved);
        }
    }
}

/// The pattern of what begins with `text`.
fn as_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 1);
    for letter in text.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '^' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + "*"
}
