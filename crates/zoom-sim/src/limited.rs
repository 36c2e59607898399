//! Rate limits in Zoom's form: its 429s, and the rate headers of every reply.

use crate::clock::{DAY_MS, day_of, http_date, iso};
use crate::config::{Headers, RetryAfter};
use crate::limits::{Judged, LimitKind};
use crate::plan::Label;
use crate::reply::Reply;
use crate::world::World;

impl World {
    /// A 429 of the given kind, as Zoom words it.
    pub(crate) fn limited(&self, kind: LimitKind, label: Label, judged: Option<Judged>) -> Reply {
        let user_day = self.rules.limits.user_day.unwrap_or(100);
        if let (LimitKind::UserDay, Some(status)) = (kind, self.rules.limits.older_words) {
            let message = format!(
                "A maximum of {user_day} meetings can be created/updated for a single user in one day."
            );
            return Reply::error(status, 300, &message);
        }
        let message = match kind {
            LimitKind::PerSecond => "You have reached the maximum per-second rate limit for this \
                 API. Try again later."
                .to_owned(),
            LimitKind::LabelDay => "You have reached the maximum daily rate limit for this API. \
                 Refer to the response header for details on when you can make another request."
                .to_owned(),
            LimitKind::UserDay => format!(
                "You have exceeded the daily rate limit ({user_day}) of Meeting Create/Update API \
                 requests permitted for this particular user. You may resume these requests at \
                 GMT 00:00:00."
            ),
            LimitKind::Concurrent => "Too many concurrent requests. A request to disassociate \
                 this user has already been made."
                .to_owned(),
            LimitKind::Unknown => "Too many requests.".to_owned(),
        };
        let mut reply = Reply::error(429, 429, &message);
        if self.rules.limits.headers == Headers::Documented {
            let limit = judged.and_then(|j| j.limit);
            self.limit_headers(&mut reply, kind, label, limit);
        }
        reply
    }

    fn limit_headers(&self, reply: &mut Reply, kind: LimitKind, label: Label, limit: Option<u32>) {
        let headers = &mut reply.headers;
        headers.push(("x-ratelimit-category", label.header().into()));
        let mut quota = |kind: Option<&str>, limit: u32, remaining: u32| {
            headers.extend(kind.map(|k| ("x-ratelimit-type", k.to_owned())));
            headers.push(("x-ratelimit-limit", limit.to_string()));
            headers.push(("x-ratelimit-remaining", remaining.to_string()));
        };
        match kind {
            LimitKind::PerSecond => quota(Some("QPS"), limit.unwrap_or(30), 0),
            LimitKind::LabelDay => {
                quota(Some("Daily-limit"), limit.unwrap_or(6_000), 0);
                headers.push(("retry-after", self.retry_after()));
            }
            // As seen live: another quota's figures, no type, no Retry-After.
            LimitKind::UserDay => quota(None, 6_000, 5_893),
            LimitKind::Concurrent | LimitKind::Unknown => {}
        }
    }

    fn retry_after(&self) -> String {
        let now = self.now_ms();
        let midnight = (day_of(now) + 1) * DAY_MS;
        match self.rules.limits.retry_after {
            RetryAfter::Iso => iso(midnight),
            RetryAfter::Seconds => ((midnight - now + 999) / 1_000).to_string(),
            RetryAfter::HttpDate => http_date(midnight),
        }
    }

    /// The rate headers of a reply that is no 429.
    pub(crate) fn rate_headers(&self, reply: &mut Reply, label: Label, judged: Judged) {
        if self.rules.limits.headers == Headers::None {
            return;
        }
        reply.headers.push(("x-ratelimit-category", label.header().into()));
        if let Some(limit) = judged.limit {
            reply.headers.push(("x-ratelimit-limit", limit.to_string()));
            reply.headers.push(("x-ratelimit-remaining", judged.remaining.to_string()));
        }
    }
}
