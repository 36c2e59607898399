//! The rules of rotation, explored exhaustively.
//!
//! Two workers share a store and a Zoom. Leases end when the model likes, a
//! worker dies or is stopped at any step, the store goes back to any earlier
//! state, a reply is lost, Zoom fails without rotating, a silent host is given
//! up. In every state that can be reached some holder (store, journal, memory,
//! network) has a token that Zoom accepts, and whenever all is quiet the account
//! works: except in the windows, which the model marks as it passes through
//! them. The same model with a fence, with equality, or with the naive verdict
//! must find a loss; that shows that it can.

#![expect(clippy::print_stdout, reason = "a counterexample is there to be read")]

use stateright::{Checker, HasDiscoveries, Model, Property};
use zoomd_store::grants::{Epoch, GrantVersion};
use zoomd_workers::rotation::rules::{Accepted, Judged, Slot, Standing, Token, accept, verdict};

type Fp = u8;
/// The token that was stored when a worker read it.
type Stored = Token<Fp>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zoom {
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
enum Write {
    RuleP,
    Fence,
    Equality,
}

#[derive(Debug, Clone, Copy)]
struct Laws {
    zoom: Zoom,
    write: Write,
    naive_verdict: bool,
    budget: Budget,
}

/// How often each misfortune may strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Budget {
    rotations: u8,
    crashes: u8,
    expiries: u8,
    rollbacks: u8,
    losses: u8,
    failures: u8,
    silences: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Intent {
    worker: usize,
    version: GrantVersion,
    answered: bool,
}

/// Where a worker stands in a rotation of the token it read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum At {
    Idle,
    Leased(Stored, Token<Fp>),
    Intended(Stored, Token<Fp>),
    /// Looked at its lease for the last time; nothing holds it back now.
    Sending(Stored, Token<Fp>),
    /// Zoom answered; the reply is on its way.
    Replied(Stored, Token<Fp>, Option<Token<Fp>>),
    /// In memory, not on disk.
    Holding(Stored, Token<Fp>),
    /// On disk, not in the store.
    Staged(Stored, Token<Fp>),
    Refused(Stored, Token<Fp>),
    /// The exchange ended without a reply.
    Doubt,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Worker {
    at: At,
    /// The newest staged token, and the version read before it was made.
    journal: Option<(Token<Fp>, GrantVersion)>,
    fence: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    live: Vec<Fp>,
    grace: Option<Fp>,
    issued: Fp,
    slot: Slot<Fp>,
    intent: Option<Intent>,
    past: Vec<(Slot<Fp>, Option<Intent>)>,
    lease: Option<usize>,
    fence: u8,
    /// The store's run id changed: no rotation starts, journals are committed.
    settling: bool,
    workers: [Worker; 2],
    left: Budget,
    /// A window was passed through: the loss that may follow is admitted.
    window: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Acquire(usize),
    Intend(usize),
    Look(usize),
    Reach(usize),
    FailAtZoom(usize),
    Receive(usize),
    LoseReply(usize),
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
    Settle,
}

struct Rotation(Laws);

impl Rotation {
    /// Zoom is given `fp`: the token it answers with, or a refusal.
    fn present(&self, state: &mut State, stored: &Stored, token: &Token<Fp>) -> Option<Token<Fp>> {
        let fp = token.fp;
        let alive = state.live.contains(&fp);
        let tolerated = state.grace == Some(fp);
        if !alive && !tolerated {
            if self.0.zoom == Zoom::Revoking {
                state.live.clear();
            }
            return None;
        }
        state.issued += 1;
        let tolerant = matches!(self.0.zoom, Zoom::TolerantNewest | Zoom::TolerantBoth);
        state.grace = (tolerant && !tolerated).then_some(fp);
        if tolerated && self.0.zoom == Zoom::TolerantBoth {
            state.live.push(state.issued);
        } else {
            state.live = vec![state.issued];
        }
        Some(Slot::holding(stored.clone()).child(token, state.issued))
    }

    /// Offers `token`; whether the store took notice of it.
    fn write(&self, state: &mut State, by: usize, token: &Token<Fp>, read: GrantVersion) -> bool {
        let allowed = match self.0.write {
            Write::RuleP => true,
            Write::Fence => state.workers[by].fence == state.fence,
            Write::Equality => state.slot.version == read,
        };
        if !allowed {
            return false;
        }
        let before = (state.slot.clone(), state.intent.clone());
        let accepted = accept(&mut state.slot, token);
        state.intent.take_if(|intent| intent.version < token.version);
        if accepted == Accepted::Stored
            && self.0.budget.rollbacks > 0
            && !state.past.contains(&before)
        {
            state.past.push(before);
        }
        true
    }

    fn would_repair(&self, state: &State, by: usize) -> bool {
        let Some((token, read)) = &state.workers[by].journal else { return false };
        let mut tried = state.clone();
        self.write(&mut tried, by, token, *read)
            && (tried.slot != state.slot || tried.intent != state.intent)
    }

    fn may_acquire(state: &State) -> bool {
        let answered = state.intent.as_ref().is_none_or(|intent| intent.answered);
        state.lease.is_none()
            && !state.settling
            && answered
            && state.slot.standing == Standing::Active
    }

    fn done(state: &mut State, worker: usize) {
        state.workers[worker].at = At::Idle;
        state.lease.take_if(|holder| *holder == worker);
    }

    /// Gives up without having sent: only one's own intent and lease go.
    fn abort(state: &mut State, worker: usize) {
        state.intent.take_if(|intent| intent.worker == worker);
        Self::done(state, worker);
    }

    fn crash(state: &mut State, worker: usize) {
        let held = match &state.workers[worker].at {
            At::Replied(_, _, reply) => reply.is_some(),
            At::Holding(..) => true,
            _ => false,
        };
        state.window |= held;
        state.left.crashes -= 1;
        // The lease is nobody's: it ends by itself.
        state.workers[worker].at = At::Idle;
    }

    fn judge(&self, state: &mut State, worker: usize, stored: Stored, presented: &Token<Fp>) {
        let covered = state.intent.as_ref().is_some_and(|intent| intent.worker != worker);
        if self.0.naive_verdict {
            state.slot.standing = Standing::NeedsReauth;
            return Self::abort(state, worker);
        }
        let read = (stored.version, stored.fp);
        let judged = verdict(&mut state.slot, read, presented.fp, covered);
        let next = state.slot.presentable().next().cloned();
        match (judged, next) {
            (Judged::Candidates, Some(next)) if state.lease == Some(worker) => {
                state.workers[worker].at = At::Intended(stored, next);
            }
            _ => Self::abort(state, worker),
        }
    }

    fn step(&self, state: &mut State, action: Action) -> Option<()> {
        match action {
            Action::Acquire(w) => {
                state.lease = Some(w);
                state.fence += u8::from(self.0.write == Write::Fence);
                state.workers[w].fence = state.fence;
                let stored = state.slot.current.clone()?;
                let token = state.slot.presentable().next()?.clone();
                state.workers[w].at = At::Leased(stored, token);
            }
            Action::Intend(w) => {
                let At::Leased(stored, token) = state.workers[w].at.clone() else { return None };
                let same = state.slot.current.as_ref() == Some(&stored);
                if state.lease != Some(w) || !same {
                    Self::done(state, w);
                    return Some(());
                }
                state.intent = Some(Intent { worker: w, version: stored.version, answered: false });
                state.left.rotations = state.left.rotations.saturating_sub(1);
                state.workers[w].at = At::Intended(stored, token);
            }
            Action::Look(w) => {
                let At::Intended(stored, token) = state.workers[w].at.clone() else { return None };
                if state.lease == Some(w) {
                    state.workers[w].at = At::Sending(stored, token);
                } else {
                    Self::abort(state, w);
                }
            }
            Action::Reach(w) => {
                let At::Sending(stored, token) = state.workers[w].at.clone() else { return None };
                let reply = self.present(state, &stored, &token);
                state.workers[w].at = At::Replied(stored, token, reply);
            }
            Action::FailAtZoom(w) => {
                state.left.failures -= 1;
                state.workers[w].at = At::Doubt;
            }
            Action::Receive(w) => {
                let At::Replied(stored, token, reply) = state.workers[w].at.clone() else {
                    return None;
                };
                state.workers[w].at = match reply {
                    Some(reply) => At::Holding(stored, reply),
                    None => At::Refused(stored, token),
                };
            }
            Action::LoseReply(w) => {
                let At::Replied(_, _, reply) = &state.workers[w].at else { return None };
                state.window |= reply.is_some();
                state.left.losses -= 1;
                state.workers[w].at = At::Doubt;
            }
            Action::Stage(w) => {
                let At::Holding(stored, token) = state.workers[w].at.clone() else { return None };
                state.workers[w].journal = Some((token.clone(), stored.version));
                state.workers[w].at = At::Staged(stored, token);
            }
            Action::Commit(w) => {
                let At::Staged(stored, token) = state.workers[w].at.clone() else { return None };
                self.write(state, w, &token, stored.version);
                Self::abort(state, w);
            }
            Action::Judge(w) => {
                let At::Refused(stored, token) = state.workers[w].at.clone() else { return None };
                self.judge(state, w, stored, &token);
            }
            Action::Answer(w) => {
                if let Some(intent) = state.intent.as_mut().filter(|intent| intent.worker == w) {
                    intent.answered = true;
                }
                Self::done(state, w);
            }
            Action::Repair(w) => {
                let (token, read) = state.workers[w].journal.clone()?;
                self.write(state, w, &token, read);
            }
            Action::Crash(w) => Self::crash(state, w),
            Action::CrashAfterSend(w) => {
                let At::Sending(stored, token) = state.workers[w].at.clone() else { return None };
                let reply = self.present(state, &stored, &token);
                state.workers[w].at = At::Replied(stored, token, reply);
                Self::crash(state, w);
            }
            Action::ExpireLease => {
                state.left.expiries -=
                    u8::from(!matches!(state.workers[state.lease?].at, At::Idle));
                state.lease = None;
            }
            Action::GiveUpSilentHost => {
                state.left.silences -= 1;
                // The third window: Zoom revokes families and the host, stopped or
                // dead, holds the reply, or has yet to send.
                let host = state.intent.as_ref()?.worker;
                let holds = state.workers[host].at != At::Idle || self.would_repair(state, host);
                state.window |= self.0.zoom == Zoom::Revoking && holds;
                state.intent.as_mut()?.answered = true;
            }
            Action::RollBack(to) => {
                let (slot, intent) = state.past[to].clone();
                state.past.truncate(to);
                (state.slot, state.intent) = (slot, intent);
                state.lease = None;
                state.settling = true;
                state.left.rollbacks -= 1;
            }
            Action::Settle => {
                state.settling = false;
                let silent = |w: &Worker| !matches!(w.at, At::Idle | At::Leased(..) | At::Doubt);
                state.window |= self.0.zoom == Zoom::Revoking && state.workers.iter().any(silent);
            }
        }
        Some(())
    }

    fn of_worker(&self, state: &State, w: usize, actions: &mut Vec<Action>) {
        let worker = &state.workers[w];
        let left = &state.left;
        let open = state.intent.as_ref().is_some_and(|i| i.worker == w && !i.answered);
        match &worker.at {
            At::Idle => {
                if left.rotations > 0 && Self::may_acquire(state) {
                    actions.push(Action::Acquire(w));
                }
                // Restarted: what its journal holds is committed, else it says so.
                if self.would_repair(state, w) {
                    actions.push(Action::Repair(w));
                } else if open {
                    actions.push(Action::Answer(w));
                }
            }
            At::Leased(..) => actions.push(Action::Intend(w)),
            At::Intended(..) => actions.push(Action::Look(w)),
            At::Sending(..) => {
                actions.push(Action::Reach(w));
                if left.failures > 0 {
                    actions.push(Action::FailAtZoom(w));
                }
                if left.crashes > 0 {
                    actions.push(Action::CrashAfterSend(w));
                }
            }
            At::Replied(..) => {
                actions.push(Action::Receive(w));
                if left.losses > 0 {
                    actions.push(Action::LoseReply(w));
                }
            }
            At::Holding(..) => actions.push(Action::Stage(w)),
            At::Staged(..) => actions.push(Action::Commit(w)),
            At::Refused(..) => actions.push(Action::Judge(w)),
            At::Doubt => actions.push(Action::Answer(w)),
        }
        if left.crashes > 0 && worker.at != At::Idle {
            actions.push(Action::Crash(w));
        }
    }
}

impl Model for Rotation {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let version = GrantVersion { epoch: Epoch::choose(1, [], 0), generation: 1 };
        let token = Token { version, fp: 1, lineage: vec![0] };
        let worker = Worker { at: At::Idle, journal: None, fence: 0 };
        vec![State {
            live: vec![1],
            grace: None,
            issued: 1,
            slot: Slot::holding(token),
            intent: None,
            past: Vec::new(),
            lease: None,
            fence: 0,
            settling: false,
            workers: [worker.clone(), worker],
            left: self.0.budget,
            window: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for w in 0..2 {
            self.of_worker(state, w, actions);
        }
        if let Some(holder) = state.lease
            && (state.left.expiries > 0 || state.workers[holder].at == At::Idle)
        {
            actions.push(Action::ExpireLease);
        }
        let unanswered = state.intent.as_ref().is_some_and(|intent| !intent.answered);
        if unanswered && state.left.silences > 0 {
            actions.push(Action::GiveUpSilentHost);
        }
        if state.left.rollbacks > 0 {
            actions.extend((0..state.past.len()).map(Action::RollBack));
        }
        if state.settling && !(0..2).any(|w| self.would_repair(state, w)) {
            actions.push(Action::Settle);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        self.step(&mut next, action)?;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("some holder has a live token", |_, state: &State| {
                state.window || state.live.iter().any(|fp| held(state, *fp))
            }),
            Property::always("a quiet account works", |model: &Rotation, state: &State| {
                state.window || !quiet(model, state) || works(state)
            }),
            Property::sometimes("two rotations are committed", |_, state: &State| {
                state.slot.version.generation >= 3 && state.left.crashes == 0
            }),
        ]
    }
}

fn held(state: &State, fp: Fp) -> bool {
    let kept = state.slot.current.iter().chain(&state.slot.candidates);
    let is = |token: &Token<Fp>| token.fp == fp;
    kept.into_iter().any(is)
        || state.workers.iter().any(|worker| {
            let flying = match &worker.at {
                At::Replied(_, _, Some(token)) => Some(token),
                At::Holding(_, token) | At::Staged(_, token) => Some(token),
                _ => None,
            };
            flying.is_some_and(is) || worker.journal.as_ref().is_some_and(|(t, _)| is(t))
        })
}

fn quiet(model: &Rotation, state: &State) -> bool {
    let busy = |w: usize| state.workers[w].at != At::Idle || model.would_repair(state, w);
    state.intent.is_none() && state.lease.is_none() && !(0..2).any(busy)
}

fn works(state: &State) -> bool {
    state.slot.standing == Standing::Active
        && state.slot.presentable().any(|token| state.live.contains(&token.fp))
}

const BUDGET: Budget = Budget {
    rotations: 3,
    crashes: 2,
    expiries: 2,
    rollbacks: 1,
    losses: 1,
    failures: 1,
    silences: 1,
};

fn explore(laws: Laws) -> (usize, Vec<&'static str>) {
    let checker = Rotation(laws)
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let failed = checker
        .discoveries()
        .into_iter()
        .filter(|(name, _)| *name != "two rotations are committed")
        .map(|(name, path)| {
            let actions: Vec<_> = path.into_actions();
            println!("{laws:?}: not so: {name}: {actions:?}");
            name
        })
        .collect();
    (checker.unique_state_count(), failed)
}

fn ours(zoom: Zoom) {
    let laws = Laws { zoom, write: Write::RuleP, naive_verdict: false, budget: BUDGET };
    let (states, failed) = explore(laws);
    println!("{zoom:?}: {states} states");
    assert!(states > 10_000, "the model explores too little: {states}");
    assert_eq!(failed, Vec::<&str>::new());
}

#[test]
fn no_loss_under_a_strict_zoom() {
    ours(Zoom::Strict);
}

#[test]
fn no_loss_where_only_the_newest_token_lives() {
    ours(Zoom::TolerantNewest);
}

#[test]
fn no_loss_where_both_children_live() {
    ours(Zoom::TolerantBoth);
}

#[test]
fn no_loss_but_in_the_windows_where_families_are_revoked() {
    ours(Zoom::Revoking);
}

fn loses(write: Write, naive_verdict: bool) {
    let laws = Laws { zoom: Zoom::Strict, write, naive_verdict, budget: BUDGET };
    let (_, failed) = explore(laws);
    assert!(!failed.is_empty(), "{laws:?} loses nothing: the model cannot fail");
}

#[test]
fn a_fence_loses_a_late_holders_token() {
    loses(Write::Fence, false);
}

#[test]
fn equality_loses_a_token_when_the_store_goes_back() {
    loses(Write::Equality, false);
}

#[test]
fn the_naive_verdict_parks_a_living_account() {
    loses(Write::RuleP, true);
}
