//! One look: which lists are read, and what they come to.
//!
//! A look before the last reads only the days around the asked start, where
//! there is one: it costs one call, and a find there ends the search early. No
//! look concludes from days that a meeting is absent. The last one reads the
//! whole list, and reads it twice if it has several pages, since Zoom does not
//! publish that pages hold still. What was read counts whatever fails later. A
//! meeting that was read in full and is not the one is never read again.

use std::time::Instant;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use zoom_api::{Limit, ListKind, ListQuery, Listed};
use zoomd_store::budget::Label;
use zoomd_store::queue::Record;
use zoomd_wire::Marker;

use super::asker::{Asker, Failure, Left, Refusal, Stop};
use super::search::{Bookmark, Pile, Search, Stage};
use super::shown::stopped;
use super::sift::{self, Sought};
use crate::decide::Wait;
use crate::jobs::call::Leave;
use crate::pipeline::flight::Flight;
use crate::pipeline::shop::Shop;
use crate::tokens::Token;

/// How often a list begins again that a 4xx ended in its middle.
const RESTARTS: u32 = 3;

/// What a look shows.
#[derive(Debug)]
pub enum Look {
    /// The meeting.
    Found(Found),
    /// It is not there (yet).
    Nothing(Nothing),
    /// It cannot be told.
    Unclear {
        /// Why.
        why: String,
        /// What it could be.
        alike: Vec<Listed>,
    },
    /// Something must be waited for first.
    Wait(Wait),
    /// A limit or a token refresh leaves no room for the next call until then (ms by
    /// Redis' clock); the search goes on where it stopped.
    Later(i64),
    /// A 429 to a call of this label.
    Limited(Label, Limit),
    /// Zoom gave no answer that could be used.
    Failed {
        /// The call, and what Zoom answered.
        why: String,
        /// Whether Zoom named a reason that lasts until somebody acts.
        lasting: bool,
        /// What it could be, of what was read.
        alike: Vec<Listed>,
    },
}

/// A look that did not find the meeting.
#[derive(Debug)]
pub struct Nothing {
    /// The whole list was read, as often as it must be.
    pub enough: bool,
    /// Why that does not mean that there is none.
    pub doubt: Option<String>,
    /// What it could be.
    pub alike: Vec<Listed>,
}

/// A meeting that carries the marker.
#[derive(Debug)]
pub struct Found {
    /// Its number.
    pub id: u64,
    /// All that Zoom tells of it.
    pub json: String,
    /// All meetings with the marker that were seen; it is the first.
    pub all: Vec<u64>,
}

/// Whose list is looked at, and which days of it first.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// The account.
    pub account: String,
    /// The host.
    pub host: String,
    /// The first and the last day of a first look, where the start is known.
    pub days: Option<(Date, Date)>,
}

impl Place {
    /// Where the meeting of a job may be. One that is scheduled ahead may be on
    /// a known day; the list's days are the host's, wherever that is.
    #[must_use]
    pub fn of(flight: &Flight) -> Self {
        let meeting = &flight.job.meeting;
        let now = flight.redis_time(Instant::now());
        let start = meeting.start.filter(|start| meeting.meeting_type == 2 && *start > now);
        let day = start.map(|start| TimeZone::UTC.to_datetime(start).date());
        let around =
            |day: Date| Some((day.checked_sub(1.day()).ok()?, day.checked_add(1.day()).ok()?));
        Self {
            account: flight.ticket.account.to_string(),
            host: flight.job.host().into(),
            days: day.and_then(around),
        }
    }
}

/// A search that goes on in this look.
pub struct Looker<'a, 's> {
    pub(super) asker: Asker<'a>,
    pub(super) sought: Sought<'s>,
    days: Option<(Date, Date)>,
    /// Why lists may not show the meeting though it exists.
    pub(super) unlisted: Option<&'static str>,
    /// There is no later look: what is found must do.
    pub(super) last: bool,
}

