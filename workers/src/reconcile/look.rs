//! One look: which lists are read, and what they come to.
//!
//! A look before the last reads only the days around the asked start, where
//! there is one: it costs one call, and a find there ends the search early. No
//! look concludes from days that a meeting is absent. The last one reads the
//! whole list, and reads it twice if it has several pages, since Zoom does not
//! publish that pages hold still. What was read counts whatever fails later. A
//! meeting that was read in full and is not the one is never read again.

use std::time::Instant;

use jiff::Timestamp;
use jiff::civil::Date;
use zoom_api::{ListKind, ListQuery};
use zoomd_store::queue::Record;
use zoomd_wire::Meeting;

use super::matcher::{self, Matcher};
use super::search::{Bookmark, Pile, Search, Stage};
use crate::attempt::asker::{Failure, Left, Refusal, Stop};
use crate::attempt::exchange::Caller;
use crate::attempt::lookup::{Look, Task};
use crate::patience::Patience;
use crate::state::place::Place;

/// Maximum number of restarts of a list that a 4xx ended in its middle.
const RESTARTS: u32 = 3;

/// A search that goes on in this look.
pub struct Looker<'a, 's> {
    pub(super) asker: Caller<'a>,
    pub(super) settings: &'a Patience,
    pub(super) matcher: Matcher<'s>,
    days: Option<(Date, Date)>,
    /// Reason why lists may not show the meeting though it exists.
    pub(super) unlisted: Option<&'static str>,
    /// There is no later look: what is found must do.
    pub(super) last: bool,
}

/// Looks once for the meeting of the task's own job. What is learnt for later looks goes to
/// `record`.
pub async fn look(task: Task<'_>, meeting: &Meeting, record: &mut Record) -> Look {
    let leased = task.leased;
    // A job handed out because its deadline passed or its account was removed was charged nothing.
    let paid = (!leased.expired && !leased.removed).then_some(leased.ticket.send_by);
    look_for(task, Wanted { place: Place::of(leased), meeting, paid }, record).await
}

/// The meeting that a look is for.
pub struct Wanted<'m> {
    /// Where it may be.
    pub place: Place,
    /// The body that was sent.
    pub meeting: &'m Meeting,
    /// Until when a list is paid for by the lease.
    pub paid: Option<Instant>,
}

/// Looks once for a meeting that was sent as `record` tells.
pub async fn look_for(task: Task<'_>, wanted: Wanted<'_>, record: &mut Record) -> Look {
    let Task { ctx, leased, token, permit, orders } = task;
    let Wanted { place, meeting, paid } = wanted;
    // Well before the lease is renewed no more.
    let over = ctx.queue.settings().request_timeout;
    let until = Some(leased.ticket.send_by + over / 2);
    let now = Instant::now();
    let known = (leased.redis_time(now), now);
    let time = |ms: Option<i64>| {
        let ms = ms.unwrap_or(leased.ticket.granted_ms);
        Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
    };
    let (first, sent) = (time(record.first_send_ms), time(record.last_send_ms));
    let (account, host) = (place.account.as_str(), place.host.as_str());
    let trace = leased.trace();
    let mut looker = Looker {
        settings: &ctx.settings.reconcile,
        asker: Caller { zoom: &ctx.zoom, account, host, known, token, permit, paid, until, trace },
        matcher: Matcher::new(orders.marker, meeting, first),
        days: place.days,
        unlisted: matcher::unlisted(meeting, sent, over, known.0),
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
            // The rows that were read must suffice: the last look reads the whole list anyway.
            None | Some(Stop::TooLong(_) | Stop::Later(_)) => {}
            // Perhaps it is the days that Zoom refuses. Not asked again: a look
            // whose first call is wasted may wait for the second for ever.
            Some(Stop::Failed(Failure { refusal: Some(_), .. })) => {
                search.no_days = true;
                return None;
            }
            Some(stop) => return Some(Look::stopped(stop, std::mem::take(&mut pile.alike))),
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
                // Without this list only less is known.
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
                    tracing::debug!(
                        why = failure.why,
                        "meeting list is read again from its first page"
                    );
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

    /// Result of a look from the lists that were read. If a meeting cannot be read in full for
    /// now, a later look resumes here.
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
            return Look::stopped(stop, Vec::new());
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
                stop => Look::stopped(stop, pile.alike),
            },
        }
    }

    /// Reads one list onto the pile, until the marker is seen.
    async fn read(&mut self, query: ListQuery, pages: u32, pile: &mut Pile) -> Result<u32, Left> {
        let (matcher, most) = (&self.matcher, self.settings.most_gets * 2);
        self.asker
            .list(query, pages, self.settings.most_pages, |fresh, odd| {
                pile.take(matcher, most, fresh, odd)
            })
            .await
    }

    fn now_ms(&self) -> i64 {
        self.asker.redis_time(Instant::now()).as_millisecond()
    }
}
