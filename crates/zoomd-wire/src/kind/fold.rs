//! Jobs that one call carries: a meeting's changes that wait directly behind each other,
//! or behind the job that makes it.
//!
//! Invariant: what is sent comes to the same as its parts in turn. Where that is not
//! sure, they are not folded.

use super::{Extent, Request, UpdateMeeting};
use crate::fields::findings::Findings;
use crate::fields::{MAX_JOB, Meeting, Rules, check, read};

/// Jobs that one call carries at most.
pub const FOLDED_MAX: usize = 32;

/// Fields that say together when a meeting takes place.
const TIMES: [&str; 4] = ["start_time", "timezone", "type", "recurrence"];
/// Fields that mean another thing where a meeting is made.
const NOT_AT_FIRST: [&str; 2] = ["schedule_for", "template_id"];

/// The request that carries `first` and as many of those that stand directly behind it as
/// fold with it, and how many of these that are. `None`: there are none.
#[must_use]
pub fn fold(first: &Request, later: &[&Request]) -> Option<(usize, Request)> {
    let mut bodies = vec![Body::of(text(first)?)?];
    let mut folded = None;
    for (number, request) in later.iter().take(FOLDED_MAX - 1).enumerate() {
        let Some(body) = text(request).and_then(Body::of) else { break };
        if !goes_with(first, request, &body)
            || is_unsaid(&bodies, request)
            || bodies.iter().any(|one| !one.folds_with(&body))
        {
            break;
        }
        bodies.push(body);
        let Some(whole) = whole(first, &bodies) else { break };
        folded = Some((number + 1, whole));
    }
    folded
}

/// The body of a request that folds.
fn text(request: &Request) -> Option<&str> {
    match request {
        Request::CreateMeeting(meeting) => Some(meeting.body()),
        Request::UpdateMeeting(update) => Some(update.change.body()),
        Request::DeleteMeeting(_) | Request::EndMeeting(_) => None,
    }
}

/// True if a later request is of the same meeting, or date, as `first`.
fn goes_with(first: &Request, later: &Request, body: &Body<'_>) -> bool {
    match (first, later) {
        (Request::UpdateMeeting(first), Request::UpdateMeeting(later)) => {
            first.extent == later.extent
        }
        (Request::CreateMeeting(_), Request::UpdateMeeting(later)) => {
            later.extent.is_whole()
                && !NOT_AT_FIRST.iter().any(|name| body.top(name).is_some())
                && body.setting("use_pmi").is_none()
        }
        _ => false,
    }
}

