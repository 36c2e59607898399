//! The calls of a search: pages of a host's list, and meetings read in full.
//!
//! Owns the budgets of these calls and the words for what Zoom answered; each
//! trouble names the call that met it. The first call was paid for with the
//! lease; each further one is asked for. It decides nothing about the job.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use zoom_api::{
    Class, Limit, LimitKind, ListQuery, Listed, MeetingRef, OddRow, Pager, PagerFull, Reply,
    TransportError, ZoomError,
};
use zoomd_store::calls::{Begun, Call};
use zoomd_store::limits::Label;
use zoomd_wire::{AccountName, Kind};

use super::call::{self, CallPermit};
use crate::context::EngineContext;
use crate::decide::{self, Wait};
use crate::tokens::{Refused, Token};

/// Why a call gave nothing.
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
            Self::Later(_) => f.write_str("a rate limit leaves no room for the call yet"),
            Self::Limited(label, _) => write!(f, "a limit of {} calls is used up", label.as_str()),
            Self::Failed(Failure { why, .. }) | Self::TooLong(why) => f.write_str(why),
        }
    }
}

/// A call that failed.
#[derive(Debug)]
pub struct Failure {
    /// The call, and what Zoom answered.
    pub why: String,
    /// Whether Zoom understood and refused it.
    pub refusal: Option<Refusal>,
}

/// Why Zoom refused a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The grant lacks a scope, or may not see this host: the same until somebody acts.
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

/// Where a list was left.
#[derive(Debug)]
pub struct Left {
    /// Why.
    pub stop: Stop,
    /// The token of the page that was not read, if it is not the first.
    pub token: Option<String>,
    /// How many pages were read.
    pub pages: u32,
}

/// Makes the calls of one search.
pub struct Asker<'a> {
    pub(crate) ctx: &'a EngineContext,
    pub(crate) account: &'a str,
    pub(crate) host: &'a str,
    /// A time of Redis, and when that was here.
    pub(crate) known: (Timestamp, Instant),
    pub(crate) token: &'a Token,
    pub(crate) permit: CallPermit<'a>,
    /// The next call was paid for with the lease, and must begin by then.
    pub(crate) paid: Option<Instant>,
    /// No further call begins after this.
    pub(crate) until: Option<Instant>,
}

