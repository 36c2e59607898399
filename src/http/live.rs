//! Results, failures and events as they come, read from Redis once for all who follow.
//!
//! Reads only while somebody follows. Entries of a burst beyond `BURST` are counted and
//! not sent to browsers; the pages have every entry.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use tokio::sync::{Notify, broadcast, watch};
use zoomd_store::streams::{self, Item, Stream, Tail};
use zoomd_store::{Store, StoreError};
use zoomd_wire::EntryId;
use zoomd_workers::supervisor::Beat;

use crate::queries::outcomes;

/// Time for which one read waits for entries.
const BLOCK: Duration = Duration::from_secs(1);
/// Entries read at once.
const MOST: usize = 500;
/// Entries of one read after which the next one waits for `BUNCH`, so that they come in bunches.
const MANY: usize = 20;
/// Wait after a read of `MANY` entries.
const BUNCH: Duration = Duration::from_millis(100);
/// Wait after a read that failed.
const PAUSE: Duration = Duration::from_millis(500);
/// Entries a second that are sent to browsers.
const RATE: f64 = 200.0;
/// Entries that are sent to browsers in a burst.
const BURST: f64 = 2_000.0;
/// Bunches that a slow reader may be behind before it reads the pages itself.
const BEHIND: usize = 64;
/// Time for the reading to begin.
const BEGINS: Duration = Duration::from_secs(5);

/// The streams that are followed, in the order of their places.
pub const FOLLOWED: [Stream; 3] = [Stream::Results, Stream::Failures, Stream::Events];

/// A place in the three streams: the last entry of each that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place([EntryId; 3]);

impl Place {
    /// The end of the streams as they are now.
    async fn now(store: &Store) -> Result<Self, StoreError> {
        let mut place = [EntryId { ms: 0, seq: 0 }; 3];
        for (last, stream) in place.iter_mut().zip(FOLLOWED) {
            let newest = streams::latest(store, stream, 1).await?.into_iter().next();
            *last = newest.and_then(|item| item.id.parse().ok()).unwrap_or(*last);
        }
        Ok(Self(place))
    }

    /// The streams and the last entry of each.
    pub fn each(&self) -> [(Stream, EntryId); 3] {
        [0, 1, 2].map(|at| (FOLLOWED[at], self.0[at]))
    }

    /// True if a reader at `other` has had everything up to this place.
    pub fn is_behind(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(here, there)| here <= there)
    }

    /// Moves the place of `stream` forward to this entry.
    pub fn reach(&mut self, stream: Stream, id: EntryId) {
        if let Some(at) = FOLLOWED.iter().position(|followed| *followed == stream) {
            self.0[at] = self.0[at].max(id);
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [results, failures, events] = self.0;
        write!(f, "{results}_{failures}_{events}")
    }
}

impl std::str::FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let ids: Result<Vec<EntryId>, _> = text.split('_').map(str::parse).collect();
        ids.map_err(drop)?.try_into().map(Self).map_err(drop)
    }
}

/// Entries of one read.
#[derive(Debug)]
pub struct Bunch {
    /// All entries.
    pub items: Vec<Item>,
    /// The entries as server-sent events, at most as many as browsers are sent.
    pub frames: Bytes,
    /// The place behind them.
    pub place: Place,
}

/// The one reader, and those who follow.
#[derive(Debug)]
pub struct Live {
    sender: broadcast::Sender<Arc<Bunch>>,
    /// The place that was reached; `None` while nothing is read.
    reached: watch::Sender<Option<Place>>,
    wanted: Notify,
    closing: watch::Sender<bool>,
}

impl Default for Live {
    fn default() -> Self {
        let (reached, closing) = (watch::Sender::new(None), watch::Sender::new(false));
        Self { sender: broadcast::Sender::new(BEHIND), reached, wanted: Notify::new(), closing }
    }
}

impl Live {
    /// New entries from now on, and the place behind which they begin.
    pub async fn follow(&self) -> Option<(broadcast::Receiver<Arc<Bunch>>, Place)> {
        let receiver = self.sender.subscribe();
        let mut reached = self.reached.subscribe();
        self.wanted.notify_one();
        let begun = tokio::time::timeout(BEGINS, reached.wait_for(Option::is_some)).await;
        let place = (*begun.ok()?.ok()?)?;
        Some((receiver, place))
    }

    pub fn reached(&self) -> Option<Place> {
        *self.reached.borrow()
    }

