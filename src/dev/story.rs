//! Events, one line each, as they happen: the time, the account, the event, and one useful detail.

use std::collections::HashMap;
use std::time::Instant;

use anstyle::Style;
use serde_json::{Value, json};
use zoom_sim::{Endpoint, Sim};
use zoomd_store::grants::Grants;
use zoomd_store::streams::{Item, Stream};
use zoomd_wire::AccountName;

use super::cast::{ACCOUNTS, Sample, id, meant_to_fail};
use crate::error::CliError;
use crate::output::{FAIL, FAINT, Format, GOOD, HINT, Output, WARN, paint};

/// Tells the story.
pub(super) struct Story<'a> {
    out: &'a Output,
    begun: Instant,
    requests: u64,
    /// The moment of the last line told of each account.
    told: HashMap<&'static str, u64>,
    rotated: u64,
    limited: u64,
}

impl<'a> Story<'a> {
    /// From `begun` on.
    pub(super) fn new(out: &'a Output, begun: Instant) -> Self {
        Self { out, begun, requests: 0, told: HashMap::new(), rotated: 0, limited: 0 }
    }

    /// Rotations told of so far.
    pub(super) fn rotated(&self) -> u64 {
        self.rotated
    }

    /// Times Zoom answered 429 so far.
    pub(super) fn limited(&self) -> u64 {
        self.limited
    }

    /// Jobs were put into the queue.
    pub(super) fn accepted(&self, jobs: &[Sample]) -> Result<(), CliError> {
        let (Some(first), Some(last)) = (jobs.first(), jobs.last()) else {
            return Ok(());
        };
        let text = match jobs {
            [one] => id(one.number),
            many => format!("{} to {}  ({} jobs)", id(first.number), id(last.number), many.len()),
        };
        let account = if jobs.len() == 1 { first.account } else { "" };
        self.line(account, "accepted", FAINT, &text)
    }

    /// Shows the errors that Zoom returned since the last call.
    pub(super) fn requests(&mut self, sim: &Sim) -> Result<(), CliError> {
        let (seen, new) = sim.requests_after(self.requests);
        self.requests = seen;
        for request in new.iter().filter(|r| r.endpoint == Endpoint::Create) {
            let account = request.user.as_deref().unwrap_or_default();
            let account = account.split('@').next().unwrap_or_default();
            self.limited += u64::from(request.status == 429);
            let text = match request.status {
                200..300 => continue,
                429 => "rate limited (429); the account waits, no attempt is used",
                401 => "Zoom rejected the access token",
                0 => "reply lost; checking whether the meeting exists before retrying",
                500.. => "server error; checking whether the meeting exists before retrying",
                _ => "refused",
            };
            let what = match request.status {
                0 => "lost".to_owned(),
                status => status.to_string(),
            };
            self.line(account, &what, WARN, text)?;
        }
        Ok(())
    }

    /// Shows changes of the grants since the last call.
    pub(super) async fn grants(&mut self, grants: &Grants) -> Result<(), CliError> {
        for (name, _) in ACCOUNTS {
            self.timeline(grants, name).await?;
        }
        Ok(())
    }

    async fn timeline(&mut self, grants: &Grants, name: &'static str) -> Result<(), CliError> {
        let Ok(account) = AccountName::new(name) else {
            return Ok(());
        };
        let lines = grants.timeline(&account, 10).await?;
        let told = self.told.get(name).copied().unwrap_or(0);
        for line in lines.iter().rev().filter(|line| line.at > told) {
            self.told.insert(name, line.at);
            let generation = line.version.as_deref().and_then(|v| v.rsplit('.').next());
            let generation = format!("generation {}", generation.unwrap_or("?"));
            let (what, text) = match line.what.as_str() {
                "rotating" => continue,
                "imported" => ("account", "connected (imported refresh token)".to_owned()),
                "rotated" => {
                    self.rotated += 1;
                    (
                        "token",
                        format!("token refreshed; the new refresh token is stored ({generation})"),
                    )
                }
                other => (other, line.detail.clone().unwrap_or_default()),
            };
            self.line(name, what, HINT, &text)?;
        }
        Ok(())
    }

    /// An outcome or an event came.
    pub(super) fn item(&self, item: &Item) -> Result<(), CliError> {
        let account = item.field("account");
        match item.stream {
            Stream::Results => {
                let result = json_of(item.field("result"));
                let url = result["meeting"]["join_url"].as_str().unwrap_or("?");
                let how = how(&result);
                self.line(account, "meeting", GOOD, &format!("{}  {url}{how}", job(&result)))
            }
            Stream::Failures => {
                let failure = json_of(item.field("failure"));
                let meant = meant_to_fail(item.field("job_id")) == Some(item.field("code"));
                let also = if meant { "  (expected)" } else { "" };
                let why = failure["message"].as_str().unwrap_or_default();
                let text = format!("{}  {}: {why}{also}", job(&failure), item.field("code"));
                self.line(account, "failed", FAIL, &text)
            }
            Stream::Events if item.field("event") == "job.waiting" => {
                let event = json_of(item.field("data"));
                let (why, until) = (&event["why"], &event["until"]);
                let text = format!("{}  {} until {}", job(&event), plain(why), plain(until));
                self.line(account, "waits", WARN, &text)
            }
            Stream::Events | Stream::Jobs => Ok(()),
        }
    }

    fn line(&self, account: &str, what: &str, style: Style, text: &str) -> Result<(), CliError> {
        let seconds = self.begun.elapsed().as_secs_f64();
        match self.out.format() {
            Format::Table => {
                let text = crate::text::one_line(text);
                let moment = paint(&format!("{seconds:7.1}s"), FAINT);
                let what = paint(&format!("{what:<9}"), style);
                self.out.data(&format!("{moment}  {account:<8} {what} {text}\n"))
            }
            Format::Jsonl => self.out.json(&json!({
                "seconds": seconds, "account": account, "what": what, "text": text,
            })),
            Format::Json | Format::Quiet => Ok(()),
        }
    }
}

/// Describes how the meeting was created, if not by the first attempt.
fn how(result: &Value) -> String {
    let attempts = result["attempts"].as_u64().unwrap_or(1);
    match (result["reconciled"].as_bool(), attempts) {
        (Some(true), _) => "  found at Zoom, no duplicate".to_owned(),
        (_, 0 | 1) => String::new(),
        (_, n) => format!("  at attempt {n}"),
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn job(value: &Value) -> &str {
    value["job_id"].as_str().unwrap_or("?")
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}
