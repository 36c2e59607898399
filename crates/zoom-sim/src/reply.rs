//! What goes back over the wire, and Zoom's ways of saying no.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::clock::{DAY_MS, day_of, http_date, iso};
use crate::config::{Headers, RetryAfter};
use crate::limits::{Judged, Label, LimitKind};
use crate::world::World;

const JSON: &str = "application/json;charset=UTF-8";

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: JSON.into(), headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn value(status: u16, body: &Value) -> Self {
        Self::json(status, body.to_string())
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { content_type: String::new(), ..Self::json(status, Bytes::new()) }
    }

    pub(crate) fn other(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { content_type: content_type.into(), ..Self::json(status, body) }
    }

    pub(crate) fn redirect(status: u16, location: String) -> Self {
        Self { headers: vec![("location", location)], ..Self::empty(status) }
    }

    /// An error of the REST API.
    pub(crate) fn error(status: u16, code: u32, message: &str) -> Self {
        Self::value(status, &json!({ "code": code, "message": message }))
    }

    /// 400, code 300, with the fields at fault.
    pub(crate) fn invalid(errors: &[(String, String)]) -> Self {
        let errors: Vec<Value> = errors
            .iter()
            .map(|(field, message)| json!({ "field": field, "message": message }))
            .collect();
        let body = json!({ "code": 300, "message": "Validation Failed.", "errors": errors });
        Self::value(400, &body)
    }

    /// An error of the token endpoint.
    pub(crate) fn oauth(status: u16, error: &str, reason: Option<&str>) -> Self {
        match reason {
            Some(reason) => Self::value(status, &json!({ "reason": reason, "error": error })),
            None => Self::value(status, &json!({ "error": error })),
        }
    }

    pub(crate) fn xml(status: u16, code: u32, message: &str) -> Self {
        let message = escape(message);
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\
             <result><code>{code}</code><message>{message}</message></result>"
        );
        Self::other(status, "application/xml;charset=UTF-8", body)
    }

    pub(crate) fn html(status: u16) -> Self {
        let body = format!(
            "<!DOCTYPE html><html><head><title>{status}</title></head>\
             <body><h1>{status}</h1><p>The service is busy.</p></body></html>"
        );
        Self::other(status, "text/html", body)
    }

    /// The same error as a client gets it that did not ask for JSON.
    pub(crate) fn into_xml(self) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(&self.body) else { return self };
        let code = value["code"].as_u64().unwrap_or(0) as u32;
        let message = value["message"].as_str().unwrap_or_default();
        let mut reply = Self { headers: self.headers, ..Self::xml(self.status, code, message) };
        let fields = value["errors"].as_array().into_iter().flatten();
        let text = |error: &Value, name: &str| escape(error[name].as_str().unwrap_or_default());
        let fields = fields.map(|e| {
            let (field, message) = (text(e, "field"), text(e, "message"));
            format!("<errors><field>{field}</field><message>{message}</message></errors>")
        });
        let end = format!("{}</result>", fields.collect::<String>());
        reply.body = String::from_utf8_lossy(&reply.body).replace("</result>", &end).into();
        reply
    }

    /// The same reply without these fields of its JSON.
    pub(crate) fn without(mut self, fields: &[String]) -> Self {
        if let Ok(Value::Object(mut map)) = serde_json::from_slice(&self.body) {
            map.retain(|key, _| !fields.contains(key));
            self.body = Value::Object(map).to_string().into();
        }
        self
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

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
