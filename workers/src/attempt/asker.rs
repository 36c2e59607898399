//! The calls of a search: pages of a host's list, and meetings read in full.
//!
//! Owns the words for what Zoom answered; each trouble names the call that met it. The
//! calls are made by the protocol of all ([`exchange`](super::exchange)). It decides
//! nothing about the job.

use std::time::Instant;

use zoom_api::{
    Class, Limit, ListQuery, Listed, MeetingRef, OddRow, Pager, PagerFull, Reply, TransportError,
    ZoomError,
};
use zoomd_store::limits::Label;
use zoomd_wire::Kind;

use super::exchange::{Caller, Exchange, NoReply};
use crate::decide::Wait;

/// WaitReason a call gave nothing.
#[derive(Debug)]
pub enum Stop {
    /// Something must be waited for first.
    Wait(Wait),
    /// A limit or a token refresh leaves no room for this call until then (ms by
    /// Redis' clock).
    Later(i64),
    /// A 429 to a call of this label.
    Limited(Label, Limit),
    /// No answer that could be used.
    Failed(Failure),
    /// The list has more pages than are read.
    TooLong(String),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wait(why) => f.write_str(why.words()),
            Self::Later(_) => f.write_str("rate limit: no room for the call yet"),
            Self::Limited(label, _) => {
                write!(f, "rate limit: {} calls are used up", label.as_str())
            }
            Self::Failed(Failure { why, .. }) | Self::TooLong(why) => f.write_str(why),
        }
    }
}

/// A call that failed.
#[derive(Debug)]
pub struct Failure {
    /// The call, and what Zoom answered.
    pub why: String,
    /// Reason, if Zoom understood the call and refused it.
    pub refusal: Option<Refusal>,
    /// Zoom's code for it.
    pub code: Option<i64>,
}

/// WaitReason Zoom refused a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The grant lacks a scope, or may not see this host: the same until an operator acts.
    Lasting,
    /// Any other reason.
    Other,
}

/// A meeting that was asked for by its number.
#[derive(Debug)]
pub enum Answer {
    /// Zoom's answer, as it came.
    Text(String),
    /// Zoom says that there is none: the call with its answer, and that answer.
    Missing(String, ZoomError),
}

impl Answer {
    fn of(what: &str, answer: Result<Reply, ZoomError>) -> Self {
        match answer {
            Ok(reply) => Self::Text(String::from_utf8_lossy(&reply.body).into_owned()),
            Err(error) => Self::Missing(format!("{what}: {error}"), error),
        }
    }
}

/// Position at which the read of a list stopped.
#[derive(Debug)]
pub struct Left {
    /// Reason for stopping.
    pub stop: Stop,
    /// The token of the page that was not read, if it is not the first.
    pub token: Option<String>,
    /// Number of pages that were read.
    pub pages: u32,
}

