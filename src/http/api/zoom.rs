//! `GET /accounts/{account}/zoom/{path}`: a read of Zoom's API with the account's token,
//! within its budget.
//!
//! Only the reads of a list, below `meetings`, `users`, `past_meetings` and `report`: many
//! others answer with a key or a token. What lets its holder host a meeting is taken out of
//! the answer all the same.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::Value;
use zoom_api::{AccessToken, Client, Reply};
use zoomd_wire::AccountName;
use zoomd_workers::attempt::exchange::{Exchange, NoReply};
use zoomd_workers::attempt::read::{Read, Unread, read};
use zoomd_workers::call_context::CallContext;

use super::answer::{Answer, with};
use super::params::Named;
use super::{Backend, Problem};
use crate::actor::Actor;
use crate::acts::{Via, existing, refused};
use crate::error::CliError;
use crate::queries::outcomes;

/// Time for which a token and room in the budget are waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// The paths that are read; `*` is any segment, `**` one or more of them.
const READS: [&str; 23] = [
    "meetings/*",
    "meetings/*/invitation",
    "meetings/*/meeting_summary",
    "meetings/*/polls",
    "meetings/*/polls/*",
    "meetings/*/registrants",
    "meetings/*/registrants/*",
    "meetings/*/registrants/questions",
    "meetings/*/survey",
    "past_meetings/*",
    "past_meetings/*/instances",
    "past_meetings/*/participants",
    "past_meetings/*/polls",
    "past_meetings/*/qa",
    "report/**",
    "users",
    "users/*",
    "users/*/assistants",
    "users/*/meeting_templates",
    "users/*/meetings",
    "users/*/permissions",
    "users/*/schedulers",
    "users/*/settings",
];
/// The longest path.
const LONGEST: usize = 512;

/// Reads Zoom.
pub async fn zoom(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
    Named((account, path)): Named<(String, String)>,
    uri: Uri,
) -> Answer {
    let bad = |text: String| Problem::bad_request(text);
    let name = AccountName::new(&account).map_err(|error| bad(error.to_string()))?;
    let segments = segments(&path).ok_or_else(|| {
        bad("this path is none of those that are read".to_owned()).hint(
            "meetings, users, past_meetings and report without what answers with keys or tokens; \
             docs/api.md lists the paths",
        )
    })?;
    let segments: Vec<String> = segments.into_iter().map(str::to_owned).collect();
    let kind = existing(backend.grants(), &name).await?.kind;
    let zoom = backend.zoom().await?;
    let query = uri.query().map(str::to_owned);
    let (runtime, account) = (tokio::runtime::Handle::current(), name.clone());
    // The future of a read borrows in ways that keep it on one thread.
    let asked = tokio::task::spawn_blocking(move || {
        runtime.block_on(ask(&zoom, &account, &segments, query.as_deref()))
    });
    let answer = asked.await.map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", error.to_string())
    })?;
    let outcome = match &answer {
        Ok(reply) => format!("HTTP {}", reply.status),
        Err(error) => error.to_string(),
    };
    let hand = backend.hand(actor, Via::Api);
    hand.record("account.zoom", name.as_str(), "", &format!("GET {path}: {outcome}")).await;
    match answer {
        Ok(reply) => shown(&reply),
        Err(Unread::Token(error)) => Err(refused(name.as_str(), kind, error).into()),
        Err(Unread::Store(error) | Unread::Call(NoReply::Store(error))) => Err(error.into()),
        Err(Unread::Call(error)) => Err(no_reply(&name, error)),
    }
}

async fn ask(
    zoom: &CallContext,
    account: &AccountName,
    segments: &[String],
    query: Option<&str>,
) -> Result<Reply, Unread> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let send =
        async |client: &Client, token: &AccessToken| client.get_path(token, &segments, query).await;
    let one = Read { account, exchange: exchange(&segments), patience: PATIENCE };
    read(zoom, one, send).await
}

/// The segments of a path that may be read.
fn segments(path: &str) -> Option<Vec<&str>> {
    let segments: Vec<&str> = path.split('/').collect();
    let plain = |segment: &&str| {
        !matches!(*segment, "" | "." | "..")
            && !segment.contains(['\\', '?', '#', '%'])
            && !segment.chars().any(char::is_control)
    };
    let known = READS.iter().any(|read| fits(read, &segments));
    (known && path.len() <= LONGEST && segments.iter().all(plain)).then_some(segments)
}

/// True if a path is the one that `read` names.
fn fits(read: &str, segments: &[&str]) -> bool {
    let mut named = read.split('/');
    for segment in segments {
        match named.next() {
            Some("**") => return true,
            Some("*") => {}
            Some(name) if name == *segment => {}
            _ => return false,
        }
    }
    named.next().is_none()
}

/// The rate-limit class of a path; one without an operation of ours counts as heavy.
fn exchange(segments: &[&str]) -> Exchange {
    let operation = match segments {
        ["meetings", _] | ["users", _] => "get",
        ["users", _, "meetings"] => "list",
        _ => "other",
    };
    Exchange { operation, endpoint: "api_read" }
}

/// Zoom's status and body.
fn shown(reply: &Reply) -> Answer {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    outcomes::hide(&mut body);
    let response: Response = with(status, &body);
    Ok(response)
}

fn no_reply(name: &AccountName, error: NoReply) -> Problem {
    let text = format!("{name}: {error}");
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let limited = |until_ms: i64| {
        let seconds = u64::try_from((until_ms - now_ms + 999) / 1_000).unwrap_or(0).max(1);
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", text.clone())
            .retry_after(seconds)
            .hint("GET /api/v1/budget?account=NAME shows what is left")
    };
    match error {
        NoReply::Later { until_ms, .. } => limited(until_ms),
        NoReply::Limited { limit, .. } => limited(limit.until.as_millisecond()),
        NoReply::Transport(error) => CliError::from(error).into(),
        _ => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "waiting", text).retry_after(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_of_reads_are_let_through() {
        for good in [
            "meetings/5",
            "users",
            "users/me/meetings",
            "users/a@b.de",
            "past_meetings/5/instances",
            "report/meetings/5/participants",
        ] {
            assert!(segments(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "accounts/5",
            "users/me/token",
            "users/me/TOKEN",
            "users/me/zak",
            "meetings/5/jointoken/live_streaming",
            "meetings/5/livestream",
            "meetings/5/recordings",
            "meetings",
            "report",
            "meetings/../accounts",
            "meetings/./5",
            "meetings//5",
            "meetings/5/",
            "meetings/5%2f..",
            "meetings/5?x=1",
            "meetings\\5",
            "meetings/a\nb",
            "/meetings/5",
        ] {
            assert!(segments(bad).is_none(), "{bad}");
        }
        assert!(segments(&format!("meetings/{}", "x".repeat(600))).is_none());
    }

    #[test]
    fn an_operation_without_a_class_counts_as_heavy() {
        let of = |path: &str| exchange(&segments(path).expect("good")).operation;
        assert_eq!(of("meetings/5"), "get");
        assert_eq!(of("users/me/meetings"), "list");
        let classes = zoomd_store::limits::Classes::default();
        let heavy = classes.of(of("report/daily"));
        assert_eq!(heavy, zoomd_store::limits::Label::Heavy);
    }
}
