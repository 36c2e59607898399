//! From a reply to an answer on the wire: its headers and its body.

use http::{HeaderValue, Response};

use crate::body::SimBody;
use crate::clock::http_date;
use crate::reply::Reply;
use crate::shared::Shared;

/// An answer without its body.
pub(crate) fn head(shared: &Shared, reply: Reply) -> http::response::Builder {
    let mut response = Response::builder().status(reply.status);
    if let Some(headers) = response.headers_mut() {
        let mut set = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(http::header::HeaderName::from_static(name), value);
            }
        };
        set("date", &shared.date());
        if !reply.content_type.is_empty() {
            set("content-type", &reply.content_type);
        }
        for (name, value) in &reply.headers {
            set(name, value);
        }
    }
    response
}

/// The answer, with the body that it was made with.
pub(crate) fn respond(shared: &Shared, mut reply: Reply) -> Response<SimBody> {
    let body = std::mem::take(&mut reply.body);
    let body = SimBody::Whole(Some(body).filter(|b| !b.is_empty()));
    head(shared, reply).body(body).unwrap_or_default()
}

impl Shared {
    /// The `Date` header, by the simulator's clock.
    fn date(&self) -> String {
        let mut world = self.world();
        let second = world.now_ms().div_euclid(1_000);
        if world.date.0 != second {
            world.date = (second, http_date(second * 1_000));
        }
        world.date.1.clone()
    }
}
