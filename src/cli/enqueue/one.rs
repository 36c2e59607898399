//! One job from flags.

use serde_json::{Map, Value, json};
use zoomd_store::{ErrorKind, StoreError, streams};
use zoomd_wire::Job;

use super::expected::{Expectation, hosts};
use super::wait::{self, Pending};
use super::{EnqueueArgs, rules};
use crate::cli::ctx::Ctx;
use crate::cli::job::story;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;

pub(super) async fn run(ctx: &Ctx, args: &EnqueueArgs) -> CliResult {
    let text = compose(args)?;
    let job = zoomd_wire::parse(text.as_bytes(), &rules(ctx)).map_err(|invalid| {
        CliError::usage(invalid.message).code("invalid_job").hint("zoomd enqueue --help")
    })?;
    for warning in &job.warnings {
        ctx.out.warn(&warning.message);
    }
    if args.dry_run {
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        ctx.out.show(&value, || format!("{text}\n"))?;
        ctx.out.note("the job is valid; nothing was sent (dry run)");
        return Ok(Exit::Done);
    }
    let store = ctx.store().await?;
    let expected = expect(ctx, &store, &job).await?;
    let mut pending = if args.wait { Some(Pending::start(&store).await?) } else { None };
    let entries = streams::enqueue(&store, &[&text]).await.map_err(unsent)?;
    let entry = entries.first().cloned().unwrap_or_default();
    let id = job.id.as_ref().map_or_else(|| entry.clone(), ToString::to_string);
    let Some(pending) = &mut pending else {
        let mut shown = json!({"job_id": id, "entry_id": entry, "account": job.account});
        if !job.warnings.is_empty() {
            shown["warnings"] = json!(job.warnings);
        }
        expected.add_to(&mut shown);
        ctx.out.show(&shown, || format!("{id}\n"))?;
        expected.tell(ctx);
        ctx.out.hint(format!("zoomd job watch {id}"));
        return Ok(Exit::Done);
    };
    pending.add(id.clone(), entry);
    let outcome = wait::one(ctx, &store, pending, &id, args.timeout).await?;
    let value: Value = serde_json::from_str(&outcome).unwrap_or_default();
    ctx.out.show(&value, || story::outcome_lines(&value))?;
    Ok(story::exit_of(&value))
}

/// The error, and what it means for the job.
fn unsent(error: StoreError) -> CliError {
    let job = match error.kind() {
        // The answer may be what got lost.
        ErrorKind::Unreachable => "the job may not have been sent",
        _ => "the job was not sent",
    };
    let error = CliError::from(error);
    CliError { message: format!("{job}: {}", error.message), ..error }
}

/// Expected run time of the job. Without this check a missing account would only be found by
/// the daemon, as a failure.
async fn expect(ctx: &Ctx, store: &zoomd_store::Store, job: &Job) -> Result<Expectation, CliError> {
    let (ops, account) = (ctx.ops(store.clone()), &job.account);
    let hosts = hosts(job);
    let hosts: Vec<&str> = hosts.iter().map(|host| &**host).collect();
    let not_before = job.not_before.map(jiff::Timestamp::as_millisecond);
    let (facts, view) =
        ops.newcomer(account.as_str(), &hosts, job.priority.rank(), not_before).await?;
    match facts.state.as_deref() {
        None | Some("removed") => {
            return Err(CliError::not_found(format!("no account named {account} is connected"))
                .code("unknown_account")
                .hint(format!("zoomd account login {account}, or zoomd account list")));
        }
        Some("active") => {}
        Some(state) => {
            let state = if state == "needs_reauth" { "without authorization" } else { state };
            let what =
                format!("account {account} needs to be authorized ({state}); the job will wait");
            ctx.out.warn(what);
            ctx.out.hint(format!("zoomd account login {account}"));
        }
    }
    Ok(Expectation::of(&view, facts.line.now_ms))
}

/// The JSON of the job that the flags describe.
fn compose(args: &EnqueueArgs) -> Result<String, CliError> {
    let mut meeting = match &args.meeting {
        Some(text) => object("--meeting", text)?,
        None => Map::new(),
    };
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            meeting.insert(name.to_owned(), value);
        }
    };
    set("topic", args.topic.clone().map(Value::from));
    set("type", args.meeting_type.map(Value::from));
    set("start_time", args.start_time.clone().map(Value::from));
    set("duration", args.duration.map(Value::from));
    set("timezone", args.timezone.clone().map(Value::from));
    set("agenda", args.agenda.clone().map(Value::from));
    let mut job = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            job.insert(name.to_owned(), value);
        }
    };
    set("id", args.id.clone().map(Value::from));
    set("account", args.account.clone().map(Value::from));
    set("kind", args.kind.clone().map(Value::from));
    set("user", args.user.clone().map(Value::from));
    set("of", args.of.clone().map(Value::from));
    set("meeting_id", args.meeting_id.map(Value::from));
    set("occurrence", args.occurrence.clone().map(Value::from));
    set("scope", args.scope.clone().map(Value::from));
    set("notify", args.notify.then_some(Value::Bool(true)));
    // Without a kind it is a meeting to be made, and the parser says what it lacks.
    let has_meeting = args.kind.is_none() || !meeting.is_empty();
    set("meeting", has_meeting.then(|| meeting.into()));
    set("not_before", args.not_before.clone().map(Value::from));
    set("deadline", args.deadline.clone().map(Value::from));
    set("max_attempts", args.max_attempts.map(Value::from));
    set("priority", args.priority.clone().map(Value::from));
    if let Some(text) = &args.metadata {
        let value = serde_json::from_str(text)
            .map_err(|error| CliError::usage(format!("--metadata is not JSON: {error}")))?;
        set("metadata", Some(value));
    }
    Ok(Value::from(job).to_string())
}

fn object(flag: &str, text: &str) -> Result<Map<String, Value>, CliError> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(CliError::usage(format!("{flag} must be a JSON object"))),
        Err(error) => Err(CliError::usage(format!("{flag} is not JSON: {error}"))),
    }
}
