//! Parts of the model: Zoom, the store, two workers, and the calls in flight.

use zoomd_store::grants::GrantVersion;
use zoomd_workers::rotation::rules::{Slot, Token};

pub type Fp = u8;
/// The token that was stored when a worker read it.
pub type Stored = Token<Fp>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zoom {
    /// A spent token is refused.
    Strict,
    /// The last spent token works once more; only the newest token lives.
    TolerantNewest,
    /// The last spent token works once more; both its children live.
    TolerantBoth,
    /// A spent token is refused and ends all of its family.
    Revoking,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    RuleP,
    Fence,
    Equality,
}

/// A rule that is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    Nothing,
    /// Rule N: a refusal is a verdict at once.
    RuleN,
    /// A refusal soon after the first presentation is no verdict.
    Patience,
    /// The token that an early probe presented is kept as the last candidate.
    Spare,
    /// The hold waits for those, too, whom the living remember.
    Memory,
}

#[derive(Debug, Clone, Copy)]
pub struct Laws {
    pub zoom: Zoom,
    pub write: Write,
    pub without: Without,
    pub budget: Budget,
}

/// Number of times each misfortune may strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    pub rotations: u8,
    pub crashes: u8,
    pub expiries: u8,
    pub rollbacks: u8,
    pub losses: u8,
    pub failures: u8,
    pub silences: u8,
    /// Failures that Zoom answers before they are over.
    pub undone: u8,
}

/// State of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Case {
    Open,
    /// The token server said that it failed: it may be probed at once.
    Server,
    /// No answer, or one that settles nothing: not before the time is over.
    Later,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Intent {
    pub worker: usize,
    pub version: GrantVersion,
    pub fp: Fp,
    pub case: Case,
    /// True if the token was presented before, to an outcome not known.
    pub again: bool,
    /// True if the last presentation with no answer is surely over by now.
    pub over: bool,
}

/// A token on its way to Zoom, and what was stored when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sent {
    pub stored: Stored,
    pub token: Token<Fp>,
    /// Presented again, before the presentation before was surely over.
    pub early: bool,
    /// Left when no failed exchange could be under way: its success proves that what
    /// was presented was not undone.
    pub after_all: bool,
}

/// Step of a worker in a rotation of the token it read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum At {
    Idle,
    Leased(Stored, Token<Fp>),
    Intended(Sent),
    /// Looked at its lease for the last time; nothing holds it back now.
    Sending(Sent),
    /// Zoom answered; the reply is on its way.
    Replied(Sent, Option<Token<Fp>>),
    /// In memory, not on disk.
    Holding(Sent, Token<Fp>),
    /// On disk, not in the store.
    Staged(Sent, Token<Fp>),
    Refused(Sent),
    /// The exchange ended without a token.
    Doubt(Case),
}

impl At {
    /// The token here, which nobody else has.
    pub fn carried(&self) -> Option<&Token<Fp>> {
        match self {
            Self::Replied(_, token) => token.as_ref(),
            Self::Holding(_, token) | Self::Staged(_, token) => Some(token),
            _ => None,
        }
    }

    /// True if an exchange is under way, or its end is not in the store.
    pub fn is_sent(&self) -> bool {
        !matches!(self, Self::Idle | Self::Leased(..) | Self::Doubt(_))
    }
}

/// Contents of a disk: the newest staged token, and what it was sent with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    pub token: Token<Fp>,
    pub sent: Sent,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Worker {
    pub at: At,
    pub journal: Option<Entry>,
    pub fence: u8,
}

/// State to which Redis may go back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Past {
    pub slot: Slot<Fp>,
    pub intent: Option<Intent>,
    pub present: [bool; 2],
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub live: Vec<Fp>,
    pub grace: Option<Fp>,
    pub issued: Fp,
    pub slot: Slot<Fp>,
    pub intent: Option<Intent>,
    /// Which workers the store has heard of.
    pub present: [bool; 2],
    pub past: Vec<Past>,
    /// The token to which Zoom will put the grant back, when a failed exchange ends.
    pub zombie: Option<Fp>,
    /// True if Zoom put it back over a token issued since.
    pub put_back: bool,
    pub lease: Option<usize>,
    pub fence: u8,
    /// The store's run id changed: no rotation starts, journals are committed.
    pub settling: bool,
    pub workers: [Worker; 2],
    pub left: Budget,
    /// A window was passed through: the loss that may follow is admitted.
    pub window: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Acquire(usize),
    Intend(usize),
    Look(usize),
    Reach(usize),
    FailAtZoom(usize),
    Receive(usize),
    LoseReply(usize),
    /// Zoom answers that it failed. It rotated, or did not; the end is still to come.
    FailUndone(usize, bool),
    EndUndone,
    Stage(usize),
    Commit(usize),
    Judge(usize),
    Answer(usize),
    Repair(usize),
    Crash(usize),
    CrashAfterSend(usize),
    ExpireLease,
    GiveUpSilentHost,
    RollBack(usize),
    /// The hold is over: all have reported.
    Settle,
    /// The hold is over: it lasted its longest.
    SettleByTime,
}
