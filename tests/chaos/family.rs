//! Meetings that are changed after they are made: what is sent for each, in which order,
//! and how Zoom must show it when all is over.

use std::collections::BTreeSet;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use zoom_sim::MeetingView;

use crate::book::{Book, Outcome};
use crate::plan::Kind;

/// Minutes that a create asks for.
pub const MINUTES: i64 = 30;

/// Purpose of a job of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Makes the meeting.
    Create,
    /// Lets it last this long: a time that no other job asks for.
    Update(i64),
    /// Deletes it.
    Delete,
    /// Ends what runs of it.
    End,
}

/// One job of a family.
#[derive(Debug, Clone)]
pub struct Member {
    /// The key, which is the job's id.
    pub key: String,
    /// Purpose.
    pub deed: Deed,
    /// The text; a number in place of `of` once the number is known.
    pub text: String,
    /// True if it names the meeting by its number.
    pub by_number: bool,
    /// True if an operator cancels it as soon as it is sent.
    pub is_cancelled: bool,
}

/// The jobs of one meeting in the order in which they are sent, in one or two parts.
#[derive(Debug, Clone)]
pub struct Family {
    /// Jobs sent together with the create, it first.
    pub together: Vec<Member>,
    /// Jobs sent later; by number only once the create has its outcome.
    pub later: Vec<Member>,
    /// True if a participant enters before the later jobs are sent.
    pub starts: bool,
}

impl Family {
    /// Draws a family of at most `most` jobs. Where Redis itself fails a producer sends again
    /// what it may have sent: then nothing is drawn that frees an id.
    pub fn draw(dice: &mut StdRng, account: &str, key: &str, most: usize, blind: bool) -> Self {
        let mut family = Self {
            together: vec![Member::new(account, key, key, Deed::Create, false)],
            later: Vec::new(),
            starts: false,
        };
        let deletes = !blind && dice.random_bool(0.6);
        family.starts = !deletes && dice.random_bool(0.4);
        let cancels = !blind && dice.random_bool(0.2);
        for nth in 1..most.min(dice.random_range(2..6)) {
            let deed = match dice.random_range(0..10) {
                0..3 if deletes => Deed::Delete,
                3..5 if family.starts => Deed::End,
                _ => Deed::Update(MINUTES + i64::try_from(nth).unwrap_or(1)),
            };
            let late = dice.random_bool(0.35) || !family.later.is_empty();
            let by_number = late && dice.random_bool(0.5);
            // The last character tells nothing of the start, as it does of a plain create's.
            let name = format!("{key}-{nth}x");
            let mut member = Member::new(account, &name, key, deed, by_number);
            member.is_cancelled = cancels && dice.random_bool(0.3);
            if late { family.later.push(member) } else { family.together.push(member) }
        }
        family
    }

    /// All jobs, in the order of the stream.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.together.iter().chain(&self.later)
    }

    /// The key of the create.
    pub fn create(&self) -> &str {
        &self.together[0].key
    }

    /// Judges a family by its outcomes and by what Zoom shows of its meetings.
    ///
    /// # Errors
    /// Statements that do not hold.
    pub fn judge(&self, kind: Kind, book: &Book, seen: &[&MeetingView]) -> Result<(), String> {
        // A late call may come after a newer one; where Redis lost a create, what names it is
        // older than the create that is sent again.
        if kind.window().is_some() || kind == Kind::RolledBack {
            return Ok(());
        }
        let first = |member: &Member| book.jobs.get(&member.key).and_then(|o| o.first());
        let Some(made) = first(&self.together[0]) else { return Ok(()) };
        let mut state = State::of(made);
        for member in self.members().skip(1) {
            // A lost job is told of elsewhere.
            let Some(outcome) = first(member) else { return Ok(()) };
            state.after(member, outcome, kind, self)?;
        }
        let there: Vec<_> = seen.iter().filter(|meeting| !meeting.deleted).collect();
        if state.deleted == Some(true) && !there.is_empty() {
            return Err("it was deleted, and there is a meeting".into());
        }
        if state.deleted == Some(false) && made.code.is_none() && there.len() != 1 {
            return Err(format!("nobody deleted it, and there are {} meetings", there.len()));
        }
        for meeting in there {
            if !state.minutes.contains(&meeting.duration) {
                let found = meeting.duration;
                return Err(format!("it lasts {found} minutes, not one of {:?}", state.minutes));
            }
            if state.ended && meeting.running {
                return Err("it was ended, and runs".into());
            }
        }
        Ok(())
    }
}