/// True if the meeting recurs once those before have changed it, and the request does not say
/// that it means the whole series: it would be refused in its turn.
fn is_unsaid(bodies: &[Body<'_>], request: &Request) -> bool {
    let kind = bodies.iter().rev().find_map(|body| body.top("type"));
    let recurs = kind.is_some_and(|kind| matches!(kind.trim_matches('"'), "3" | "8"));
    recurs && matches!(request, Request::UpdateMeeting(update) if update.extent == Extent::Single)
}

/// The request with all of them, as it would have been checked had it come so.
fn whole(first: &Request, bodies: &[Body<'_>]) -> Option<Request> {
    let body = Body::merged(bodies).to_json();
    if body.len() > MAX_JOB {
        return None;
    }
    let mut found = Findings::new(true);
    let rules =
        |binds: bool| Rules { now: jiff::Timestamp::MIN, allow_past_start: !binds, accepted: true };
    let request = match first {
        Request::CreateMeeting(first) => {
            let rules = rules(first.binds());
            let meeting = check::meeting(&body, &rules, &mut found)?;
            is_like(first, &meeting).then_some(Request::CreateMeeting(meeting))?
        }
        Request::UpdateMeeting(first) => {
            let one = matches!(first.extent, Extent::One(_));
            let rules = rules(first.change.binds());
            let change = check::change(&body, one, &rules, &mut found)?;
            let (target, extent) = (first.target.clone(), first.extent);
            Request::UpdateMeeting(UpdateMeeting { target, extent, change })
        }
        Request::DeleteMeeting(_) | Request::EndMeeting(_) => return None,
    };
    found.refusal().is_none().then_some(request)
}

/// True if a lost create is found again as it would be without the changes.
fn is_like(first: &Meeting, meeting: &Meeting) -> bool {
    first.reconcilable() == meeting.reconcilable()
        && first.takes_marker() == meeting.takes_marker()
        && (first.start.is_none() || meeting.start.is_some())
}

/// The fields that a body sets, as they stand in it; settings are apart.
struct Body<'a> {
    top: Vec<(String, &'a str)>,
    settings: Vec<(String, &'a str)>,
}

impl<'a> Body<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (mut body, mut settings) = (Self { top: Vec::new(), settings: Vec::new() }, None);
        read::each_field(text, |name, value| match name {
            "settings" => settings = Some(value),
            _ => set(&mut body.top, name, value),
        })
        .ok()?;
        if let Some(settings) = settings.filter(|settings| *settings != "null") {
            let each = |name: &str, value| set(&mut body.settings, name, value);
            read::each_field(settings, each).ok()?;
        }
        Some(body)
    }

    fn top(&self, name: &str) -> Option<&'a str> {
        get(&self.top, name)
    }

    fn setting(&self, name: &str) -> Option<&'a str> {
        get(&self.settings, name)
    }

    /// True if this one and a later one, sent together, are the same as in turn.
    fn folds_with(&self, later: &Self) -> bool {
        let plain = |one: &[(String, &str)], other: &[(String, &str)]| {
            one.iter().all(|(name, value)| {
                get(other, name).is_none_or(|newer| !is_nested(value) && !is_nested(newer))
            })
        };
        plain(&self.top, &later.top)
            && plain(&self.settings, &later.settings)
            && self.times_hold(later)
            && later.times_hold(self)
    }

    /// True if no field of the other's times is read in the light of one of these.
    fn times_hold(&self, other: &Self) -> bool {
        let sets = |body: &Self, name: &str| body.top(name).is_some();
        let of = |body: &Self, but: &str| TIMES.iter().any(|name| *name != but && sets(body, name));
        let apart = TIMES.iter().any(|name| sets(self, name) && of(other, name));
        // A rule is one of its type only, and a meeting that changes its type loses it.
        let retyped = self.top("type") != other.top("type") && sets(other, "type");
        let split = sets(self, "type") && (retyped || sets(other, "recurrence"));
        !split && (!apart || sets(other, "start_time"))
    }

    /// All of them, the newest value of each field.
    fn merged(bodies: &[Self]) -> Self {
        let mut whole = Self { top: Vec::new(), settings: Vec::new() };
        for body in bodies {
            body.top.iter().for_each(|(name, value)| set(&mut whole.top, name, value));
            body.settings.iter().for_each(|(name, value)| set(&mut whole.settings, name, value));
        }
        whole
    }

    fn to_json(&self) -> String {
        let mut fields: Vec<String> = self.top.iter().map(field).collect();
        if !self.settings.is_empty() {
            let settings: Vec<String> = self.settings.iter().map(field).collect();
            fields.push(format!("\"settings\":{{{}}}", settings.join(",")));
        }
        format!("{{{}}}", fields.join(","))
    }
}

/// Sets a field, in the place of an older value; null is none.
fn set<'a>(fields: &mut Vec<(String, &'a str)>, name: &str, value: &'a str) {
    if value == "null" {
        return;
    }
    match fields.iter_mut().find(|(known, _)| known == name) {
        Some((_, older)) => *older = value,
        None => fields.push((name.to_owned(), value)),
    }
}

fn get<'a>(fields: &[(String, &'a str)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}

fn is_nested(value: &str) -> bool {
    value.starts_with(['{', '['])
}

fn field((name, value): &(String, &str)) -> String {
    let name = serde_json::Value::from(name.as_str());
    format!("{name}:{value}")
}