impl Caller<'_> {
    /// Reads pages, `most` of them, until the list ends or `take`, which gets the meetings that
    /// no page before had and the rows that name none, says that it is enough.
    /// Answers how many pages were read.
    ///
    /// # Errors
    /// Fails if the list was not read to its end; entries taken before stay taken.
    pub async fn list(
        &mut self,
        query: ListQuery,
        pages: u32,
        most: u32,
        mut take: impl FnMut(&[Listed], &[OddRow]) -> bool,
    ) -> Result<u32, Left> {
        let mut pager = Pager::resume(query, pages, most);
        loop {
            let left = |stop, pager: &Pager| Left {
                stop,
                token: pager.query().next_page_token.clone(),
                pages: pager.pages(),
            };
            let mut page = match self.page(&pager).await {
                Ok(page) => page,
                Err(stop) => return Err(left(stop, &pager)),
            };
            self.unreadable(page.odd.len());
            let step = pager.accept(&mut page);
            if take(&step.fresh, &page.odd) {
                return Ok(pager.pages());
            }
            match step.more {
                Ok(true) => {}
                Ok(false) => return Ok(pager.pages()),
                Err(full @ PagerFull::TooLong(_)) => {
                    return Err(left(Stop::TooLong(full.to_string()), &pager));
                }
                Err(full @ PagerFull::Circle) => {
                    let failure = Failure { why: full.to_string(), refusal: None, code: None };
                    return Err(left(Stop::Failed(failure), &pager));
                }
            }
        }
    }

    async fn page(&mut self, pager: &Pager) -> Result<zoom_api::Page, Stop> {
        const WHAT: &str = "listing the host's meetings";
        let (token, host) = (self.token, self.host);
        let send = token.client.list_meetings(&token.access, host, pager.query());
        let reply = self.ask(Exchange::LIST, WHAT, send).await?;
        reply.map_err(|error| refused(WHAT, &error))?.page().map_err(|error| failed(WHAT, &error))
    }

    /// Reads a meeting.
    pub async fn get(&mut self, meeting: &MeetingRef) -> Result<Answer, Stop> {
        let (what, token) = (format!("reading meeting {meeting}"), self.token);
        self.read(&what, token.client.get_meeting(&token.access, meeting)).await
    }

    /// Reads a recurring meeting: as it is on one date, or with all its dates.
    pub async fn get_dates(&mut self, meeting: u64, date: Option<u64>) -> Result<Answer, Stop> {
        let (what, token) = (format!("reading the dates of meeting {meeting}"), self.token);
        self.read(&what, token.client.get_dates(&token.access, meeting, date)).await
    }

    async fn read(
        &mut self,
        what: &str,
        send: impl Future<Output = Result<Reply, TransportError>>,
    ) -> Result<Answer, Stop> {
        let answer = self.ask(Exchange::GET, what, send).await?;
        if let Ok(reply) = &answer
            && serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&reply.body)
                .is_err()
        {
            let why =
                format!("{what}: zoom answered {}, but the reply is not a meeting", reply.status);
            return Err(Stop::Failed(Failure { why, refusal: None, code: None }));
        }
        Ok(Answer::of(what, answer))
    }

    /// The call of a job's own kind once more, for a look that may not read what it did.
    ///
    /// # Errors
    /// Fails if the call was not made, or its answer is unknown.
    pub async fn once_more(
        &mut self,
        kind: Kind,
        send: impl Future<Output = Result<Reply, TransportError>>,
    ) -> Result<Answer, Stop> {
        let what = format!("sending {kind} once more");
        let exchange = Exchange { operation: kind.operation(), endpoint: kind.as_str() };
        Ok(Answer::of(&what, self.ask(exchange, &what, send).await?))
    }

    /// The user that the token is of.
    ///
    /// # Errors
    /// Fails if Zoom is unreachable or does not answer with 2xx.
    pub async fn me(&mut self) -> Result<Reply, Stop> {
        const WHAT: &str = "reading the user of the account";
        let token = self.token;
        let reply = self.ask(Exchange::ME, WHAT, token.client.users_me(&token.access)).await?;
        reply.map_err(|error| refused(WHAT, &error))
    }

    /// One call, whose reply is wanted if it is a success or says that there is no such
    /// meeting.
    async fn ask(
        &mut self,
        exchange: Exchange,
        what: &str,
        send: impl Future<Output = Result<Reply, TransportError>>,
    ) -> Result<Result<Reply, ZoomError>, Stop> {
        let reply = self.exchange(exchange, send).await.map_err(|none| none.stop(what))?;
        if reply.is_success() {
            return Ok(Ok(reply));
        }
        let error = reply.error();
        if error.is_meeting_missing() { Ok(Err(error)) } else { Err(refused(what, &error)) }
    }

    /// Counts rows of a list that name no meeting; told now and then for each account.
    fn unreadable(&self, rows: usize) {
        if rows == 0 {
            return;
        }
        metrics::counter!("zoomd_list_rows_unreadable_total").increment(rows as u64);
        let account = self.account;
        if self.zoom.odd_lists().met(account, "", Instant::now()) {
            tracing::info!(
                account,
                rows,
                "account {account}: {rows} rows of zoom's list of meetings cannot be read and are \
                 skipped"
            );
        }
    }
}

impl NoReply {
    /// The stop of a look; `what` names the call.
    fn stop(self, what: &str) -> Stop {
        match self {
            Self::Wait(wait) => Stop::Wait(wait),
            Self::Later { until_ms, .. } => Stop::Later(until_ms),
            Self::Limited { label, limit, .. } => Stop::Limited(label, limit),
            error @ (Self::Transport(_) | Self::Store(_) | Self::Account(_)) => {
                failed(what, &error)
            }
        }
    }
}

fn refused(what: &str, error: &ZoomError) -> Stop {
    let refusal = match error.class() {
        Class::Scope => Some(Refusal::Lasting),
        Class::NotFound if matches!(error.code, Some(1001 | 1010)) => Some(Refusal::Lasting),
        Class::NotFound | Class::Refused => Some(Refusal::Other),
        _ => None,
    };
    Stop::Failed(Failure { why: format!("{what}: {error}"), refusal, code: error.code })
}

fn failed(what: &str, why: &impl std::fmt::Display) -> Stop {
    Stop::Failed(Failure { why: format!("{what}: {why}"), refusal: None, code: None })
}
