//! `zoomd failure show`.

use std::fmt::Write as _;

use serde_json::{Value, json};
use zoomd_store::inspect::FailureRecord;
use zoomd_wire::FailureCode;

use super::{OneArgs, missing, ops};
use crate::cli::ctx::Ctx;
use crate::cli::job::story;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::text::one_line;
use crate::views::failure::View;
use crate::views::line::{self, Line};
use crate::views::timeline;

/// Shows one failure in full.
pub(super) async fn run(ctx: &Ctx, args: OneArgs) -> CliResult {
    let ops = ops(ctx).await?;
    let failure = ops.failure(&args.id).await?.ok_or_else(|| missing(&args.id))?;
    let outcome: Value = serde_json::from_str(&failure.line.json).unwrap_or_default();
    let code: Option<FailureCode> = failure.line.code.parse().ok();
    let mut shown = serde_json::to_value(View::of(&failure.line)).unwrap_or_default();
    shown["meaning"] = json!(code.map(FailureCode::meaning));
    shown["mend"] = json!(code.map(FailureCode::mend));
    shown["attempts"] = json!(failure.record.attempts);
    shown["unresolved"] = json!(failure.record.unresolved);
    shown["failure"] = outcome.clone();
    let mut view = failure.view();
    ops.add_blocks(&mut view).await?;
    let lines = timeline::of(&view);
    shown["timeline"] = json!(lines);
    ctx.out.show(&shown, || people(&failure, code, &outcome, &lines))?;
    if code.is_some_and(FailureCode::retryable) {
        ctx.out.hint(format!("zoomd failure retry {}", failure.line.id));
    }
    Ok(Exit::Done)
}

fn people(
    failure: &FailureRecord,
    code: Option<FailureCode>,
    outcome: &Value,
    lines: &[Line],
) -> String {
    let mut text = String::new();
    let mut line = |head: &str, value: &str| {
        let _ = writeln!(text, "{head:<10} {value}");
    };
    line("failure", &one_line(&failure.line.id));
    let account = Some(failure.line.account.as_str()).filter(|account| !account.is_empty());
    line("account", &one_line(account.unwrap_or("-")));
    line("meaning", code.map(FailureCode::meaning).unwrap_or_default());
    text.push_str(&story::outcome_lines(outcome));
    text.push_str(&line::people(lines));
    let job = String::from_utf8_lossy(&failure.job);
    let _ = writeln!(text, "{:<10} {}", "sent", one_line(&job));
    text
}
