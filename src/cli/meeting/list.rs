//! `zoomd meeting list A [--user U]`.

use zoom_api::{ListQuery, Listed, Pager};

use super::ListArgs;
use super::look::Look;
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::table::Table;

/// 30,000 meetings of one user.
const MAX_PAGES: u32 = 100;

pub(super) async fn run(ctx: &Ctx, args: ListArgs) -> CliResult {
    let look = Look::new(ctx, &args.account).await?;
    let meetings = all_pages(&look, &args.user).await;
    look.close().await;
    let (meetings, odd) = meetings?;
    if odd > 0 {
        ctx.out.warn(format!("{odd} rows of Zoom's list are invalid and not shown"));
    }
    let now = jiff::Timestamp::now();
    let mut table = Table::new(["MEETING", "TOPIC", "START", "MINUTES", "AGE"]).flexible(["TOPIC"]);
    for meeting in &meetings {
        let moment = |text: &Option<String>| {
            let at = text.as_deref().and_then(|text| text.parse().ok());
            at.map(|at| ctx.out.moment(at, now)).unwrap_or_default()
        };
        table.row([
            meeting.id.to_string(),
            meeting.topic.clone().unwrap_or_default(),
            moment(&meeting.start_time),
            meeting.duration.map(|minutes| minutes.to_string()).unwrap_or_default(),
            moment(&meeting.created_at),
        ]);
    }
    ctx.out.list(&meetings, &table, "no scheduled meetings")?;
    Ok(Exit::Done)
}

/// All meetings, and how many rows name none.
async fn all_pages(look: &Look, user: &str) -> Result<(Vec<Listed>, usize), CliError> {
    let mut pager = Pager::new(ListQuery::default(), MAX_PAGES);
    let (mut all, mut odd) = (Vec::new(), 0);
    loop {
        let query = pager.query().clone();
        let reply = look.list(user, &query).await?;
        let mut page = reply.page().map_err(|e| CliError::failed(e.to_string()))?;
        odd += page.odd.len();
        let step = pager.accept(&mut page);
        all.extend(step.fresh);
        if !step.more.map_err(|e| CliError::failed(e.to_string()))? {
            return Ok((all, odd));
        }
    }
}