/// What a look is told beside its job.
#[derive(Debug, Clone, Copy)]
pub struct Orders<'a> {
    /// The marker of the meeting, if it has one.
    pub marker: Option<&'a Marker>,
    /// What this look does not find may be absent: read the whole list.
    pub whole: bool,
    /// The job is given up after this look.
    pub last: bool,
}

/// Looks once. What is learnt for later looks goes to `record`.
pub async fn look(
    shop: &Shop,
    flight: &Flight,
    token: &Token,
    leave: Leave<'_>,
    orders: Orders<'_>,
    record: &mut Record,
) -> Look {
    // Well before the lease is renewed no more.
    let over = shop.queue.settings().request_timeout;
    let until = Some(flight.ticket.send_by + over / 2);
    let now = Instant::now();
    let (place, known) = (Place::of(flight), (flight.redis_time(now), now));
    let time = |ms: Option<i64>| {
        let ms = ms.unwrap_or(flight.ticket.granted_ms);
        Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
    };
    let (first, sent) = (time(record.first_send_ms), time(record.last_send_ms));
    let meeting = &flight.job.meeting;
    let (account, host) = (place.account.as_str(), place.host.as_str());
    // What is handed out because its time or its account is over was charged nothing.
    let paid = (!flight.expired && !flight.removed).then_some(flight.ticket.send_by);
    let mut looker = Looker {
        asker: Asker { shop, account, host, known, token, leave, paid, until },
        sought: Sought::new(orders.marker, meeting, first),
        days: place.days,
        unlisted: sift::unlisted(meeting, sent, over, known.0),
        last: orders.last,
    };
    let mut search = Search::of(record);
    let look = looker.run(orders.whole, record, &mut search).await;
    search.keep(record);
    look
}

impl Looker<'_, '_> {
    async fn run(&mut self, decides: bool, record: &mut Record, search: &mut Search) -> Look {
        let resumed = search.resume(self.now_ms());
        let days = self.days.filter(|_| !decides && !search.no_days && resumed.is_none());
        let mut pile = Pile::default();
        if let Some(days) = days
            && let Some(look) = self.some_days(days, &mut pile, record, search).await
        {
            return look;
        }
        let (mut mark, pile) = resumed.unwrap_or_else(|| (Bookmark::default(), pile.anew()));
        if mark.stage == Stage::Scheduled && mark.token.is_none() {
            mark.decides = decides;
        }
        self.whole(mark, pile, record, search).await
    }

    /// Reads the days around the start alone. `None`: Zoom refuses such a list.
    async fn some_days(
        &mut self,
        (from, to): (Date, Date),
        pile: &mut Pile,
        record: &mut Record,
        search: &mut Search,
    ) -> Option<Look> {
        let query = ListQuery { from: Some(from), to: Some(to), ..ListQuery::default() };
        match self.read(query, 0, pile).await.err().map(|left| left.stop) {
            // What was read must do: the last look reads the whole list anyway.
            None | Some(Stop::TooLong(_) | Stop::Later(_)) => {}
            // Perhaps it is the days that Zoom refuses. Not asked again: a look
            // whose first call is wasted may wait for the second for ever.
            Some(Stop::Failed(Failure { refusal: Some(_), .. })) => {
                search.no_days = true;
                return None;
            }
            Some(stop) => return Some(stopped(stop, std::mem::take(&mut pile.alike))),
        }
        let mark = Bookmark { stage: Stage::Meetings, ..Bookmark::default() };
        Some(self.conclude(mark, std::mem::take(pile), record, search).await)
    }

    /// Reads the whole list, and where the meeting may be over those that are.
    async fn whole(
        &mut self,
        mut mark: Bookmark,
        mut pile: Pile,
        record: &mut Record,
        search: &mut Search,
    ) -> Look {
        if mark.stage == Stage::Scheduled {
            match self.scheduled(&mark, &mut pile, search).await {
                Ok(pages) => pile.pages = pages,
                Err(left) => return self.left(left, mark, pile, record, search).await,
            }
            mark =
                Bookmark { stage: Stage::Previous, decides: mark.decides, ..Bookmark::default() };
        }
        if mark.stage == Stage::Previous && self.unlisted.is_some() && !pile.has_found() {
            let (kind, token) = (ListKind::Previous, mark.token.clone());
            let query = ListQuery { kind, next_page_token: token, ..ListQuery::default() };
            match self.read(query, mark.pages, &mut pile).await {
                // Whoever does not know this list only knows less.
                Ok(_)
                | Err(Left {
                    stop: Stop::TooLong(_) | Stop::Failed(Failure { refusal: Some(_), .. }),
                    ..
                }) => {}
                Err(left) => return self.left(left, mark, pile, record, search).await,
            }
        }
        let mark =
            Bookmark { stage: Stage::Meetings, decides: mark.decides, ..Bookmark::default() };
        self.conclude(mark, pile, record, search).await
    }

