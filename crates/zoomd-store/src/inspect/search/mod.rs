//! A search through all jobs, page by page, each with a bound on what it reads.
//!
//! Jobs without an outcome stand in no order: account by account as Redis keeps them, then
//! what is still in the stream. Those that failed or succeeded come newest first. A job
//! that stays where it is during the whole walk is found; one that moves may be found twice
//! or not at all. [`order`](super::order) lists the first jobs for people.

mod aside;
mod place;
mod streams;

use serde::Deserialize;

use super::wait_facts::hosts::Known;
use super::{JobFilter, JobView, Ops, State};
use crate::StoreError;
use crate::queue::Purpose;
use crate::queue::memory::Live;

pub use place::JobPlace;

/// Maximum number of jobs read for one page.
const READS: usize = 2_000;
/// Number of jobs read in one step.
const PAGE: usize = 200;

/// The jobs that are wanted; nothing set: all without an outcome.
#[derive(Debug, Clone, Default)]
pub struct JobQuery {
    pub account: Option<String>,
    pub state: Option<State>,
    pub kind: Option<String>,
    /// Of this user: as the job names it, or by the room it waits in.
    pub user: Option<String>,
    /// Of a user of this name or, where an account is named, with a topic that begins so;
    /// letters' case makes no difference.
    pub text: Option<String>,
}

#[derive(Debug)]
pub struct JobPage {
    /// The jobs; a few more than were asked for, or fewer, or none.
    pub jobs: Vec<JobView>,
    /// Start of the next page; `None` at the end.
    pub next: Option<JobPlace>,
}

/// Claims of a job about itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Peek {
    kind: Option<String>,
    user: Option<String>,
    meeting: Meeting,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meeting {
    topic: Option<String>,
}

impl JobQuery {
    fn is_about_content(&self) -> bool {
        self.kind.is_some() || self.user.is_some() || self.text.is_some()
    }

    fn takes_state(&self, state: State) -> bool {
        self.state.is_none_or(|wanted| wanted == state)
    }

    /// True if the job, as it came, is wanted.
    fn takes(&self, view: &JobView, job: &[u8]) -> bool {
        if self.account.is_some() && self.account != view.account {
            return false;
        }
        if !self.is_about_content() {
            return true;
        }
        let peek: Peek = serde_json::from_slice(job).unwrap_or_default();
        let kind = peek.kind.as_deref().unwrap_or(zoomd_wire::Kind::default().as_str());
        let users = [view.host.as_deref(), peek.user.as_deref().or(Some("me"))];
        let of_user = |wanted: &str| {
            users.into_iter().flatten().any(|user| user.eq_ignore_ascii_case(wanted))
        };
        let titled = |wanted: &str| {
            let topic = peek.meeting.topic.as_deref().unwrap_or_default().to_lowercase();
            self.account.is_some() && topic.starts_with(&wanted.to_lowercase())
        };
        self.kind.as_deref().is_none_or(|wanted| wanted == kind)
            && self.user.as_deref().is_none_or(of_user)
            && self.text.as_deref().is_none_or(|wanted| of_user(wanted) || titled(wanted))
    }
}

/// A page that is being filled.
struct Filling<'a> {
    query: &'a JobQuery,
    most: usize,
    reads: usize,
    jobs: Vec<JobView>,
}

impl Filling<'_> {
    fn is_full(&self) -> bool {
        self.jobs.len() >= self.most || self.reads >= READS
    }

    fn step(&self) -> usize {
        let step = if self.query.is_about_content() { PAGE } else { self.most - self.jobs.len() };
        step.clamp(1, PAGE).min(READS.saturating_sub(self.reads).max(1))
    }
}

impl Ops {
    /// A page of jobs behind `from`, of about `most`. Looks at 2,000 jobs at most, so it may
    /// hold few jobs, or none, and yet have a next one.
    pub async fn search_jobs(
        &self,
        query: &JobQuery,
        from: Option<JobPlace>,
        most: usize,
    ) -> Result<JobPage, StoreError> {
        let mut page = Filling { query, most: most.max(1), reads: 0, jobs: Vec::new() };
        if query.state == Some(State::Running) {
            let filter = JobFilter { account: query.account.clone(), state: query.state };
            let mut hand = Vec::new();
            self.in_hand(&filter, usize::MAX, &mut hand).await?;
            self.add_payloads(&mut hand).await?;
            hand.retain(|view| query.takes(view, view.job.as_deref().unwrap_or_default()));
            return Ok(JobPage { jobs: hand, next: None });
        }
        let known = Known { obstacles: self.obstacles().await?, asleep: None };
        let mut place = Some(from.unwrap_or_else(|| JobPlace::begin(query)));
        while let Some(at) = place.take() {
            place = match at {
                JobPlace::Aside { account, scan } => {
                    self.aside_page(&mut page, account, scan, &known).await?
                }
                JobPlace::Stream(after) => self.stream_page(&mut page, after, &known).await?,
                JobPlace::Due(ms, skip) => self.due_page(&mut page, ms, skip, &known).await?,
                JobPlace::Failed(cursor) => self.failed_page(&mut page, cursor).await?,
                JobPlace::Done(before) => self.done_page(&mut page, before).await?,
            };
            if page.is_full() {
                break;
            }
        }
        Ok(JobPage { jobs: page.jobs, next: place })
    }
}

/// The state of a job in a daemon's hands.
fn in_hand_of(live: &Live) -> State {
    if live.purpose == Purpose::Lookup { State::Reconciling } else { State::Running }
}
