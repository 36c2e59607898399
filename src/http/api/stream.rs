//! `GET /stream`: results, failures and events as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use zoomd_store::streams::{Stream, page};

use super::answer::Answer;
use super::params::Params;
use super::{Backend, Problem};
use crate::actor::Role;
use crate::error::CliError;
use crate::http::auth::Auth;
use crate::http::live::{Bunch, Place, frames};

/// Time without an event after which an empty line is sent, so that proxies and browsers
/// know that the stream is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Time between two checks that the client may still read.
const ACCESS: Duration = Duration::from_secs(2);
/// Life of a stream. Browsers and programs follow on with `Last-Event-ID`, so that a place is
/// not kept for ever.
const LIFE: Duration = Duration::from_secs(3_600);
/// Entries of one read for a client that reconnected.
const PAGE: usize = 100;
/// Maximum number of pages of each stream that a client which reconnected is sent.
const PAGES: usize = 20;
/// Headers that name a client.
const NAMING: [HeaderName; 2] = [header::AUTHORIZATION, header::COOKIE];
/// Pause between two of these pages.
const BREATH: Duration = Duration::from_millis(20);

/// The query of `GET /stream`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamQuery {
    /// Same as the header `Last-Event-ID`, for clients that cannot set it.
    last_event_id: Option<String>,
}

/// A client that follows the streams.
struct Follower {
    backend: Arc<Backend>,
    live: Receiver<Arc<Bunch>>,
    place: Place,
    /// Streams that are still read from where this one left, and how many pages more.
    missed: VecDeque<(Stream, usize)>,
    /// The end of what is missed.
    until: Place,
    greeting: Option<Bytes>,
    access: Access,
    _permit: OwnedSemaphorePermit,
}

/// The right of a client to go on.
struct Access {
    /// The headers that name the client.
    headers: HeaderMap,
    check: Instant,
    end: Instant,
}

impl Access {
    fn of(sent: &HeaderMap) -> Self {
        let named = sent.iter().filter(|(name, _)| NAMING.contains(name));
        let headers = named.map(|(name, value)| (name.clone(), value.clone())).collect();
        let now = Instant::now();
        Self { headers, check: now + ACCESS, end: now + LIFE }
    }

    /// False once the stream is over: its life has ended, its token was revoked, or the cookie
    /// is too old.
    fn holds(&mut self, auth: &Auth) -> bool {
        let now = Instant::now();
        if now >= self.check {
            self.check = now + ACCESS;
            let allowed = auth.actor(&self.headers).is_ok_and(|actor| actor.may(Role::Read));
            return allowed && now < self.end;
        }
        true
    }
}

/// Sends what comes.
pub async fn stream(
    State(backend): State<Arc<Backend>>,
    headers: HeaderMap,
    Params(query): Params<StreamQuery>,
) -> Answer {
    let full = || {
        let text = "the maximum number of clients follow the stream";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", text).retry_after(10)
    };
    let sent = headers.get("last-event-id").and_then(|id| id.to_str().ok().map(str::to_owned));
    let last = sent.or(query.last_event_id).map(|text| text.parse::<Place>()).transpose();
    let last = last.map_err(|()| Problem::bad_request("there is no such Last-Event-ID"))?;
    let permit = Arc::clone(&backend.followers).try_acquire_owned().map_err(|_| full())?;
    let followed = backend.live.follow().await;
    let unreachable = || CliError::unreachable("the streams cannot be read now");
    let (live, until) = followed.ok_or_else(unreachable)?;
    let missed = last.map(|_| missed()).unwrap_or_default();
    let follower = Follower {
        backend,
        live,
        place: last.unwrap_or(until),
        missed,
        until,
        greeting: Some(Bytes::from_static(b"retry: 3000\n: zoomd\n\n")),
        access: Access::of(&headers),
        _permit: permit,
    };
    let body = Body::from_stream(stream::unfold(follower, |mut follower| async {
        let bytes = follower.next().await?;
        Some((Ok::<_, Infallible>(bytes), follower))
    }));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn missed() -> VecDeque<(Stream, usize)> {
    crate::http::live::FOLLOWED.map(|stream| (stream, PAGES)).into()
}

impl Follower {
    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        let heartbeat = Instant::now() + HEARTBEAT;
        while !self.missed.is_empty() {
            if !self.access.holds(&self.backend.auth) {
                return None;
            }
            if let Some(bytes) = self.catch_up().await? {
                return Some(bytes);
            }
        }
        loop {
            let backend = Arc::clone(&self.backend);
            if !self.access.holds(&backend.auth) {
                return None;
            }
            if Instant::now() >= heartbeat {
                return Some(Bytes::from_static(b":\n\n"));
            }
            tokio::select! {
                came = self.live.recv() => match came {
                    // It was read from the pages already.
                    Ok(bunch) if bunch.place.is_behind(&self.place) => {}
                    Ok(bunch) => {
                        self.place = bunch.place;
                        return Some(bunch.frames.clone());
                    }
                    Err(RecvError::Lagged(_)) => {
                        self.until = backend.live.reached()?;
                        self.missed = missed();
                        return Some(Bytes::from_static(b": behind\n\n"));
                    }
                    Err(RecvError::Closed) => return None,
                },
                () = tokio::time::sleep_until(heartbeat.min(self.access.check)) => {}
                () = backend.live.closed() => return None,
            }
        }
    }

    /// A page of what this one missed; nothing where a stream is done.
    async fn catch_up(&mut self) -> Option<Option<Bytes>> {
        let Some((stream, pages)) = self.missed.front_mut() else { return Some(None) };
        let stream = *stream;
        let (_, after) = self.place.each().into_iter().find(|(one, _)| *one == stream)?;
        let (_, until) = self.until.each().into_iter().find(|(one, _)| *one == stream)?;
        if after >= until {
            self.missed.pop_front();
            return Some(None);
        }
        if *pages == 0 {
            self.missed.pop_front();
            self.place.reach(stream, until);
            let name = crate::queries::outcomes::name(stream);
            let text = format!(
                "id: {}\nevent: skipped\ndata: {{\"{name}\":null,\"after\":\"{after}\"}}\n\n",
                self.place
            );
            return Some(Some(text.into()));
        }
        *pages -= 1;
        tokio::time::sleep(BREATH).await;
        let mut items = page(self.backend.store(), stream, Some(after), PAGE).await.ok()?;
        items.retain(|item| item.id.parse().is_ok_and(|id: zoomd_wire::EntryId| id <= until));
        if items.is_empty() {
            self.place.reach(stream, until);
            return Some(None);
        }
        Some(Some(frames(&items, &mut self.place, |count| count)))
    }
}