    /// Reads the list of meetings that are not over to its end. One that a 4xx
    /// ends in its middle begins again: a page token that expired, say. When that
    /// has happened too often, over all looks, the look fails and is made later.
    async fn scheduled(
        &mut self,
        mark: &Bookmark,
        pile: &mut Pile,
        search: &mut Search,
    ) -> Result<u32, Left> {
        let (mut token, mut pages) = (mark.token.clone(), mark.pages);
        loop {
            let query = ListQuery { next_page_token: token.take(), ..ListQuery::default() };
            let end = self.read(query, pages, pile).await;
            match &end {
                Err(Left { stop: Stop::Failed(failure), token: Some(_), .. })
                    if failure.refusal == Some(Refusal::Other) && search.restarts < RESTARTS =>
                {
                    tracing::debug!(why = failure.why, "a list is read again from its first page");
                    search.restarts += 1;
                    pages = 0;
                    *pile = pile.anew();
                }
                Err(Left { stop: Stop::Wait(_) | Stop::Later(_) | Stop::Limited(..), .. }) => {
                    return end;
                }
                _ => {
                    search.restarts = 0;
                    return end;
                }
            }
        }
    }

    /// What the lists that were read come to. A meeting that cannot be read in full
    /// for now is read from here.
    async fn conclude(
        &mut self,
        mark: Bookmark,
        pile: Pile,
        record: &mut Record,
        search: &mut Search,
    ) -> Look {
        // The lease paid for a list, which no read of a meeting may use.
        self.asker.paid = None;
        match self.shown(&pile, record, search).await {
            Some(Look::Later(until_ms)) => {
                search.stop_at(mark, self.now_ms(), pile);
                Look::Later(until_ms)
            }
            Some(look) => look,
            None => {
                search.whole += u32::from(mark.decides);
                let enough = mark.decides && (pile.pages <= 1 || search.whole > 1);
                self.nothing(enough, pile)
            }
        }
    }

    /// A list was left before its end: what was read of it counts.
    async fn left(
        &mut self,
        left: Left,
        mark: Bookmark,
        pile: Pile,
        record: &mut Record,
        search: &mut Search,
    ) -> Look {
        let Left { stop, token, pages } = left;
        if matches!(stop, Stop::Wait(_) | Stop::Later(_) | Stop::Limited(..)) {
            search.stop_at(Bookmark { token, pages, ..mark }, self.now_ms(), pile);
            return stopped(stop, Vec::new());
        }
        match self.shown(&pile, record, search).await {
            Some(look @ (Look::Found(_) | Look::Unclear { .. })) => look,
            _ => match stop {
                Stop::TooLong(why) => Look::Unclear {
                    why: format!(
                        "{why}: {} meetings were read, and the job's own may be among the rest",
                        pile.rows
                    ),
                    alike: pile.alike,
                },
                stop => stopped(stop, pile.alike),
            },
        }
    }

    /// Reads one list onto the pile, until the marker is seen.
    async fn read(&mut self, query: ListQuery, pages: u32, pile: &mut Pile) -> Result<u32, Left> {
        let (sought, most) = (&self.sought, self.asker.shop.settings.reconcile.most_gets * 2);
        self.asker.list(query, pages, |fresh, odd| pile.take(sought, most, fresh, odd)).await
    }

    fn now_ms(&self) -> i64 {
        self.asker.redis_time(Instant::now()).as_millisecond()
    }
}