impl Member {
    fn new(account: &str, key: &str, create: &str, deed: Deed, by_number: bool) -> Self {
        let mut job = json!({"id": key, "account": account, "metadata": {"key": key}});
        let kind = match deed {
            Deed::Create => "create_meeting",
            Deed::Update(_) => "update_meeting",
            Deed::Delete => "delete_meeting",
            Deed::End => "end_meeting",
        };
        job["kind"] = kind.into();
        match deed {
            Deed::Create => {
                let start = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(48);
                let start = start.strftime("%Y-%m-%dT%H:00:00Z").to_string();
                job["meeting"] = json!({"topic": key, "type": 2, "start_time": start,
                                        "duration": MINUTES});
            }
            Deed::Update(minutes) => job["meeting"] = json!({"duration": minutes}),
            Deed::Delete | Deed::End => {}
        }
        if deed != Deed::Create {
            job["of"] = create.into();
        }
        let text = job.to_string();
        Self { key: key.to_owned(), deed, text, by_number, is_cancelled: false }
    }

    /// The text, with the number of the meeting where it is named so.
    pub fn text(&self, number: Option<u64>) -> String {
        let Some(number) = number.filter(|_| self.by_number) else { return self.text.clone() };
        let mut job: Value = serde_json::from_str(&self.text).expect("a job");
        job.as_object_mut().expect("an object").remove("of");
        job["meeting_id"] = number.into();
        job.to_string()
    }
}

/// State that Zoom must show after the jobs so far, by their outcomes.
struct State {
    minutes: BTreeSet<i64>,
    /// `None`: nobody knows.
    deleted: Option<bool>,
    ended: bool,
    /// The create made a meeting, or nobody knows.
    may_be: bool,
}

impl State {
    fn of(create: &Outcome) -> Self {
        let unknown = create.code.as_deref() == Some("outcome_unknown");
        let deleted = if unknown { None } else { Some(false) };
        let may_be = create.code.is_none() || unknown;
        Self { minutes: BTreeSet::from([MINUTES]), deleted, ended: false, may_be }
    }

    fn after(
        &mut self,
        member: &Member,
        outcome: &Outcome,
        kind: Kind,
        family: &Family,
    ) -> Result<(), String> {
        let code = outcome.code.as_deref();
        match (member.deed, code) {
            (Deed::Create, _) => {}
            (Deed::Update(minutes), None) => self.minutes = BTreeSet::from([minutes]),
            (Deed::Delete, None) => self.deleted = Some(true),
            (Deed::End, None) => self.ended = true,
            // Its call may have changed the meeting, and nobody knows.
            (Deed::Update(minutes), Some("outcome_unknown" | "internal_error")) => {
                self.minutes.insert(minutes);
            }
            (Deed::Delete, Some("outcome_unknown" | "internal_error")) => {
                self.deleted = self.deleted.filter(|gone| *gone);
            }
            (Deed::End, Some(_)) => self.ended = false,
            (_, Some(code)) => self.refused(member, code, kind, family)?,
        }
        Ok(())
    }

    /// A failure with a code that says that nothing was changed must have its reason.
    fn refused(
        &self,
        member: &Member,
        code: &str,
        kind: Kind,
        family: &Family,
    ) -> Result<(), String> {
        let deletes_after = || {
            let mut after = family.members().skip_while(|m| m.key != member.key).skip(1);
            after.any(|m| m.deed == Deed::Delete)
        };
        let no_meeting = !self.may_be || self.deleted != Some(false);
        let has_reason = match code {
            "cancelled" => member.is_cancelled || deletes_after(),
            "no_meeting" => no_meeting,
            // What is gone; in rounds of Zoom's failures also what it refuses for no reason.
            "zoom_rejected" => no_meeting || kind == Kind::Zoom,
            _ => false,
        };
        if has_reason {
            Ok(())
        } else {
            Err(format!("{} failed as {code} for no reason", member.key))
        }
    }
}
