//! Webhooks as Zoom sends them: signed over the raw body, to plain `http` only.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock::iso;
use crate::world::World;

/// Event of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub enum Event {
    /// The user removed the app. The grant dies with it.
    #[serde(rename = "app_deauthorized")]
    AppDeauthorized {
        /// The user (id, e-mail address or name).
        user: String,
        /// The app; the first one when absent.
        client_id: Option<String>,
    },
    /// Zoom asks whether the receiver knows the secret.
    #[serde(rename = "endpoint.url_validation")]
    UrlValidation {
        /// Text to sign in the answer.
        plain_token: String,
    },
    #[serde(rename = "meeting")]
    Meeting {
        /// `meeting.created`, `meeting.started`, …
        name: String,
        /// The meeting.
        id: u64,
    },
    /// Any body at all.
    #[serde(rename = "raw")]
    Raw { body: String },
}

/// Answer of a webhook receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// A webhook that could not be delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// Not an `http` URL with a host.
    #[error("webhooks are sent to http URLs with a host only")]
    Url,
    /// The receiver could not be reached, or the connection broke.
    #[error("webhook not delivered")]
    Io(#[from] std::io::Error),
    /// The receiver took longer than Zoom's three seconds.
    #[error("no answer within 3 s")]
    Late,
    /// The receiver did not answer with HTTP.
    #[error("the answer is no HTTP")]
    Unreadable,
}

/// The hex HMAC-SHA256 of `text`.
pub fn hmac_hex(secret: &str, text: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(text);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The value of `x-zm-signature`.
pub fn signature(secret: &str, timestamp_s: i64, body: &str) -> String {
    format!("v0={}", hmac_hex(secret, format!("v0:{timestamp_s}:{body}").as_bytes()))
}

impl World {
    /// The body of an event and the second it is signed at. A deauthorisation
    /// happens as it is told.
    pub(crate) fn webhook(&mut self, event: &Event) -> (String, i64) {
        let now = self.now_ms();
        let body = match event {
            Event::AppDeauthorized { user, client_id } => {
                let index = self.user_or_new(user);
                self.revoke_user(user);
                let user = &self.users[index];
                let first = || self.apps.first().map(|a| a.client_id.clone()).unwrap_or_default();
                json!({
                    "event": "app_deauthorized",
                    "event_ts": now,
                    "payload": {
                        "account_id": self.accounts[user.account].id,
                        "user_id": user.id,
                        "signature": format!("{:016x}", self.mixed(61, now as u64)),
                        "deauthorization_time": iso(now),
                        "client_id": client_id.clone().unwrap_or_else(first),
                    },
                })
                .to_string()
            }
            Event::UrlValidation { plain_token } => json!({
                "event": "endpoint.url_validation",
                "event_ts": now,
                "payload": { "plainToken": plain_token },
            })
            .to_string(),
            Event::Meeting { name, id } => {
                let host = self.meetings.ever(*id).map_or(0, |m| m.host);
                self.meeting_event(name, *id, host, false).unwrap_or_default()
            }
            Event::Raw { body } => body.clone(),
        };
        (body, now.div_euclid(1_000))
    }

    /// Puts an event of a meeting into the outbox, if anybody listens.
    pub(crate) fn tell_meeting(&mut self, name: &str, id: u64, by: usize) {
        let Some(hooks) = self.rules.hooks.clone() else { return };
        if let Some(body) = self.meeting_event(name, id, by, hooks.time_as_text) {
            self.outbox.push((hooks, body));
        }
    }

    /// No agenda in it, as in those seen.
    fn meeting_event(&self, name: &str, id: u64, by: usize, time_as_text: bool) -> Option<String> {
        let now = self.now_ms();
        let meeting = self.meetings.ever(id)?;
        let (host, operator) = (&self.users[meeting.host], self.users.get(by)?);
        let time = if time_as_text { json!(now.to_string()) } else { json!(now) };
        let body = json!({
            "event": name,
            "event_ts": time,
            "payload": {
                "account_id": self.accounts[host.account].id,
                "operator": operator.email,
                "operator_id": operator.id,
                "object": {
                    "uuid": self.uuid(meeting), "id": meeting.id, "host_id": host.id,
                    "topic": meeting.topic, "type": meeting.kind,
                    "start_time": meeting.start_ms.map(iso), "duration": meeting.duration,
                    "timezone": meeting.timezone, "join_url": self.join_url(meeting),
                    "password": meeting.password,
                },
            },
        });
        Some(body.to_string())
    }
}

/// Sends the `meeting.*` events of what has just happened, beside the reply.
pub(crate) fn send_hooks(world: &mut World) {
    for (hooks, body) in std::mem::take(&mut world.outbox) {
        let at_s = world.now_ms().div_euclid(1_000);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(hooks.delay_ms)).await;
            for _ in 0..hooks.copies {
                // Failed deliveries are not repeated.
                let _ = post(&hooks.url, &hooks.secret, at_s, &body).await;
            }
        });
    }
}

/// Posts a signed body.
pub async fn post(
    url: &str,
    secret: &str,
    timestamp_s: i64,
    body: &str,
) -> Result<Answer, WebhookError> {
    let url = url::Url::parse(url).map_err(|_| WebhookError::Url)?;
    let (Some(host), Some(port), "http") =
        (url.host_str(), url.port_or_known_default(), url.scheme())
    else {
        return Err(WebhookError::Url);
    };
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n\
         content-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n\
         x-zm-request-timestamp: {timestamp_s}\r\nx-zm-signature: {}\r\n\
         x-zm-trackingid: sim\r\nuser-agent: Zoom Marketplace/1.0a\r\n\r\n{body}",
        body.len(),
        signature(secret, timestamp_s, body),
    );
    let exchange = async {
        let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await?;
        Ok::<_, std::io::Error>(reply)
    };
    let reply = tokio::time::timeout(Duration::from_secs(3), exchange)
        .await
        .map_err(|_| WebhookError::Late)??;
    let (head, body) = reply.split_once("\r\n\r\n").ok_or(WebhookError::Unreadable)?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
    let chunked = head.lines().any(|line| {
        let line = line.to_ascii_lowercase();
        line.strip_prefix("transfer-encoding:").is_some_and(|value| value.contains("chunked"))
    });
    let body = if chunked { unchunked(body).ok_or(WebhookError::Unreadable)? } else { body.into() };
    Ok(Answer { status: status.ok_or(WebhookError::Unreadable)?, body })
}

/// A body that came in chunks, without their marks.
fn unchunked(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let (chunk, after) = after.split_at_checked(size)?;
        body.push_str(chunk);
        rest = after.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        assert_eq!(unchunked("2\r\nok\r\n3;x=y\r\nay!\r\n0\r\n\r\n").as_deref(), Some("okay!"));
        assert_eq!(unchunked("2\r\no"), None);
    }

    #[test]
    fn hmac_of_a_published_vector() {
        // RFC 4231, test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hmac_hex("Jefe", b"what do ya want for nothing?"), expected);
    }
}
