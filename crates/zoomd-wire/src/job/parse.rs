//! From bytes to a job.

use std::str::FromStr;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::Job;
use super::envelope::{claims, raw, traceparent};
use crate::fields::envelope::{self, Envelope, at};
use crate::fields::findings::Findings;
use crate::fields::limits::{ATTEMPTS, MAX_DEPTH, MAX_JOB, MAX_METADATA};
use crate::fields::scan::{self, Flaw};
use crate::fields::time::{self, Moment};
use crate::fields::{InvalidJob, Rules, read, suggest, user};
use crate::kind::{Kind, Request, Target};
use crate::{AccountName, JobId, Priority};

/// Parses one job and checks everything that can be checked without IO. Never panics, whatever the
/// bytes.
pub fn parse(raw: &[u8], rules: &Rules) -> Result<Job, InvalidJob> {
    if raw.len() > MAX_JOB {
        let message = format!("the job has {} bytes; it may have {MAX_JOB}", raw.len());
        return Err(InvalidJob::new("job", message));
    }
    let text = std::str::from_utf8(raw).map_err(|error| {
        let message = format!("the job is not UTF-8 (at byte {})", error.valid_up_to());
        InvalidJob::new("job", message)
    })?;
    let mut envelope = Envelope::nothing();
    let read = envelope::read(text, &mut envelope);
    let job = match scan::first_flaw(raw) {
        Some((flaw, place)) => Err(flawed(flaw, place, &envelope, text)),
        None => read.and_then(|()| build(&envelope, rules)),
    };
    job.map_err(|mut invalid| {
        *invalid.claims = claims(&envelope);
        invalid
    })
}

/// Message for a flaw, with the field that contains it.
fn flawed(flaw: Flaw, place: usize, envelope: &Envelope<'_>, text: &str) -> InvalidJob {
    let holds = |value: &&str| {
        let start = value.as_ptr() as usize - text.as_ptr() as usize;
        (start..start + value.len()).contains(&place)
    };
    let index = envelope.values.iter().position(|value| value.as_ref().is_some_and(holds));
    let field = index.map_or("job", |index| envelope::NAMES[index]);
    let what = match flaw {
        Flaw::TooDeep => format!("is nested more than {MAX_DEPTH} deep"),
        Flaw::Nul => "holds a NUL character; remove it".to_owned(),
        Flaw::HalfSurrogate => {
            "holds half of a surrogate pair (\\ud800 to \\udfff); write the whole character"
                .to_owned()
        }
    };
    InvalidJob::new(field, format!("`{field}` {what} (at byte {place})"))
}

/// Checks every field, and continues after an error.
fn build(envelope: &Envelope<'_>, rules: &Rules) -> Result<Job, InvalidJob> {
    let mut found = Findings::new(rules.accepted);
    envelope::check_names(envelope, &mut found);
    let id = envelope.get(at::ID).map(id);
    let id = id.and_then(|id| found.take(id));
    let account = found.take(account(envelope));
    let kind = found.take(kind(envelope));
    if let Some(kind) = kind {
        kind.check_fields(envelope, &mut found);
    }
    let user = found.take(user(envelope));
    let priority = found.take(priority(envelope)).unwrap_or_default();
    let mut time = |field, index| found.take(instant(field, envelope.get(index))).flatten();
    let not_before = time("not_before", at::NOT_BEFORE);
    let deadline = time("deadline", at::DEADLINE);
    let max_attempts = envelope.get(at::MAX_ATTEMPTS).map_or(Some(ATTEMPTS.0.into()), |value| {
        found.take(read::within("max_attempts", value, (1, ATTEMPTS.1.into()), ""))
    });
    let reply = envelope
        .get(at::REPLY)
        .map_or(Some(false), |value| found.take(read::boolean("reply", value)));
    let metadata = envelope.values[at::METADATA].and_then(|value| found.take(metadata(value)));
    let request = Request::read(kind.unwrap_or_default(), envelope, rules, &mut found);
    if let (Some(id), Some(request)) = (&id, &request) {
        found.take(check_target(id, request));
    }
    let start = request.as_ref().and_then(|request| request.asked().must_start_by());
    found.take(check_order(not_before, deadline, start));
    let warnings = std::mem::take(&mut found.warnings);
    if let Some(refusal) = found.refusal() {
        return Err(refusal);
    }
    let (Some(account), Some(kind), Some(user), Some(request)) = (account, kind, user, request)
    else {
        return Err(InvalidJob::new("job", "the job cannot be read"));
    };
    Ok(Job {
        id,
        account,
        kind,
        host: user::host(&user, request.asked().schedule_for()),
        user,
        request,
        not_before,
        deadline,
        max_attempts: max_attempts.unwrap_or_default() as u8,
        priority,
        reply: reply.unwrap_or_default(),
        traceparent: traceparent(envelope),
        metadata: metadata.flatten(),
        warnings,
    })
}

