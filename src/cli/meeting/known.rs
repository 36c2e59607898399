//! `zoomd meeting find JOB|ID` and `zoomd meeting list A --mine`: what the register
//! knows. Zoom is not asked.

use jiff::Timestamp;
use zoomd_store::meetings::{ListQuery, Meetings};
use zoomd_wire::AccountName;

use super::{FindArgs, ListArgs};
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::table::Table;
use crate::views::meeting::{self, View};

pub(super) async fn find(ctx: &Ctx, args: FindArgs) -> CliResult {
    let found = meeting::find(&register(ctx).await?, &args.what).await?;
    if found.is_empty() {
        let text = format!("zoomd knows no meeting of {}", args.what);
        return Err(CliError::not_found(text).hint(format!("zoomd job show {}", args.what)));
    }
    ctx.out.list(&found, &table(ctx, &found), "")?;
    Ok(Exit::Done)
}

pub(super) async fn list(ctx: &Ctx, args: ListArgs) -> CliResult {
    let query = ListQuery { past: args.past, cursor: None, limit: args.limit };
    let account: &AccountName = &args.account;
    let list = meeting::list(&register(ctx).await?, account.as_str(), &query).await?;
    let nothing = "no meeting that zoomd made lies ahead";
    ctx.out.list(&list.meetings, &table(ctx, &list.meetings), nothing)?;
    if list.next.is_some() {
        ctx.out.note(format!("the first {}; --limit shows more", args.limit));
    }
    Ok(Exit::Done)
}

async fn register(ctx: &Ctx) -> Result<Meetings, CliError> {
    Ok(Meetings::new(ctx.store().await?, ctx.config.meetings.keep))
}

fn table(ctx: &Ctx, meetings: &[View]) -> Table {
    let mut table =
        Table::new(["MEETING", "ACCOUNT", "JOB", "USER", "STATE", "START", "MINUTES", "TOPIC"])
            .flexible(["JOB", "USER", "TOPIC"])
            .optional(["TOPIC", "MINUTES"]);
    let now = Timestamp::now();
    for meeting in meetings {
        let start = meeting.start_time.map(|at| ctx.out.moment(at, now));
        let series = if meeting.recurrence.is_some() { " (first)" } else { "" };
        table.row([
            meeting.meeting_id.to_string(),
            meeting.account.clone(),
            meeting.job_id.clone(),
            meeting.user.clone(),
            meeting.state.to_owned(),
            start.map(|start| start + series).unwrap_or_default(),
            meeting.duration.map(|minutes| minutes.to_string()).unwrap_or_default(),
            meeting.topic.clone().unwrap_or_default(),
        ]);
    }
    table
}
