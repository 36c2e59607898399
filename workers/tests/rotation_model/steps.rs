//! Steps of the model, and the properties that hold in every state.

use stateright::{Model, Property};
use zoomd_store::grants::{Epoch, GrantVersion};
use zoomd_workers::rotation::rules::{
    Accepted, Judged, Slot, Standing, Token, accept, accept_early, verdict,
};

use crate::state::{
    Action, At, Case, Entry, Fp, Intent, Laws, Past, Sent, State, Stored, Without, Worker, Write,
    Zoom,
};

pub struct Rotation(pub Laws);

impl Rotation {
    /// Zoom is given `fp`: the token it answers with, or a refusal.
    fn present(&self, state: &mut State, stored: &Stored, token: &Token<Fp>) -> Option<Token<Fp>> {
        let fp = token.fp;
        let alive = state.live.contains(&fp);
        let tolerated = state.grace == Some(fp);
        if !alive && !tolerated {
            if self.0.zoom == Zoom::Revoking {
                // The third window: it revokes, and undoes what it did.
                state.window |= state.zombie.is_some() || state.put_back;
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
    fn write(&self, state: &mut State, by: usize, token: &Token<Fp>, sent: &Sent) -> bool {
        let allowed = match self.0.write {
            Write::RuleP => true,
            Write::Fence => state.workers[by].fence == state.fence,
            Write::Equality => state.slot.version == sent.stored.version,
        };
        if !allowed {
            return false;
        }
        let before =
            Past { slot: state.slot.clone(), intent: state.intent.clone(), present: state.present };
        let accepted = if sent.early && self.0.without != Without::Spare {
            accept_early(&mut state.slot, token, &sent.token)
        } else {
            accept(&mut state.slot, token)
        };
        if accepted == Accepted::Stored && sent.after_all {
            // The spare expires, for no exchange takes so long.
            state.slot.spare = None;
        }
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
        let Some(entry) = &state.workers[by].journal else { return false };
        let mut tried = state.clone();
        self.write(&mut tried, by, &entry.token, &entry.sent)
            && (tried.slot != state.slot || tried.intent != state.intent)
    }

    fn may_acquire(state: &State) -> bool {
        let ripe = state.intent.as_ref().is_none_or(|intent| match intent.case {
            Case::Open => false,
            Case::Server => true,
            // An outcome that takes longer than any exchange needs none under way.
            Case::Later => state.zombie.is_none(),
        });
        state.lease.is_none() && !state.settling && ripe && state.slot.standing == Standing::Active
    }

    /// True if every known worker has reported to the store that came back. The living
    /// remember each other; the store may have forgotten one.
    fn all_reported(&self, state: &State) -> bool {
        let reported = |w: usize| !self.would_repair(state, w) && !state.workers[w].at.is_sent();
        let known = |w: usize| self.0.without != Without::Memory || state.present[w];
        (0..2).all(|w| !known(w) || reported(w))
    }

    fn done(state: &mut State, worker: usize) {
        state.workers[worker].at = At::Idle;
        state.lease.take_if(|holder| *holder == worker);
    }

    /// It is over: one's own intent and lease go.
    fn end(state: &mut State, worker: usize) {
        state.intent.take_if(|intent| intent.worker == worker);
        Self::done(state, worker);
    }

    /// Gives up without having sent: what a probe asked about is in doubt as before.
    fn abort(state: &mut State, worker: usize) {
        let own = state.intent.as_mut().filter(|intent| intent.worker == worker);
        match own {
            Some(intent) if intent.again => {
                intent.case = if intent.over { Case::Later } else { Case::Server };
                Self::done(state, worker);
            }
            _ => Self::end(state, worker),
        }
    }

    fn crash(state: &mut State, worker: usize) {
        let at = &state.workers[worker].at;
        state.window |= !matches!(at, At::Staged(..)) && at.carried().is_some();
        state.left.crashes -= 1;
        // The lease is nobody's: it ends by itself.
        state.workers[worker].at = At::Idle;
    }

    fn judge(&self, state: &mut State, worker: usize, sent: Sent) {
        if self.0.without == Without::RuleN {
            state.slot.standing = Standing::NeedsReauth;
            return Self::end(state, worker);
        }
        let no_verdict = sent.early || state.settling;
        if no_verdict && self.0.without != Without::Patience {
            return Self::answer(state, worker, Case::Later);
        }
        let covered = state.intent.as_ref().is_some_and(|intent| intent.worker != worker);
        let read = (sent.stored.version, sent.stored.fp);
        let judged = verdict(&mut state.slot, read, sent.token.fp, covered);
        let next = state.slot.presentable().next().cloned();
        match (judged, next) {
            (Judged::Candidates, Some(next)) if state.lease == Some(worker) => {
                if let Some(intent) = &mut state.intent {
                    (intent.fp, intent.again) = (next.fp, false);
                }
                state.workers[worker].at = At::Intended(Sent { token: next, early: false, ..sent });
            }
            _ => Self::end(state, worker),
        }
    }

    /// Says of one's own intent what is known.
    fn answer(state: &mut State, worker: usize, case: Case) {
        let refused = matches!(state.workers[worker].at, At::Refused(_));
        if let Some(intent) = state.intent.as_mut().filter(|intent| intent.worker == worker) {
            intent.case = case;
            // A refusal is an answer: what is not over is the presentation before.
            intent.over &= refused;
        }
        Self::done(state, worker);
    }

    fn step(&self, state: &mut State, action: Action) -> Option<()> {
        match action {
            Action::Acquire(w) => {
                state.lease = Some(w);
                state.present[w] |= self.0.without == Without::Memory;
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
                let before = state.intent.take().filter(|before| before.fp == token.fp);
                state.intent = Some(Intent {
                    worker: w,
                    version: stored.version,
                    fp: token.fp,
                    case: Case::Open,
                    again: before.is_some(),
                    over: before.is_some_and(|before| before.over || before.case == Case::Later),
                });
                state.left.rotations = state.left.rotations.saturating_sub(1);
                state.workers[w].at =
                    At::Intended(Sent { stored, token, early: false, after_all: false });
            }
            Action::Look(w) => {
                let At::Intended(mut sent) = state.workers[w].at.clone() else { return None };
                if state.lease == Some(w) {
                    let own = state.intent.as_ref().filter(|intent| intent.worker == w);
                    sent.early = own.is_some_and(|intent| intent.again && !intent.over);
                    sent.after_all = state.zombie.is_none() && !sent.early;
                    state.workers[w].at = At::Sending(sent);
                } else {
                    Self::abort(state, w);
                }
            }
            Action::Reach(_) | Action::Receive(_) | Action::Stage(_) | Action::Commit(_) => {
                self.exchange(state, action)?;
            }
            Action::FailAtZoom(w) => {
                state.left.failures -= 1;
                state.workers[w].at = At::Doubt(Case::Later);
            }
            Action::LoseReply(w) => {
                let At::Replied(_, reply) = &state.workers[w].at else { return None };
                state.window |= reply.is_some();
                state.left.losses -= 1;
                state.workers[w].at = At::Doubt(Case::Later);
            }
            Action::FailUndone(..) | Action::EndUndone => self.undo(state, action)?,
            Action::Judge(w) => {
                let At::Refused(sent) = state.workers[w].at.clone() else { return None };
                self.judge(state, w, sent);
            }
            Action::Answer(w) => {
                let case = match state.workers[w].at {
                    At::Doubt(case) => case,
                    _ => Case::Later,
                };
                Self::answer(state, w, case);
            }
            Action::Repair(w) => {
                let entry = state.workers[w].journal.clone()?;
                self.write(state, w, &entry.token, &entry.sent);
            }
            Action::Crash(w) => Self::crash(state, w),
            Action::CrashAfterSend(w) => {
                self.exchange(state, Action::Reach(w))?;
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
                state.intent.as_mut()?.case = Case::Later;
            }
            Action::RollBack(to) => {
                let Past { slot, intent, present } = state.past[to].clone();
                state.past.truncate(to);
                (state.slot, state.intent, state.present) = (slot, intent, present);
                state.lease = None;
                state.settling = true;
                state.left.rollbacks -= 1;
            }
            Action::Settle => state.settling = false,
            Action::SettleByTime => {
                // The third window: whoever is silent has what only he has.
                let silent =
                    (0..2).any(|w| state.workers[w].at.is_sent() || self.would_repair(state, w));
                state.window |= self.0.zoom == Zoom::Revoking && silent;
                state.settling = false;
            }
        }
        Some(())
    }

    /// The third window: stopped between its last look at the lease and the write to
    /// the socket, and another probes what it is about to send.
    fn is_late(state: &State, w: usize) -> bool {
        let own = state.intent.as_ref().filter(|intent| intent.worker == w);
        own.is_none_or(|intent| intent.case != Case::Open)
    }

    /// From the socket to the store.
    fn exchange(&self, state: &mut State, action: Action) -> Option<()> {
        let at = |state: &State, w: usize| state.workers[w].at.clone();
        match action {
            Action::Reach(w) => {
                let At::Sending(sent) = at(state, w) else { return None };
                state.window |= state.zombie.is_some() && Self::is_late(state, w);
                let reply = self.present(state, &sent.stored, &sent.token);
                state.workers[w].at = At::Replied(sent, reply);
            }
            Action::Receive(w) => {
                let At::Replied(sent, reply) = at(state, w) else { return None };
                state.workers[w].at = match reply {
                    Some(reply) => At::Holding(sent, reply),
                    None => At::Refused(sent),
                };
            }
            Action::Stage(w) => {
                let At::Holding(sent, token) = at(state, w) else { return None };
                state.workers[w].journal = Some(Entry { token: token.clone(), sent: sent.clone() });
                state.workers[w].at = At::Staged(sent, token);
            }
            Action::Commit(w) => {
                let At::Staged(sent, token) = at(state, w) else { return None };
                self.write(state, w, &token, &sent);
                Self::end(state, w);
            }
            _ => return None,
        }
        Some(())
    }

    /// A failure that Zoom tells before it is over.
    fn undo(&self, state: &mut State, action: Action) -> Option<()> {
        match action {
            Action::FailUndone(w, rotated) => {
                let At::Sending(sent) = state.workers[w].at.clone() else { return None };
                state.window |= Self::is_late(state, w);
                if rotated {
                    self.present(state, &sent.stored, &sent.token)?;
                }
                state.zombie = Some(sent.token.fp);
                state.left.undone -= 1;
                state.workers[w].at = At::Doubt(Case::Server);
            }
            _ => {
                let fp = state.zombie.take()?;
                state.put_back |= !state.live.contains(&fp);
                // A family that is revoked stays so.
                if !state.live.is_empty() {
                    state.live = vec![fp];
                    state.grace = None;
                }
            }
        }
        Some(())
    }

    /// True if Zoom would accept what worker `w` is about to send.
    fn would_succeed(&self, state: &State, w: usize) -> bool {
        let At::Sending(sent) = &state.workers[w].at else { return false };
        state.live.contains(&sent.token.fp)
    }

    fn of_worker(&self, state: &State, w: usize, actions: &mut Vec<Action>) {
        let worker = &state.workers[w];
        let left = &state.left;
        let open = state.intent.as_ref().is_some_and(|i| i.worker == w && i.case == Case::Open);
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
                if left.undone > 0 && self.would_succeed(state, w) {
                    actions.extend([true, false].map(|rotated| Action::FailUndone(w, rotated)));
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
            At::Doubt(_) => actions.push(Action::Answer(w)),
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
            present: [false; 2],
            past: Vec::new(),
            zombie: None,
            put_back: false,
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
        let of_intent = |is: fn(&Intent) -> bool| state.intent.as_ref().is_some_and(is);
        if state.zombie.is_some() {
            actions.push(Action::EndUndone);
        } else {
            if of_intent(|intent| intent.case == Case::Open) && state.left.silences > 0 {
                actions.push(Action::GiveUpSilentHost);
            }
        }
        if state.left.rollbacks > 0 {
            actions.extend((0..state.past.len()).map(Action::RollBack));
        }
        if state.settling && self.all_reported(state) {
            actions.push(Action::Settle);
        } else if state.settling && state.zombie.is_none() {
            actions.push(Action::SettleByTime);
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
                state.window || state.live.iter().chain(&state.zombie).any(|fp| held(state, *fp))
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
    let kept = state.slot.presentable();
    let is = |token: &Token<Fp>| token.fp == fp;
    kept.into_iter().any(is)
        || state.workers.iter().any(|worker| {
            worker.at.carried().is_some_and(is)
                || worker.journal.as_ref().is_some_and(|entry| is(&entry.token))
        })
}

fn quiet(model: &Rotation, state: &State) -> bool {
    let busy = |w: usize| state.workers[w].at != At::Idle || model.would_repair(state, w);
    state.intent.is_none() && state.lease.is_none() && state.zombie.is_none() && !(0..2).any(busy)
}

fn works(state: &State) -> bool {
    state.slot.standing == Standing::Active
        && state.slot.presentable().any(|token| state.live.contains(&token.fp))
}
