//! Control endpoint: everything the library can do, as JSON over HTTP under `/_sim`, for tests of
//! whole processes. The README lists it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::body::SimBody;
use crate::clock::iso;
use crate::config::App;
use crate::endpoint::Endpoint;
use crate::faults::{Fault, FaultId};
use crate::grants::TokenKind;
use crate::reply::Reply;
use crate::respond::respond;
use crate::shared::{Shared, Stage, WAIT};
use crate::webhook::{self, Event, send_hooks};
use crate::world::{Consent, UserSpec, World};

/// Refusal by the control endpoint itself.
struct Refused(u16, String);

type Answer = Result<Value, Refused>;

fn bad(why: impl std::fmt::Display) -> Refused {
    Refused(400, why.to_string())
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(bad)
}

fn query(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query()?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn value(thing: impl serde::Serialize) -> Answer {
    serde_json::to_value(thing).map_err(|e| Refused(500, e.to_string()))
}

pub(crate) async fn handle(shared: &Arc<Shared>, parts: &Parts, body: &Bytes) -> Response<SimBody> {
    let path = parts.uri.path().trim_end_matches('/');
    let path = path.strip_prefix("/_sim").unwrap_or(path).trim_start_matches('/');
    let answer = match (&parts.method, path) {
        (&Method::GET, "wait") => wait(shared, parts).await,
        (&Method::POST, "webhook") => send_webhook(shared, body).await,
        (&Method::POST, "down") => down(shared, body),
        _ => at_once(&mut shared.world(), parts, path, body),
    };
    send_hooks(&mut shared.world());
    let reply = match answer {
        Ok(value) => Reply::value(200, &value),
        Err(Refused(status, why)) => Reply::value(status, &json!({ "error": why })),
    };
    shared.changed.notify_waiters();
    respond(shared, reply)
}

fn at_once(world: &mut World, parts: &Parts, path: &str, body: &Bytes) -> Answer {
    match (parts.method.as_str(), path) {
        ("GET", "" | "health") => {
            Ok(json!({ "ok": true, "url": world.url, "see": "the README of zoom-sim" }))
        }
        ("GET", "counters") => counters(world),
        ("DELETE", "counters") => {
            world.reset_counters();
            Ok(json!({}))
        }
        ("GET", "violations") => value(&world.violations),
        ("GET", "requests") => value(&world.requests),
        ("GET", "meetings") => meetings(world, parts),
        ("GET", "twins") => Ok(world.meetings.twins().into_iter().collect()),
        ("GET", "rules") => value(&world.rules),
        ("PATCH", "rules") => rules(world, body),
        ("GET" | "POST", "clock") => clock(world, body),
        ("POST", "apps") => {
            world.set_app(read::<App>(body)?);
            Ok(json!({}))
        }
        ("POST", "consent") => {
            world.consents.push_back(read::<Consent>(body)?);
            Ok(json!({}))
        }
        ("POST", "faults") => {
            let mut fault: Fault = read(body)?;
            fault.who = fault.who.map(|who| world.fault_name(&who));
            Ok(json!({ "id": world.faults.add(fault) }))
        }
        ("GET", "faults") => value(world.faults.list()),
        ("DELETE", "faults") => Ok(json!({ "cleared": world.faults.clear(None) })),
        _ => people(world, parts, path, body),
    }
}

fn people(world: &mut World, parts: &Parts, path: &str, body: &Bytes) -> Answer {
    match (parts.method.as_str(), path) {
        ("GET", "users") => {
            value((0..world.users.len()).map(|u| world.view_user(u)).collect::<Vec<_>>())
        }
        ("POST", "users") => {
            let index = world.add_user(read::<UserSpec>(body)?);
            value(world.view_user(index))
        }
        ("POST", "grants") => grants(world, body),
        ("POST", "revoke") => {
            let Named { user } = read(body)?;
            Ok(json!({ "revoked": world.revoke_user(&user) }))
        }
        ("POST", "kill-access-token") => {
            let Named { user } = read(body)?;
            let grant = world.find_user(&user).and_then(|user| world.grant_of(user));
            Ok(json!({ "killed": grant.map(|grant| world.end_access(grant)).is_some() }))
        }
        ("POST", "token-state") => token_state(world, body),
        (method, path) => match path.split_once('/') {
            Some(("meetings", rest)) if method == "POST" => {
                let id = rest.strip_suffix("/start").and_then(|id| id.parse().ok());
                match id.is_some_and(|id| world.run_meeting(id)) {
                    true => Ok(json!({})),
                    false => Err(Refused(404, "no such meeting".into())),
                }
            }
            Some(("faults", rest)) => one_fault(world, method, rest),
            Some(("tokens", user)) if method == "GET" => {
                let user = percent_encoding::percent_decode_str(user).decode_utf8_lossy();
                let grant = world.find_user(&user).and_then(|user| world.grant_of(user));
                let tokens = grant.and_then(|grant| world.tokens_of(grant));
                value(tokens.ok_or_else(|| Refused(404, "no live grant".into()))?)
            }
            _ => Err(Refused(404, "no such door; see the README of zoom-sim".into())),
        },
    }
}

#[derive(Deserialize)]
struct Named {
    user: String,
}

fn counters(world: &World) -> Answer {
    let mut all = value(&world.counters)?;
    all["in_flight"] = world.in_flight.into();
    all["meetings_kept"] = world.meetings.all().count().into();
    all["broken_rules"] = world.counters.broken.list().into_iter().collect();
    Ok(all)
}

fn meetings(world: &World, parts: &Parts) -> Answer {
    let (marker, user) = (query(parts, "marker"), query(parts, "user"));
    let limit = query(parts, "limit").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
    let after = query(parts, "after").and_then(|n| n.parse().ok()).unwrap_or(0);
    let user = user.map(|name| world.find_user(&name));
    let wanted = world.meetings.all().filter(|m| {
        m.serial > after
            && marker.as_deref().is_none_or(|marker| m.marker.as_deref() == Some(marker))
            && user.is_none_or(|user| user == Some(m.host))
    });
    value(wanted.take(limit).map(|m| world.view_meeting(m)).collect::<Vec<_>>())
}

/// Merges what is given into the rules as they stand.
fn rules(world: &mut World, body: &Bytes) -> Answer {
    fn merge(into: &mut Value, from: Value) {
        match (into, from) {
            (Value::Object(into), Value::Object(from)) if !from.is_empty() => {
                for (key, value) in from {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
            (into, from) => *into = from,
        }
    }
    let mut all = value(&world.rules)?;
    merge(&mut all, read(body)?);
    world.rules = serde_json::from_value(all).map_err(bad)?;
    value(&world.rules)
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ClockChange {
    now: Option<jiff::Timestamp>,
    advance_ms: Option<i64>,
    stopped: Option<bool>,
}

fn clock(world: &mut World, body: &Bytes) -> Answer {
    let change: ClockChange = read(body)?;
    match change.stopped {
        Some(true) => world.clock.stop(),
        Some(false) => world.clock.go(),
        None => {}
    }
    if let Some(now) = change.now {
        world.clock.set(now.as_millisecond());
    }
    if let Some(by) = change.advance_ms {
        world.clock.advance(by);
    }
    let now = world.now_ms();
    Ok(json!({ "now": iso(now), "now_ms": now, "stopped": world.clock.stopped() }))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct GrantSpec {
    user: Option<String>,
    client_id: Option<String>,
    scope: Option<String>,
    prefix: Option<String>,
    count: usize,
}

fn grants(world: &mut World, body: &Bytes) -> Answer {
    let spec: GrantSpec = read(body)?;
    let (app, scope) = (spec.client_id.as_deref(), spec.scope.as_deref());
    if let Some(user) = spec.user {
        let seed = world.seed(&user, app, scope);
        return value(seed.ok_or_else(|| bad("no such app"))?);
    }
    let prefix = spec.prefix.as_deref().unwrap_or("user");
    let one = |n| world.seed(&format!("{prefix}-{n}"), app, scope);
    let seeds: Option<Vec<_>> = (0..spec.count).map(one).collect();
    value(seeds.ok_or_else(|| bad("no such app"))?)
}

fn token_state(world: &World, body: &Bytes) -> Answer {
    #[derive(Deserialize)]
    struct Token {
        token: String,
    }
    let Token { token } = read(body)?;
    let refresh = world.know(&token, TokenKind::Refresh);
    let access = world.know(&token, TokenKind::Access);
    let known = if refresh.grant.is_some() { refresh } else { access };
    let user = known.grant.map(|g| world.users[world.grants.all[g].user].email.clone());
    Ok(json!({ "state": known.state, "user": user, "refresh": refresh.grant.is_some() }))
}

fn one_fault(world: &mut World, method: &str, rest: &str) -> Answer {
    let (id, verb) = rest.split_once('/').unwrap_or((rest, ""));
    let id = FaultId(id.parse().map_err(bad)?);
    let done = match (method, verb) {
        ("DELETE", "") => world.faults.clear(Some(id)) > 0,
        ("POST", "release") => world.faults.release(id),
        ("GET", "") => {
            let found = world.faults.list().into_iter().find(|f| f.id == id);
            return value(found.ok_or_else(|| Refused(404, "no such fault".into()))?);
        }
        _ => false,
    };
    if done { Ok(json!({})) } else { Err(Refused(404, "no such fault".into())) }
}

async fn wait(shared: &Shared, parts: &Parts) -> Answer {
    let limit = query(parts, "timeout_ms").and_then(|ms| ms.parse().ok());
    let limit = limit.map_or(WAIT, Duration::from_millis);
    let n = query(parts, "n").map_or(Ok(1), |n| n.parse()).map_err(bad)?;
    let seen = match (query(parts, "endpoint"), query(parts, "counter")) {
        (Some(endpoint), _) => {
            let endpoint: Endpoint = endpoint.parse().map_err(bad)?;
            let answered = query(parts, "stage").as_deref() == Some("answered");
            let stage = if answered { Stage::Answered } else { Stage::Arrived };
            shared.wait_requests(endpoint, stage, n, limit).await
        }
        (None, Some(counter)) => {
            let pointer = format!("/{}", counter.replace('.', "/"));
            let count = |world: &World| {
                let all = serde_json::to_value(&world.counters).unwrap_or_default();
                all.pointer(&pointer).and_then(Value::as_u64).unwrap_or(0)
            };
            shared.wait(format!("{n} of {counter}"), n, limit, count).await
        }
        (None, None) => return Err(bad("endpoint or counter")),
    };
    seen.map(|count| json!({ "count": count })).map_err(|late| Refused(408, late.to_string()))
}

async fn send_webhook(shared: &Shared, body: &Bytes) -> Answer {
    #[derive(Deserialize)]
    struct Send {
        url: String,
        secret: String,
        #[serde(flatten)]
        event: Event,
    }
    let send: Send = read(body)?;
    let (text, timestamp) = shared.world().webhook(&send.event);
    let answer = webhook::post(&send.url, &send.secret, timestamp, &text).await;
    value(answer.map_err(|e| Refused(502, e.to_string()))?)
}

/// Stops listening for a while (the control endpoint too) and then resumes.
fn down(shared: &Arc<Shared>, body: &Bytes) -> Answer {
    #[derive(Deserialize)]
    struct For {
        for_ms: u64,
    }
    let For { for_ms } = read(body)?;
    let shared = shared.clone();
    tokio::spawn(async move {
        // The reply to this request leaves first.
        tokio::time::sleep(Duration::from_millis(20)).await;
        shared.switch(false).await;
        tokio::time::sleep(Duration::from_millis(for_ms)).await;
        shared.switch(true).await;
    });
    Ok(json!({}))
}