    /// Ends when all who follow are to be let go.
    pub async fn closed(&self) {
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// Lets all go who follow.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Reads as long as the daemon runs.
    pub async fn serve(self: Arc<Self>, store: Store, beat: Beat) {
        loop {
            while self.sender.receiver_count() == 0 {
                beat.waiting(self.wanted.notified()).await;
            }
            if let Err(error) = self.read(&store, &beat).await {
                tracing::debug!(%error, "the streams cannot be followed yet");
                beat.waiting(tokio::time::sleep(PAUSE)).await;
            }
        }
    }

    /// Reads until nobody follows.
    async fn read(&self, store: &Store, beat: &Beat) -> Result<(), StoreError> {
        let mut place = beat.waiting(Place::now(store)).await?;
        let mut tail = Tail::behind(store, &place.each());
        let allowance = Allowance::default();
        loop {
            self.reached.send_replace(Some(place));
            match beat.waiting(tail.next(BLOCK, MOST)).await {
                Ok(items) if items.is_empty() => {
                    if self.sender.receiver_count() == 0 {
                        self.reached.send_replace(None);
                        // One may have come between the two.
                        if self.sender.receiver_count() == 0 {
                            return Ok(());
                        }
                    }
                }
                Ok(items) => {
                    let many = items.len() >= MANY;
                    let frames = frames(&items, &mut place, |count| allowance.take(count));
                    let _ = self.sender.send(Arc::new(Bunch { items, frames, place }));
                    if many {
                        beat.waiting(tokio::time::sleep(BUNCH)).await;
                    }
                }
                // The place is kept.
                Err(error) if error.is_transient() => {
                    beat.waiting(tokio::time::sleep(PAUSE)).await;
                }
                Err(error) => {
                    self.reached.send_replace(None);
                    return Err(error);
                }
            }
        }
    }
}

/// Number of entries that may still be sent to browsers now.
struct Allowance(Mutex<(f64, Instant)>);

impl Default for Allowance {
    fn default() -> Self {
        Self(Mutex::new((BURST, Instant::now())))
    }
}

impl Allowance {
    /// Takes as many of `count` as may be sent.
    fn take(&self, count: usize) -> usize {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at) = &mut *state;
        *left = (*left + at.elapsed().as_secs_f64() * RATE).min(BURST);
        *at = Instant::now();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2,000")]
        let taken = count.min(*left as usize);
        #[expect(clippy::cast_precision_loss, reason = "0 to 2,000")]
        let spent = taken as f64;
        *left -= spent;
        taken
    }
}

/// Entries as server-sent events, each with the place behind it. Those that are not sent
/// are counted by stream in one event `skipped`.
pub fn frames(items: &[Item], place: &mut Place, take: impl Fn(usize) -> usize) -> Bytes {
    let sent = take(items.len());
    let mut text = String::new();
    for item in &items[..sent] {
        let Ok(id) = item.id.parse() else { continue };
        place.reach(item.stream, id);
        let name = match item.stream {
            Stream::Results => "result",
            Stream::Failures => "failure",
            _ => "event",
        };
        let data = outcomes::entry(item);
        let _ = write!(text, "id: {place}\nevent: {name}\ndata: {data}\n\n");
    }
    let mut skipped = serde_json::Map::new();
    for item in &items[sent..] {
        let Ok(id) = item.id.parse() else { continue };
        place.reach(item.stream, id);
        let count = skipped.entry(outcomes::name(item.stream)).or_insert_with(|| 0.into());
        *count = (count.as_u64().unwrap_or(0) + 1).into();
    }
    if !skipped.is_empty() {
        let data = serde_json::Value::Object(skipped);
        let _ = write!(text, "id: {place}\nevent: skipped\ndata: {data}\n\n");
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(stream: Stream, id: &str) -> Item {
        let fields = vec![("job_id".to_owned(), "a\nid: 1-1_1-1_1-1".to_owned())];
        Item { stream, id: id.to_owned(), fields }
    }

    #[test]
    fn each_event_carries_the_place_behind_it_and_no_field_makes_another() {
        let mut place: Place = "0-0_5-0_0-0".parse().expect("a place");
        let items = [item(Stream::Results, "7-1"), item(Stream::Events, "8-0")];
        let frames = frames(&items, &mut place, |count| count);
        let text = std::str::from_utf8(&frames).expect("UTF-8");
        let ids: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
        assert_eq!(ids, ["7-1_5-0_0-0", "7-1_5-0_8-0"], "{text}");
        assert_eq!(place.to_string().parse(), Ok(place));
        assert_eq!("1-0_2-0".parse::<Place>(), Err(()));
    }

    #[test]
    fn a_place_is_behind_another_only_if_it_is_in_every_stream() {
        let place = |text: &str| text.parse::<Place>().expect("a place");
        let reached = place("7-1_5-0_8-0");
        for (text, behind) in [
            ("7-1_5-0_8-0", true),
            ("7-0_5-0_0-0", true),
            ("7-2_5-0_8-0", false),
            ("0-0_0-0_9-0", false),
        ] {
            assert_eq!(place(text).is_behind(&reached), behind, "{text}");
        }
    }

    #[test]
    fn what_is_too_much_is_counted_and_not_sent() {
        let mut place: Place = "0-0_0-0_0-0".parse().expect("a place");
        let items: Vec<_> = (1..=9).map(|n| item(Stream::Results, &format!("{n}-0"))).collect();
        let frames = frames(&items, &mut place, |_| 4);
        let text = std::str::from_utf8(&frames).expect("UTF-8");
        assert_eq!(text.matches("event: result\n").count(), 4);
        assert!(text.ends_with("id: 9-0_0-0_0-0\nevent: skipped\ndata: {\"results\":5}\n\n"));
        let allowance = Allowance::default();
        assert_eq!((allowance.take(1_500), allowance.take(1_500)), (1_500, 500));
        assert_eq!(allowance.take(10), 0);
    }
}
