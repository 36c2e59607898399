//! The model: a stream, two daemons, one meeting at Zoom, and calls under way.

use stateright::{Model, Property};

/// A job of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    Create,
    /// A start as the clock on the wall of the meeting's time zone shows it.
    Start(u8),
    Zone(u8),
    Delete,
}

/// A rule that is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    Nothing,
    /// No job is judged while an older one may still be admitted.
    Order,
    /// The target stays taken while a call is unresolved.
    Taken,
    /// A meeting that is said to be gone is looked at once more.
    SecondLook,
    /// A start and a zone are not merged.
    FoldRule,
    /// A delete ends what waits before it.
    Ends,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    Done,
    /// Nothing was there to be done.
    NeverCreated,
    Cancelled,
    NoMeeting,
    /// Zoom refused it: the meeting is not there.
    Refused,
}

/// Place of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    Unread,
    /// Read by a daemon that died.
    Pending,
    Read(u8),
    /// In the line; not in anybody's hands.
    Line,
    Leased(u8),
    Sent(u8),
    Unresolved,
    /// Goes with the call of another.
    With(u8),
    Over(End),
}

/// A call on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    None,
    Travels,
    /// It came to Zoom: whether it found the meeting.
    Answered(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meeting {
    None,
    /// The start on one clock for all, and the zone.
    There(i8, u8),
    Gone,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub places: Vec<Place>,
    pub calls: Vec<Call>,
    pub zoom: Meeting,
    pub made: u8,
    crashes: u8,
    losses: u8,
    falsehoods: u8,
    /// A create was sent though a delete had found it in nobody's hands.
    raced: bool,
    /// Deletes that were accepted while nobody held the create.
    accepted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Read(usize, u8),
    Admit(usize),
    Lease(usize, u8),
    Send(usize),
    Arrive(usize),
    /// Zoom says that the meeting is not there, and does nothing.
    Deny(usize),
    Hear(usize),
    Lose(usize),
    Die(u8),
    Look(usize),
}

#[derive(Debug, Clone)]
pub struct Line {
    pub ops: Vec<Op>,
    pub without: Without,
}

impl Meeting {
    fn after(self, op: Op) -> Self {
        match (op, self) {
            (Op::Create, _) => Self::There(0, 0),
            (Op::Start(wall), Self::There(_, zone)) => {
                Self::There(wall.cast_signed() - zone.cast_signed(), zone)
            }
            (Op::Zone(zone), Self::There(start, _)) => Self::There(start, zone),
            (Op::Delete, Self::There(..)) => Self::Gone,
            (_, other) => other,
        }
    }

    /// A merged change: the zone is set first, and the start is read in it.
    fn after_all(self, ops: &[Op]) -> Self {
        let (zones, others): (Vec<&Op>, Vec<&Op>) =
            ops.iter().partition(|op| matches!(op, Op::Zone(_)));
        let create = others.iter().filter(|op| **op == &Op::Create);
        let rest = others.iter().filter(|op| **op != &Op::Create);
        create.chain(zones.iter()).chain(rest).fold(self, |meeting, op| meeting.after(**op))
    }

    /// True if it shows what a call with all these asked for. A create is known by its marker.
    fn shows(self, ops: &[Op]) -> bool {
        match ops.first() {
            Some(Op::Create) => self != Self::None,
            Some(Op::Delete) => !matches!(self, Self::There(..)),
            _ => matches!(self, Self::There(..)) && self == self.after_all(ops),
        }
    }
}

impl Line {
    fn has(&self, rule: Without) -> bool {
        self.without != rule
    }

    /// Jobs whose change is made by the call of `job`, in order.
    fn carried(&self, state: &State, job: usize) -> Vec<Op> {
        let with = |at: &usize| {
            *at == job || matches!(state.places[*at], Place::With(by) if usize::from(by) == job)
        };
        (0..self.ops.len()).filter(with).map(|at| self.ops[at]).collect()
    }

    fn is_free(&self, state: &State) -> bool {
        !state.places.iter().any(|place| match place {
            Place::Leased(_) | Place::Sent(_) => true,
            Place::Unresolved => self.has(Without::Taken),
            _ => false,
        })
    }

    fn admit(&self, state: &mut State, job: usize) {
        let create = state.places[0];
        let unknown = matches!(create, Place::Unread | Place::Pending | Place::Read(_));
        let made = !matches!(create, Place::Over(end) if end != End::Done);
        state.places[job] = Place::Line;
        if job > 0 && (unknown || !made) {
            state.places[job] = Place::Over(End::NoMeeting);
        } else if self.ops[job] == Op::Delete {
            state.accepted |= matches!(create, Place::Line);
            self.end_before(state, job);
        }
    }

    /// The delete ends what waits before it, and itself where that is the create.
    fn end_before(&self, state: &mut State, delete: usize) {
        if !self.has(Without::Ends) {
            return;
        }
        for at in 0..delete {
            if state.places[at] == Place::Line {
                state.places[at] = Place::Over(End::Cancelled);
                if at == 0 {
                    state.places[delete] = Place::Over(End::NeverCreated);
                }
            }
        }
        self.close(state);
    }

    /// Ends what stands in line for a meeting that is not made.
    fn close(&self, state: &mut State) {
        if matches!(state.places[0], Place::Over(end) if end != End::Done) {
            for place in state.places.iter_mut().filter(|place| **place == Place::Line) {
                *place = Place::Over(End::NoMeeting);
            }
        }
    }

    /// A job comes back without a call that may have done anything.
    fn back(&self, state: &mut State, job: usize) {
        self.each(state, job, Place::Line);
        let delete = (job + 1..self.ops.len())
            .find(|at| self.ops[*at] == Op::Delete && state.places[*at] == Place::Line);
        if let Some(delete) = delete {
            self.end_before(state, delete);
        }
    }

    /// Moves a job and all that go with it.
    fn each(&self, state: &mut State, job: usize, place: Place) {
        for at in 0..self.ops.len() {
            let with = matches!(state.places[at], Place::With(by) if usize::from(by) == job);
            if at == job || with {
                state.places[at] = place;
            }
        }
    }

    fn lease(&self, state: &mut State, job: usize, daemon: u8) {
        state.places[job] = Place::Leased(daemon);
        if self.ops[job] == Op::Delete {
            return;
        }
        let mut last = job;
        for at in job + 1..self.ops.len() {
            let folds = matches!(self.ops[at], Op::Start(_) | Op::Zone(_));
            let apart = matches!(
                (self.ops[last], self.ops[at]),
                (Op::Start(_), Op::Zone(_)) | (Op::Zone(_), Op::Start(_))
            );
            // A create says its own start and zone: what is merged into it is whole.
            let into_create = self.ops[job] == Op::Create && matches!(self.ops[at], Op::Zone(_));
            let allowed = !self.has(Without::FoldRule) || !apart && !into_create;
            if state.places[at] != Place::Line || !folds || !allowed {
                break;
            }
            state.places[at] = Place::With(u8::try_from(job).unwrap_or(0));
            last = at;
        }
    }

    fn arrive(&self, state: &mut State, job: usize) {
        let found = self.ops[job] == Op::Create || matches!(state.zoom, Meeting::There(..));
        if found {
            let ops = self.carried(state, job);
            state.zoom = state.zoom.after_all(&ops);
            state.made += u8::from(self.ops[job] == Op::Create);
        }
        self.answer(state, job, found);
    }

    fn answer(&self, state: &mut State, job: usize, found: bool) {
        let heard = matches!(state.places[job], Place::Sent(_));
        state.calls[job] = if heard { Call::Answered(found) } else { Call::None };
    }

    fn hear(&self, state: &mut State, job: usize, found: bool) {
        state.calls[job] = Call::None;
        let there = matches!(state.zoom, Meeting::There(..));
        if !found && self.has(Without::SecondLook) && there {
            return self.back(state, job);
        }
        let gone = if self.ops[job] == Op::Delete { End::Done } else { End::Refused };
        self.each(state, job, Place::Over(if found { End::Done } else { gone }));
    }

    fn look(&self, state: &mut State, job: usize) {
        if state.zoom.shows(&self.carried(state, job)) {
            self.each(state, job, Place::Over(End::Done));
        } else {
            self.back(state, job);
        }
    }

    fn die(&self, state: &mut State, daemon: u8) {
        for job in 0..self.ops.len() {
            match state.places[job] {
                Place::Read(by) if by == daemon => state.places[job] = Place::Pending,
                Place::Leased(by) if by == daemon => self.back(state, job),
                Place::Sent(by) if by == daemon => self.lose(state, job),
                _ => {}
            }
        }
    }

    fn lose(&self, state: &mut State, job: usize) {
        state.places[job] = Place::Unresolved;
        if state.calls[job] != Call::Travels {
            state.calls[job] = Call::None;
        }
    }

    /// The meeting that the jobs that succeeded make, in the order of the stream.
    fn expected(&self, state: &State) -> Meeting {
        let done = |at: &usize| state.places[*at] == Place::Over(End::Done);
        let jobs = (0..self.ops.len()).filter(done);
        jobs.fold(Meeting::None, |meeting, at| meeting.after(self.ops[at]))
    }
}

fn is_quiet(state: &State) -> bool {
    state.places.iter().all(|place| matches!(place, Place::Over(_)))
        && state.calls.iter().all(|call| *call == Call::None)
}

impl Model for Line {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            places: vec![Place::Unread; self.ops.len()],
            calls: vec![Call::None; self.ops.len()],
            zoom: Meeting::None,
            made: 0,
            crashes: 2,
            losses: 1,
            falsehoods: 1,
            raced: false,
            accepted: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let waits =
            |place: &Place| matches!(place, Place::Unread | Place::Pending | Place::Read(_));
        for job in 0..self.ops.len() {
            let before = &state.places[..job];
            match state.places[job] {
                Place::Unread if !before.contains(&Place::Unread) => {
                    actions.extend([Action::Read(job, 0), Action::Read(job, 1)]);
                }
                Place::Pending => actions.extend([Action::Read(job, 0), Action::Read(job, 1)]),
                Place::Read(_) if !self.has(Without::Order) || !before.iter().any(waits) => {
                    actions.push(Action::Admit(job));
                }
                Place::Line if self.is_free(state) && !before.contains(&Place::Line) => {
                    actions.extend([Action::Lease(job, 0), Action::Lease(job, 1)]);
                }
                Place::Leased(_) => actions.push(Action::Send(job)),
                Place::Unresolved if state.calls[job] == Call::None => {
                    actions.push(Action::Look(job));
                }
                _ => {}
            }
            match state.calls[job] {
                Call::Travels => {
                    actions.push(Action::Arrive(job));
                    if state.falsehoods > 0 && job > 0 {
                        actions.push(Action::Deny(job));
                    }
                }
                Call::Answered(_) => actions.push(Action::Hear(job)),
                Call::None => {}
            }
            if state.losses > 0 && matches!(state.places[job], Place::Sent(_)) {
                actions.push(Action::Lose(job));
            }
        }
        if state.crashes > 0 {
            actions.extend([Action::Die(0), Action::Die(1)]);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Read(job, daemon) => state.places[job] = Place::Read(daemon),
            Action::Admit(job) => self.admit(&mut state, job),
            Action::Lease(job, daemon) => self.lease(&mut state, job, daemon),
            Action::Send(job) => {
                let Place::Leased(daemon) = state.places[job] else { return None };
                state.places[job] = Place::Sent(daemon);
                state.calls[job] = Call::Travels;
                state.raced |= state.accepted && job == 0;
            }
            Action::Arrive(job) => self.arrive(&mut state, job),
            Action::Deny(job) => {
                state.falsehoods -= 1;
                self.answer(&mut state, job, false);
            }
            Action::Hear(job) => {
                let Call::Answered(found) = state.calls[job] else { return None };
                self.hear(&mut state, job, found);
            }
            Action::Lose(job) => {
                state.losses -= 1;
                self.lose(&mut state, job);
            }
            Action::Die(daemon) => {
                state.crashes -= 1;
                self.die(&mut state, daemon);
            }
            Action::Look(job) => self.look(&mut state, job),
        }
        self.close(&mut state);
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "the meeting is what the jobs made of it",
                |line: &Self, state: &State| {
                    !is_quiet(state) || state.zoom == line.expected(state) || gone(state, line)
                },
            ),
            Property::always(
                "behind a last delete there is no meeting",
                |line: &Self, state: &State| {
                    let last = line.ops.last() == Some(&Op::Delete);
                    !(is_quiet(state) && last && matches!(state.zoom, Meeting::There(..)))
                },
            ),
            Property::always("no create is sent twice, or after its cancel", |_, state: &State| {
                state.made < 2 && !state.raced
            }),
            Property::sometimes("every job succeeds", |_, state: &State| {
                state.places.iter().all(|place| *place == Place::Over(End::Done))
            }),
        ]
    }
}

/// Neither is there a meeting, nor should there be.
fn gone(state: &State, line: &Line) -> bool {
    let there = |meeting: Meeting| matches!(meeting, Meeting::There(..));
    !there(state.zoom) && !there(line.expected(state))
}
