//! Messages of other processes: commits, and requests for a rotation.
//!
//! What follows from a message asks Redis, so it is an errand of this part: a bounded
//! number at once, the others wait in a queue. A panic in one ends the part, which
//! the supervisor sees.

use std::collections::{HashSet, VecDeque};
use std::pin::pin;
use std::sync::Weak;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use zoomd_store::listener::{Heard, Listener};
use zoomd_store::wake::Wake;
use zoomd_wire::AccountName;

use super::alive::{NOTICE, up};
use super::{Inner, Tokens};
use crate::rotation::{Order, Urge, Wish};
use crate::supervisor::Beat;

/// Errands at once.
const AT_ONCE: usize = 16;
/// Wishes that wait at most; who is not acknowledged asks again.
const MOST_WISHES: usize = 1_000;
/// Head start of other daemons with a rotation, where the journal cannot be written.
const LEAVE_TO_OTHERS: Duration = Duration::from_secs(1);

/// Something to do about a message.
#[derive(Debug)]
enum Errand {
    /// The account's grant changed: its token here is read again before a job needs
    /// it, and if it was removed the journal forgets it too.
    Read(AccountName),
    /// Somebody asks for a rotation, and waits to hear that there will be one.
    Rotate(Asked),
}

/// `<account> <version> <nonce>`, and behind it nothing, `jobs` or `probe <intent>`:
/// see [`zoomd_store::rotation::Asking`].
#[derive(Debug)]
struct Asked {
    account: AccountName,
    nonce: String,
    wish: Wish,
    command: bool,
}

impl Asked {
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut next = || words.next().unwrap_or_default();
        let (account, version) = (AccountName::new(next()).ok()?, next().parse().ok()?);
        let (nonce, what) = (next().to_owned(), next());
        let wish = match what {
            "probe" => Wish::ProbeNow(next().to_owned()),
            _ => Wish::Replace(version),
        };
        Some(Self { account, nonce, wish, command: what != "jobs" })
    }
}

/// Errands that wait. An account's reading waits once, however often it changed.
#[derive(Debug, Default)]
struct Queue {
    errands: VecDeque<Errand>,
    reads: HashSet<AccountName>,
    wishes: usize,
}

impl Queue {
    fn add(&mut self, errand: Errand) {
        let taken = match &errand {
            Errand::Read(account) => self.reads.insert(account.clone()),
            Errand::Rotate(_) => self.wishes < MOST_WISHES,
        };
        if taken {
            self.wishes += usize::from(matches!(errand, Errand::Rotate(_)));
            self.errands.push_back(errand);
        }
    }

    fn take(&mut self) -> Option<Errand> {
        let errand = self.errands.pop_front()?;
        match &errand {
            Errand::Read(account) => drop(self.reads.remove(account)),
            Errand::Rotate(_) => self.wishes -= 1,
        }
        Some(errand)
    }
}

/// Hears of commits (`t:<account>`) and of wishes, until the tokens are gone.
pub(super) async fn listen(weak: Weak<Inner>, beat: Beat) {
    let Some(mut listener) = up(&weak).map(|tokens| listener(&tokens)) else { return };
    let (mut queue, mut under_way) = (Queue::default(), FuturesUnordered::new());
    loop {
        let mut next = pin!(listener.next());
        let heard = loop {
            beat.touch();
            let Some(tokens) = up(&weak) else { return };
            while under_way.len() < AT_ONCE
                && let Some(errand) = queue.take()
            {
                under_way.push(run(tokens.clone(), errand));
            }
            drop(tokens);
            tokio::select! {
                heard = &mut next => break heard,
                Some(()) = under_way.next() => {}
                () = tokio::time::sleep(NOTICE) => {}
            }
        };
        let Some(tokens) = up(&weak) else { return };
        match heard {
            Heard::Missed => {
                tokens.0.listens.send_replace(true);
                // Messages published while nobody listened are lost: look at all accounts.
                tokens.0.cache.clear();
                tokens.0.repair_now.notify_one();
            }
            Heard::Message { channel, text } => {
                let errand = errand(&tokens, &channel, &text);
                errand.into_iter().for_each(|errand| queue.add(errand));
            }
        }
    }
}

