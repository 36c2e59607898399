//! `zoomd meeting start-url A ID`: asks Zoom for a fresh one; nothing is kept.

use secrecy::ExposeSecret as _;

use super::OneArgs;
use super::look::Look;
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;

pub(super) async fn run(ctx: &Ctx, args: OneArgs) -> CliResult {
    let look = Look::new(ctx, &args.account).await?;
    let reply = look.get(&args.id).await;
    let outcome = match &reply {
        Ok(_) => format!("meeting {}", args.id),
        Err(error) => format!("meeting {}: {}", args.id, error.message),
    };
    let hand = ctx.hand_on(look.grants());
    hand.record("meeting.start-url", args.account.as_str(), "", &outcome).await;
    look.close().await;
    let meeting = reply?.meeting().map_err(|e| CliError::failed(e.to_string()))?;
    let url = meeting.start_url.ok_or_else(|| {
        CliError::failed(format!("Zoom returned no start URL for meeting {}", args.id))
    })?;
    let url = url.expose_secret();
    let value = serde_json::json!({"id": meeting.summary.id, "start_url": url});
    ctx.out.show(&value, || format!("{url}\n"))?;
    ctx.out.note("anyone with this link can host the meeting; it is valid for two hours");
    Ok(Exit::Done)
}
