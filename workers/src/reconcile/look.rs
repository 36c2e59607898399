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

use super::asker::{Asker, Failure, Left, Stop};
use super::search::{Bookmark, Search};
use super::shown::{Heap, stopped};
use super::sift::{self, Sought};
use crate::decide::Wait;
use crate::jobs::call::Leave;
use crate::pipeline::flight::Flight;
use crate::pipeline::shop::Shop;
use crate::tokens::Token;

/// How often one look begins a list again that a 4xx ended in its middle.
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
    let paid = !flight.expired;
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
    async fn run(&mut self, whole: bool, record: &mut Record, search: &mut Search) -> Look {
        let days = self.days.filter(|_| !whole && !search.no_days && !search.is_under_way());
        let mut heap = Heap::default();
        if let Some((from, to)) = days {
            let query = ListQuery { from: Some(from), to: Some(to), ..ListQuery::default() };
            let left = self.read(query, 0, &mut heap).await.err().map(|left| left.stop);
            match left {
                None | Some(Stop::TooLong(_)) => {
                    let shown = self.shown(&heap, record, search).await;
                    return shown.unwrap_or_else(|| self.nothing(false, heap.pile));
                }
                // Perhaps it is the days that Zoom refuses. Not asked again: a look
                // whose first call is wasted may wait for the second for ever.
                Some(Stop::Failed(Failure { refusal: Some(_), .. })) => search.no_days = true,
                Some(stop) => return stopped(stop, heap.pile.alike),
            }
        }
        self.whole(whole, heap, record, search).await
    }

    /// Reads the whole list, and where the meeting may be over those that are.
    async fn whole(
        &mut self,
        decides: bool,
        mut heap: Heap,
        record: &mut Record,
        search: &mut Search,
    ) -> Look {
        let resumed = search.resume(self.now_ms());
        let mut mark;
        (mark, heap.pile) = resumed.unwrap_or_else(|| (Bookmark::default(), heap.pile.anew()));
        if !mark.previous {
            match self.scheduled(mark, &mut heap).await {
                Ok(pages) => heap.pile.pages = pages,
                Err(left) => return self.left(left, false, heap, record, search).await,
            }
            mark = Bookmark { previous: true, ..Bookmark::default() };
        }
        if self.unlisted.is_some() && !heap.has_found() {
            let kind = ListKind::Previous;
            let query = ListQuery { kind, next_page_token: mark.token, ..ListQuery::default() };
            match self.read(query, mark.pages, &mut heap).await {
                // Whoever does not know this list only knows less.
                Ok(_)
                | Err(Left {
                    stop: Stop::TooLong(_) | Stop::Failed(Failure { refusal: Some(_), .. }),
                    ..
                }) => {}
                Err(left) => return self.left(left, true, heap, record, search).await,
            }
        }
        search.whole += u32::from(decides);
        let enough = heap.pile.pages <= 1 || search.whole > 1;
        let shown = self.shown(&heap, record, search).await;
        shown.unwrap_or_else(|| self.nothing(enough, heap.pile))
    }

    /// Reads the list of meetings that are not over to its end. One that a 4xx
    /// ends in its middle begins again: a page token that expired, say.
    async fn scheduled(&mut self, mark: Bookmark, heap: &mut Heap) -> Result<u32, Left> {
        let Bookmark { mut token, mut pages, .. } = mark;
        for _ in 0..RESTARTS {
            let query = ListQuery { next_page_token: token.take(), ..ListQuery::default() };
            match self.read(query, pages, heap).await {
                Err(Left { stop: Stop::Failed(failure), token: Some(_), .. })
                    if failure.refusal.is_some() =>
                {
                    tracing::debug!(why = failure.why, "a list is read again from its first page");
                    pages = 0;
                    heap.pile = heap.pile.anew();
                }
                end => return end,
            }
        }
        self.read(ListQuery::default(), 0, heap).await
    }

    /// A list was left before its end: what was read of it counts.
    async fn left(
        &mut self,
        left: Left,
        previous: bool,
        heap: Heap,
        record: &mut Record,
        search: &mut Search,
    ) -> Look {
        let why = match left.stop {
            stop @ (Stop::Wait(_) | Stop::Limited(..)) => {
                let Left { token, pages, .. } = left;
                if previous || token.is_some() {
                    let mark = Bookmark { previous, token, pages };
                    search.stop_at(mark, self.now_ms(), heap.pile);
                }
                return stopped(stop, Vec::new());
            }
            stop => stop,
        };
        match self.shown(&heap, record, search).await {
            Some(look @ (Look::Found(_) | Look::Unclear { .. })) => look,
            _ => match why {
                Stop::TooLong(why) => Look::Unclear {
                    why: format!(
                        "{why}: {} meetings were read, and the job's own may be among the rest",
                        heap.pile.rows
                    ),
                    alike: heap.pile.alike,
                },
                stop => stopped(stop, heap.pile.alike),
            },
        }
    }

    /// Reads one list onto the heap, until the marker is seen.
    async fn read(&mut self, query: ListQuery, pages: u32, heap: &mut Heap) -> Result<u32, Left> {
        let (sought, most) = (&self.sought, self.asker.shop.settings.reconcile.most_gets * 2);
        self.asker.list(query, pages, |fresh, odd| heap.take(sought, most, fresh, odd)).await
    }

    fn now_ms(&self) -> i64 {
        self.asker.redis_time(Instant::now()).as_millisecond()
    }
}