fn listener(tokens: &Tokens) -> Listener {
    let keys = tokens.store().keys();
    tokens.store().listen(vec![keys.wake(), keys.ask()])
}

/// Work that a message asks of this process, if any.
fn errand(tokens: &Tokens, channel: &str, text: &str) -> Option<Errand> {
    if channel == tokens.store().keys().ask() {
        return Asked::read(text).map(Errand::Rotate);
    }
    let Some(Wake::Account(account)) = Wake::read(text) else { return None };
    let flying = tokens.0.single_flight.get(&account).is_some();
    let known = tokens.0.cache.get(&account, None).is_some()
        || tokens.journal().latest_version(&account).is_some();
    if flying || !known {
        return None;
    }
    AccountName::new(&account).ok().map(Errand::Read)
}

async fn run(tokens: Tokens, errand: Errand) {
    match errand {
        Errand::Read(account) => match tokens.0.cache.get(account.as_str(), None) {
            Some(cached) => tokens.reload(account.as_str(), cached.version).await,
            None => tokens.erase_if_removed(&account).await,
        },
        Errand::Rotate(asked) => rotate(&tokens, asked).await,
    }
}

/// A daemon whose journal cannot be written leaves it to others, and says so by its
/// silence; a command that nobody else answers is told why by a rotation that fails.
async fn rotate(tokens: &Tokens, asked: Asked) {
    let Asked { account, nonce, wish, command } = asked;
    let (sick, probe) = (tokens.journal().trouble().is_some(), matches!(wish, Wish::ProbeNow(_)));
    if sick && !command {
        return;
    }
    if sick && probe {
        tokens.pause(LEAVE_TO_OTHERS / 2).await;
    }
    let first = tokens.0.rotations.acknowledge(&nonce, tokens.0.rotator.name()).await;
    let first = first.unwrap_or_else(|error| {
        tracing::debug!(%error, "token refresh: could not acknowledge a request");
        true
    });
    if probe {
        // Each presents the token: one daemon is enough. What it finds out may be what
        // is being found out already.
        if !first {
            return;
        }
        if let Some(refresh) = tokens.0.single_flight.get(account.as_str()) {
            refresh.end().await;
        }
    } else if sick {
        tokens.pause(LEAVE_TO_OTHERS).await;
    }
    let urge = if command { Urge::Command } else { Urge::Asked };
    drop(tokens.start_rotation(Order { account, wish, urge }));
}

#[cfg(test)]
mod tests {
    use zoomd_store::grants::{Epoch, GrantVersion};

    use super::*;

    fn name(n: usize) -> AccountName {
        AccountName::new(&format!("a{n}")).expect("a name")
    }

    #[test]
    fn an_account_waits_once_and_wishes_have_a_bound() {
        let mut queue = Queue::default();
        for n in 0..10 {
            queue.add(Errand::Read(name(n % 2)));
        }
        assert_eq!(queue.errands.len(), 2);
        assert!(matches!(queue.take(), Some(Errand::Read(account)) if account == name(0)));
        queue.add(Errand::Read(name(0)));
        assert_eq!(queue.errands.len(), 2, "it changed again while it was read");
        let version = GrantVersion::first(Epoch::choose(1, [], 0));
        for n in 0..2 * MOST_WISHES {
            let text = format!("a{n} {version} nonce probe id");
            queue.add(Errand::Rotate(Asked::read(&text).expect("a wish")));
        }
        assert_eq!(queue.wishes, MOST_WISHES);
        while queue.take().is_some() {}
        assert_eq!((queue.wishes, queue.reads.len()), (0, 0));
    }
}
