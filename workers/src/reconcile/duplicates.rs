//! One more look after a job was sent twice.
//!
//! A call that Zoom showed later than the last look, and was therefore made
//! again, leaves two meetings with one marker. Some minutes after a success on
//! a second send the list is looked at once more; twins are counted, named in
//! the log and shown with the job, and never deleted: a person may have invited
//! guests to either.
//!
//! The looks wait in Redis, so that they are made by any daemon that runs then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use zoom_api::{ListQuery, MeetingRef};
use zoomd_store::StoreError;
use zoomd_store::duplicates::Duplicates;
use zoomd_wire::Marker;

use super::matcher;
use crate::attempt::asker::{Answer, Failure, Stop};
use crate::attempt::call::{self, CallPermit};
use crate::attempt::exchange::Caller;
use crate::context::EngineContext;
use crate::state::duplicates::{Inbox, News, Note, skipped, tell};
use crate::state::place::Place;
use crate::supervisor::Beat;
use crate::tokens::Token;

/// Looks of one round.
const ROUND: usize = 16;
/// The shortest and the longest wait between two rounds.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(15);
/// A look that could not be made in so long is not made any more.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(24);

/// Writes down what comes in and makes the looks that are due, until the
/// engine ends.
pub async fn serve(ctx: Arc<EngineContext>, Inbox(mut news): Inbox, beat: Beat) {
    let duplicates = Duplicates::new(ctx.queue.store().clone());
    let after = ctx.settings.reconcile.twins_after;
    let mut rounds = beat.every((after / 4).clamp(SHORTEST, LONGEST));
    loop {
        // A round is some looks, each of some calls with limits of their own.
        let turn = async {
            tokio::select! {
                Some(news) = news.recv() => note_down(&duplicates, news, after).await,
                () = rounds.next() => look_round(&ctx, &duplicates, after).await,
            }
        };
        let done = beat.waiting(turn).await;
        if let Err(error) = done {
            tracing::debug!(error = %error, "duplicate check: waiting for redis");
        }
    }
}

async fn note_down(duplicates: &Duplicates, news: News, after: Duration) -> Result<(), StoreError> {
    match news {
        News::Found(job, meetings) => duplicates.found(&job, &meetings).await,
        News::Watch(job, note) => {
            let note = serde_json::to_string(&note).unwrap_or_default();
            if !duplicates.watch(&job, after, &note).await? {
                skipped();
            }
            Ok(())
        }
    }
}

async fn look_round(
    ctx: &EngineContext,
    duplicates: &Duplicates,
    after: Duration,
) -> Result<(), StoreError> {
    for (job, note) in duplicates.due(ROUND, after).await? {
        let Ok(note) = serde_json::from_str::<Note>(&note) else {
            // Of a newer version, which will look for itself.
            continue;
        };
        let now = Timestamp::from_millisecond(ctx.queue.store().now_ms().await?);
        let now = now.unwrap_or(note.at);
        let age = now.duration_since(note.at);
        match look_at(ctx, note).await {
            Ok(found) => {
                if found.len() > 1 {
                    tell(&job, &found);
                    duplicates.found(&job, &found).await?;
                }
                duplicates.done(&job).await?;
            }
            Err(why) if age > GIVE_UP => {
                tracing::info!(
                    job.id = job,
                    why,
                    "duplicate check given up after many tries: {why}; the job keeps its outcome"
                );
                skipped();
                duplicates.done(&job).await?;
            }
            Err(why) => tracing::debug!(job.id = job, why, "duplicate check: postponed"),
        }
    }
    Ok(())
}

async fn look_at(ctx: &EngineContext, note: Note) -> Result<Vec<u64>, String> {
    let marker: Marker = note.marker.parse().map_err(|_| "the marker is invalid".to_owned())?;
    let prepared = call::prepare_outside(ctx, &note.place.account).await;
    let (token, permit) = prepared.map_err(|wait| format!("{wait:?}"))?;
    carriers(ctx, &note.place, &token, permit, &marker, note.since).await
}

/// The meetings of the whole list that carry `marker`, outside of any lease.
/// Those made after `hidden_since` that may carry it out of sight are read in full.
///
/// # Errors
/// Fails if the list could not be read and its read part shows no duplicate.
async fn carriers(
    ctx: &EngineContext,
    place: &Place,
    token: &Token,
    permit: CallPermit<'_>,
    marker: &Marker,
    hidden_since: Option<Timestamp>,
) -> Result<Vec<u64>, String> {
    let now = ctx.zoom.redis_now().await.map_err(|error| error.to_string())?;
    let (known, account, host) = ((now, Instant::now()), &*place.account, &*place.host);
    let zoom = &ctx.zoom;
    let (paid, until, trace) = (None, None, None);
    let mut asker = Caller { zoom, account, host, known, token, permit, paid, until, trace };
    let (mut found, mut hidden) = (Vec::new(), Vec::new());
    let listed =
        asker.list(ListQuery::default(), 0, ctx.settings.reconcile.most_pages, |fresh, _| {
            for row in fresh {
                if row.agenda.as_deref().is_some_and(|text| marker.is_in(text)) {
                    found.push(row.id);
                } else if hidden_since.is_some_and(|since| matcher::may_hide(row, since)) {
                    hidden.push(row.id);
                }
            }
            false
        });
    let end = listed.await.map_err(|left| left.stop);
    let most = ctx.settings.reconcile.most_gets;
    if hidden.len() > most || matches!(end, Err(Stop::TooLong(_))) {
        skipped();
    }
    let mut unread = None;
    for id in hidden.into_iter().take(most) {
        match asker.get(&MeetingRef::Id(id)).await {
            Ok(Answer::Text(json)) => {
                if matcher::agenda_of(&json).flatten().is_some_and(|text| marker.is_in(&text)) {
                    found.push(id);
                }
            }
            // It is gone, or may not be read at any time.
            Ok(Answer::Missing(..)) | Err(Stop::Failed(Failure { refusal: Some(_), .. })) => {}
            Err(stop) => {
                unread = Some(stop);
                break;
            }
        }
    }
    let end = end.err().filter(|stop| !matches!(stop, Stop::TooLong(_))).or(unread);
    match end {
        Some(stop) if found.len() < 2 => Err(stop.to_string()),
        _ => Ok(found),
    }
}