fn id(value: &str) -> Result<JobId, InvalidJob> {
    name("id", JobId::RULE, JobId::new(&read::string("id", value)?))
}

fn account(envelope: &Envelope<'_>) -> Result<AccountName, InvalidJob> {
    let Some(account) = envelope.get(at::ACCOUNT) else {
        let message = "`account` is missing: the name of a connected Zoom account";
        return Err(InvalidJob::new("account", message));
    };
    let account = AccountName::new(&read::string("account", account)?);
    name("account", AccountName::RULE, account)
}

fn metadata(value: &str) -> Result<Option<Box<RawValue>>, InvalidJob> {
    let length = value.len();
    if length <= MAX_METADATA {
        return Ok(raw(value));
    }
    let message = format!("`metadata` has {length} bytes; it may have {MAX_METADATA}");
    Err(InvalidJob::new("metadata", message))
}

fn name<T, E>(field: &'static str, rule: &str, checked: Result<T, E>) -> Result<T, InvalidJob> {
    checked.map_err(|_| InvalidJob::new(field, format!("`{field}` must be {rule}")))
}

fn kind(envelope: &Envelope<'_>) -> Result<Kind, InvalidJob> {
    let kind = match envelope.get(at::KIND) {
        Some(value) => read::string("kind", value)?,
        None => Kind::default().as_str().into(),
    };
    Kind::from_str(&kind).map_err(|_| {
        let hint = match suggest::nearest(&kind, Kind::ALL.iter().map(|kind| kind.as_str())) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("it must be {}", Kind::words()),
        };
        let kind = read::short(&kind);
        InvalidJob::new("kind", format!("the kind {kind} is unknown; {hint}"))
    })
}

fn priority(envelope: &Envelope<'_>) -> Result<Priority, InvalidJob> {
    let Some(value) = envelope.get(at::PRIORITY) else { return Ok(Priority::default()) };
    let word = read::string("priority", value)?;
    word.parse().map_err(|_| {
        let word = read::short(&word);
        let message = format!("`priority` is {word}; it must be high, normal or low");
        InvalidJob::new("priority", message)
    })
}

fn user(envelope: &Envelope<'_>) -> Result<String, InvalidJob> {
    let Some(value) = envelope.get(at::USER) else { return Ok("me".to_owned()) };
    let user = read::string("user", value)?;
    user::check_user("user", &user)?;
    Ok(user.into_owned())
}

fn instant(field: &'static str, value: Option<&str>) -> Result<Option<Timestamp>, InvalidJob> {
    let Some(value) = value else { return Ok(None) };
    let text = read::string(field, value)?;
    match Moment::parse(&text).and_then(|moment| moment.exact()) {
        Some(instant) => Ok(Some(instant)),
        None => {
            let short = read::short(&text);
            let message = format!(
                "`{field}` is {short}; write it with its zone, as \"2030-01-07T10:00:00Z\""
            );
            Err(InvalidJob::new(field, message))
        }
    }
}

/// A job cannot be about the meeting that it makes itself.
fn check_target(id: &JobId, request: &Request) -> Result<(), InvalidJob> {
    match request.asked().target() {
        Some((Target::Create(of), _)) if of == id => {
            let message = "`of` is the id of this job itself; it must be that of the job that makes the meeting";
            Err(InvalidJob::new("of", message))
        }
        _ => Ok(()),
    }
}

/// A job that may not start before it must have started would never run.
fn check_order(
    not_before: Option<Timestamp>,
    deadline: Option<Timestamp>,
    start: Option<Timestamp>,
) -> Result<(), InvalidJob> {
    let last = deadline.into_iter().chain(start).min();
    let (Some(first), Some(last)) = (not_before, last) else { return Ok(()) };
    if first <= last {
        return Ok(());
    }
    let what = if deadline == Some(last) { "`deadline`" } else { "the start of the meeting" };
    let message = format!(
        "`not_before` ({}) is after {what} ({}), so the job could never run",
        time::zulu(first),
        time::zulu(last)
    );
    Err(InvalidJob::new("not_before", message))
}