impl Asker<'_> {
    /// Reads pages until the list ends or `take`, which gets the meetings that
    /// no page before had and the rows that name none, says that it is enough.
    /// Answers how many pages were read.
    ///
    /// # Errors
    /// Where the list was left before its end; what was taken stays taken.
    pub async fn list(
        &mut self,
        query: ListQuery,
        pages: u32,
        mut take: impl FnMut(&[Listed], &[OddRow]) -> bool,
    ) -> Result<u32, Left> {
        let most = self.ctx.settings.reconcile.most_pages;
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
                    let failure = Failure { why: full.to_string(), refusal: None };
                    return Err(left(Stop::Failed(failure), &pager));
                }
            }
        }
    }

    async fn page(&mut self, pager: &Pager) -> Result<zoom_api::Page, Stop> {
        const WHAT: &str = "listing the host's meetings";
        let label = self.ctx.queue.settings().budgets.classes.of("list");
        let call = self.begin(label, WHAT).await?;
        let began = self.permit.begin("list_meetings");
        let client = &self.token.client;
        let answer = client.list_meetings(&self.token.access, self.host, pager.query()).await;
        self.permit.report(&answer);
        finish(call).await;
        let reply = self.good(answer, began, label, WHAT).await?;
        reply.page().map_err(|error| failed(WHAT, &error))
    }

    /// One meeting as Zoom tells it.
    ///
    /// # Errors
    /// It could not be read.
    pub async fn get(&mut self, meeting: &MeetingRef) -> Result<Answer, Stop> {
        let what = format!("reading meeting {meeting}");
        let label = self.ctx.queue.settings().budgets.classes.of("get");
        let call = self.begin(label, &what).await?;
        let began = self.permit.begin("get_meeting");
        let answer = self.token.client.get_meeting(&self.token.access, meeting).await;
        self.permit.report(&answer);
        finish(call).await;
        if let Some(missing) = missing(&what, &answer) {
            return Ok(missing);
        }
        let reply = self.good(answer, began, label, &what).await?;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).is_err() {
            let why = format!("{what}: zoom answered {} with what is no meeting", reply.status);
            return Err(Stop::Failed(Failure { why, refusal: None }));
        }
        Ok(Answer::Text(text))
    }

    /// The call of a job's own kind once more, for a look that may not read what it did.
    ///
    /// # Errors
    /// It was not made, or its answer is not known.
    pub async fn once_more(
        &mut self,
        kind: Kind,
        call_zoom: impl Future<Output = Result<Reply, TransportError>>,
    ) -> Result<Answer, Stop> {
        let what = format!("sending {kind} once more");
        let label = self.ctx.queue.settings().budgets.classes.of(kind.operation());
        let call = self.begin(label, &what).await?;
        let began = self.permit.begin(kind.as_str());
        let answer = call_zoom.await;
        self.permit.report(&answer);
        finish(call).await;
        if let Some(missing) = missing(&what, &answer) {
            return Ok(missing);
        }
        let reply = self.good(answer, began, label, &what).await?;
        Ok(Answer::Text(String::from_utf8_lossy(&reply.body).into_owned()))
    }

    /// The user that the token is of.
    ///
    /// # Errors
    /// Zoom could not be asked, or did not answer with success.
    pub async fn me(&mut self) -> Result<Reply, Stop> {
        const WHAT: &str = "asking whose the grant is";
        let label = self.ctx.queue.settings().budgets.classes.of("get");
        let call = self.begin(label, WHAT).await?;
        let began = self.permit.begin("users_me");
        let answer = self.token.client.users_me(&self.token.access).await;
        self.permit.report(&answer);
        finish(call).await;
        self.good(answer, began, label, WHAT).await
    }

    /// Asks for the right to a further call; the first was paid for.
    async fn begin(&mut self, label: Label, what: &str) -> Result<Option<Call>, Stop> {
        if let Some(by) = self.paid.take() {
            let late = Instant::now() > by;
            return if late { Err(Stop::Wait(Wait::TooLate)) } else { Ok(None) };
        }
        if self.until.is_some_and(|until| Instant::now() > until) {
            return Err(Stop::Wait(Wait::TooLate));
        }
        let account = AccountName::new(self.account).map_err(|error| failed(what, &error))?;
        let time = self.ctx.queue.settings().request_timeout;
        match self.ctx.calls.begin(&account, label, time).await {
            Ok(Begun::Go(call)) => Ok(Some(call)),
            Ok(Begun::Waits { until_ms, .. }) => Err(Stop::Later(until_ms)),
            Ok(Begun::State { .. }) => Err(Stop::Wait(Wait::Token)),
            Ok(Begun::NoAccount) => Err(failed(what, &"the account is not there")),
            Ok(Begun::Broken) => {
                Err(failed(what, &"a key of the account in redis is of a type that is not zoomd's"))
            }
            Err(error) => Err(failed(what, &error)),
        }
    }

    /// The reply if it is a good one, else what stands in the way.
    async fn good(
        &self,
        answer: Result<Reply, TransportError>,
        began: Instant,
        label: Label,
        what: &str,
    ) -> Result<Reply, Stop> {
        let reply = answer.map_err(|error| failed(what, &error))?;
        let now = self.redis_time(Instant::now());
        if reply.is_success() {
            self.ctx.quota_headers.note(self.account, None, label, &reply.headers, now);
            return Ok(reply);
        }
        if let Some(limit) = zoom_api::limit_kind(&reply, self.redis_time(began), now) {
            call::log_limit(self.account, None, label.as_str(), &reply, limit);
            // The settlement of a lease closes what its calls met.
            if self.until.is_none() && limit.kind != LimitKind::Unknown {
                self.close(label, limit).await;
            }
            return Err(Stop::Limited(label, limit));
        }
        let error = reply.error();
        let refusal = match error.class() {
            Class::Token => {
                return Err(
                    match self.ctx.tokens.refused(self.account, self.token.version).await {
                        Refused::Replaced => Stop::Wait(Wait::Token),
                        Refused::TooYoung => failed(what, &error),
                    },
                );
            }
            Class::Scope => Some(Refusal::Lasting),
            Class::NotFound if matches!(error.code, Some(1001 | 1010)) => Some(Refusal::Lasting),
            Class::NotFound | Class::Refused => Some(Refusal::Other),
            _ => None,
        };
        Err(Stop::Failed(Failure { why: format!("{what}: {error}"), refusal }))
    }

    /// Counts rows of a list that name no meeting; told now and then for each account.
    fn unreadable(&self, rows: usize) {
        if rows == 0 {
            return;
        }
        metrics::counter!("zoomd_list_rows_unreadable_total").increment(rows as u64);
        let account = self.account;
        if self.ctx.odd_lists().met(account, "", Instant::now()) {
            tracing::info!(
                account,
                rows,
                "account {account}: {rows} rows of zoom's list of meetings cannot be read and are \
                 skipped"
            );
        }
    }

    pub(crate) fn redis_time(&self, at: Instant) -> Timestamp {
        let (time, then) = self.known;
        let since = SignedDuration::try_from(at.saturating_duration_since(then));
        since.ok().and_then(|since| time.checked_add(since).ok()).unwrap_or(time)
    }

    /// Closes what a 429 named, outside of any lease.
    async fn close(&self, label: Label, limit: Limit) {
        let Ok(account) = AccountName::new(self.account) else { return };
        let close = decide::close(label.as_str(), limit);
        if let Err(error) = self.ctx.calls.limited(&account, Some(self.host), &close).await {
            tracing::debug!(error = %error, "a limit could not be written down; the next call will meet it");
        }
    }
}

/// Zoom's word that a meeting is not there, if that is the answer.
fn missing(what: &str, answer: &Result<Reply, TransportError>) -> Option<Answer> {
    let error = answer.as_ref().ok()?.error();
    error.is_meeting_missing().then(|| Answer::Missing(format!("{what}: {error}"), error))
}

fn failed(what: &str, why: &impl std::fmt::Display) -> Stop {
    Stop::Failed(Failure { why: format!("{what}: {why}"), refusal: None })
}

async fn finish(call: Option<Call>) {
    if let Some(call) = call
        && let Err(error) = call.end().await
    {
        tracing::debug!(error = %error, "the end of a call could not be recorded; it ends by itself");
    }
}
