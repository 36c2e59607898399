//! `zoomd meeting show A ID`: what Zoom says of a meeting, without what would
//! let a reader host it.

use std::fmt::Write as _;

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};

use super::OneArgs;
use super::look::Look;
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::text::one_line;

const SECRETS: [&str; 2] = ["start_url", "dynamic_host_key"];
/// Fields shown to people, in this order, where Zoom returned them.
const SHOWN: [&str; 14] = [
    "id",
    "uuid",
    "topic",
    "type",
    "status",
    "start_time",
    "duration",
    "timezone",
    "host_email",
    "host_id",
    "join_url",
    "password",
    "created_at",
    "agenda",
];

pub(super) async fn run(ctx: &Ctx, args: OneArgs) -> CliResult {
    let look = Look::new(ctx, &args.account).await?;
    let reply = look.get(&args.id).await;
    look.close().await;
    let meeting = reply?.meeting().map_err(|e| CliError::failed(e.to_string()))?;
    let mut fields: Map<String, Value> = serde_json::from_str(meeting.raw.expose_secret())
        .map_err(|_| CliError::failed("Zoom's reply is not an object"))?;
    fields.retain(|name, _| !SECRETS.contains(&name.as_str()));
    ctx.out.show(&fields, || text(&fields))?;
    ctx.out.hint(format!("zoomd meeting start-url {} {}", args.account, args.id));
    Ok(Exit::Done)
}

fn text(fields: &Map<String, Value>) -> String {
    let mut out = String::new();
    for name in SHOWN {
        let value = match fields.get(name) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) if text.is_empty() => continue,
            Some(Value::String(text)) => one_line(text),
            Some(other) => other.to_string(),
        };
        let _ = writeln!(out, "{name:<12}{value}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_zoom_said_is_shown_a_line_each() {
        let fields = serde_json::json!({
            "agenda": "a\nb", "id": 7, "topic": "t", "uuid": "", "settings": {}, "host_id": null,
        });
        let Value::Object(fields) = fields else { unreachable!("an object") };
        assert_eq!(text(&fields), "id          7\ntopic       t\nagenda      a b\n");
    }
}
