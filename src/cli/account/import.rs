//! `zoomd account import`: many refresh tokens from a file, one JSON object a
//! line. The whole file is read and checked first; a line that is wrong is
//! reported by its number, never by its text, and stops no other.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize};
use zoomd_store::encryption::Fingerprint;
use zoomd_store::grants::{AccountState, Grants, Identity, NewGrant, Plan, Put};
use zoomd_wire::AccountName;
use zoomd_workers::consent::issuer;

use super::{add, open};
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::input;
use crate::text::count;

/// The longest line taken.
const LINE_BYTES: u64 = 64 << 10;
/// Wrong lines that are shown; the others are counted.
const SHOWN: usize = 20;

/// `account import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line of the file is one account:
  {\"account\":\"acme\",\"refresh_token\":\"…\",\"plan\":\"pro\"}
plan, scope, zoom_user, zoom_account and client_id may be left out.
Zoom is not contacted. Accounts that exist already are not changed, so an interrupted
import can be run again.")]
pub struct ImportArgs {
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace existing tokens even if they still work
    #[arg(long)]
    replace: bool,
    /// Check the file and store nothing
    #[arg(long)]
    dry_run: bool,
}

impl ImportArgs {
    /// True if nothing is to be stored.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }
}

/// One line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    account: AccountName,
    #[serde(deserialize_with = "secret")]
    refresh_token: SecretString,
    #[serde(default)]
    plan: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    zoom_user: Option<String>,
    #[serde(default)]
    zoom_account: Option<String>,
    #[serde(default)]
    client_id: Option<String>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// Result of the import, as JSON.
#[derive(Debug, Default, Serialize)]
struct Report {
    lines: u64,
    imported: u64,
    unchanged: u64,
    kept: u64,
    /// Of the unchanged ones those whose grant Zoom refused.
    unusable: u64,
    failed: u64,
    dry_run: bool,
    errors: Vec<Wrong>,
}

/// A line that was not imported.
#[derive(Debug, Serialize)]
struct Wrong {
    line: u64,
    account: Option<String>,
    message: String,
}

impl Report {
    fn wrong(&mut self, line: u64, account: Option<&AccountName>, message: impl Into<String>) {
        self.failed += 1;
        let account = account.map(ToString::to_string);
        self.errors.push(Wrong { line, account, message: message.into() });
    }
}

/// Imports the file.
pub(super) async fn run(ctx: &Ctx, args: ImportArgs) -> CliResult {
    let grants = match args.dry_run {
        true => open::peek(ctx).await?,
        false => open::grants(ctx).await?,
    };
    let mut report = Report { dry_run: args.dry_run, ..Report::default() };
    let (lines, all) = read(ctx, &grants, &args.file, &mut report)?;
    if !args.dry_run {
        store(ctx, &grants, &lines, &all, args.replace, &mut report).await?;
    }
    report.errors.sort_by_key(|wrong| wrong.line);
    ctx.out.show(&report, || people(&report))?;
    if report.kept > 0 {
        ctx.out.hint("accounts with another token were left unchanged; --replace replaces it");
    }
    if report.unusable > 0 {
        let accounts = count(report.unusable, "unchanged account");
        ctx.out.hint(format!("{accounts} cannot be used: zoomd account list, zoomd account login"));
    }
    Ok(if report.failed > 0 { Exit::Failed } else { Exit::Done })
}

/// Reads every line; those that are valid come back with their numbers.
fn read(
    ctx: &Ctx,
    grants: &Grants,
    file: &Path,
    report: &mut Report,
) -> Result<(Vec<u64>, Vec<NewGrant>), CliError> {
    let default_id = open::client_id(ctx)?;
    let issuer = issuer(&ctx.zoom()?);
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        let opened = std::fs::File::open(file);
        Box::new(
            opened.map_err(|e| CliError::usage(format!("cannot read {}: {e}", file.display())))?,
        )
    };
    let mut source = BufReader::new(input::lines(source));
    let mut seen = Seen::default();
    let (mut lines, mut all) = (Vec::new(), Vec::new());
    for number in 1.. {
        let mut text = zeroize::Zeroizing::new(Vec::new());
        let read = source.by_ref().take(LINE_BYTES).read_until(b'\n', &mut text);
        if read.map_err(|e| CliError::usage(format!("cannot read the file: {e}")))? == 0 {
            break;
        }
        let written = trim(&text);
        if written.is_empty() {
            continue;
        }
        report.lines += 1;
        if text.len() as u64 == LINE_BYTES && text.last() != Some(&b'\n') {
            report.wrong(number, None, "the line is longer than 64 KiB");
            source.skip_until(b'\n')?;
            continue;
        }
        match line(written, &issuer, &default_id) {
            Err(message) => report.wrong(number, None, message),
            Ok(new) => {
                let fp = new.fingerprint(grants.vault())?;
                match seen.before(number, &new, fp) {
                    Some(message) => report.wrong(number, Some(&new.account), message),
                    None => {
                        lines.push(number);
                        all.push(new);
                    }
                }
            }
        }
    }
    Ok((lines, all))
}

fn line(text: &[u8], issuer: &str, default_id: &str) -> Result<NewGrant, String> {
    // serde's messages repeat the wrong value, so only the position is passed on.
    let line: Line = serde_json::from_slice(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => describe(text),
        _ => format!("not JSON (column {})", error.column()),
    })?;
    let plan = line.plan.as_deref().map(str::parse::<Plan>).transpose();
    let plan = plan.map_err(|error| format!("plan: {error}"))?;
    let token = word(line.refresh_token.expose_secret(), "refresh_token")?.into();
    let client_id = line.client_id.as_deref().map(|id| word(id, "client_id")).transpose()?;
    let client_id = client_id.unwrap_or(default_id);
    let mut new = NewGrant::imported(line.account, token, issuer, client_id);
    new.plan = plan;
    new.scope = line.scope;
    new.identity = Identity {
        zoom_user: id(line.zoom_user.as_deref(), "zoom_user")?,
        zoom_account: id(line.zoom_account.as_deref(), "zoom_account")?,
        aliases: Vec::new(),
    };
    Ok(new)
}

/// One word; what is wrong with it does not repeat it.
fn word<'a>(text: &'a str, field: &str) -> Result<&'a str, String> {
    input::word(text, field).map_err(|error| error.message)
}

/// An id of Zoom's; an empty one is none.
fn id(text: Option<&str>, field: &str) -> Result<Option<String>, String> {
    let text = text.filter(|text| !input::trim(text).is_empty());
    Ok(text.map(|text| word(text, field)).transpose()?.map(str::to_owned))
}

/// A line without what nobody sees at its ends.
fn trim(line: &[u8]) -> &[u8] {
    std::str::from_utf8(line).map_or(line, |text| input::trim(text).as_bytes())
}

/// Problem with a line that is JSON, without repeating a value of it.
fn describe(text: &[u8]) -> String {
    const KNOWN: [&str; 7] =
        ["account", "refresh_token", "plan", "scope", "zoom_user", "zoom_account", "client_id"];
    let Ok(fields) = serde_json::from_slice::<BTreeMap<String, serde_json::Value>>(text) else {
        return "not a JSON object, or a field appears twice".into();
    };
    for required in &KNOWN[..2] {
        match fields.get(*required) {
            None => return format!("{required} is missing"),
            Some(value) if !value.is_string() => return format!("{required} is not a text"),
            Some(_) => {}
        }
    }
    let account = fields["account"].as_str().unwrap_or_default();
    if let Err(error) = AccountName::new(account) {
        return error.to_string();
    }
    match fields.iter().find(|(name, _)| !KNOWN.contains(&name.as_str())) {
        Some(_) => format!("a field is not one of {}", KNOWN.join(", ")),
        None => "a field is not a text".into(),
    }
}

/// Accounts and tokens of earlier lines.
#[derive(Default)]
struct Seen {
    accounts: HashMap<AccountName, u64>,
    tokens: HashMap<Fingerprint, u64>,
}

impl Seen {
    fn before(&mut self, number: u64, new: &NewGrant, fp: Fingerprint) -> Option<String> {
        if let Some(line) = self.accounts.insert(new.account.clone(), number) {
            return Some(format!("the account is in line {line} already"));
        }
        let line = self.tokens.insert(fp, number)?;
        Some(format!("this refresh token is in line {line} already: it can be used once"))
    }
}

async fn store(
    ctx: &Ctx,
    grants: &Grants,
    lines: &[u64],
    all: &[NewGrant],
    replace: bool,
    report: &mut Report,
) -> Result<(), CliError> {
    let bar = ctx.out.progress(all.len() as u64, "importing");
    let (mut done, mut first) = (0, None);
    let each = |new: &NewGrant, put: &Put| {
        match put {
            Put::Stored { .. } => {
                report.imported += 1;
                first.get_or_insert_with(|| new.account.to_string());
            }
            Put::There { state } => {
                report.unchanged += 1;
                report.unusable += u64::from(*state != AccountState::Active);
            }
            Put::Kept { .. } => report.kept += 1,
            other => {
                let why = add::refused(&new.account, other.clone()).message;
                report.wrong(lines[done], Some(&new.account), why);
            }
        }
        done += 1;
        bar.inc(1);
    };
    let stored = grants.import(all, replace, each).await;
    bar.finish_and_clear();
    if let Some(first) = first {
        let others = report.imported - 1;
        let of = if others > 0 { format!("{first} and {others} more") } else { first };
        let outcome = format!("{} imported, {} failed", report.imported, report.failed);
        ctx.hand_on(grants).record("account.import", &of, "", &outcome).await;
    }
    stored.map_err(|error| {
        let error = CliError::from(error);
        let text = format!("stopped after {done} of {} accounts: {}", all.len(), error.message);
        CliError { message: text, ..error }
            .hint("run the same import again; it continues where it stopped")
    })
}

fn people(report: &Report) -> String {
    let mut text = String::new();
    for wrong in report.errors.iter().take(SHOWN) {
        let account = wrong.account.as_deref().map(|a| format!(" ({a})")).unwrap_or_default();
        text.push_str(&format!("line {}{account}: {}\n", wrong.line, wrong.message));
    }
    if report.errors.len() > SHOWN {
        text.push_str(&format!("… and {} more\n", report.errors.len() - SHOWN));
    }
    let valid = report.lines - report.failed;
    text + &match report.dry_run {
        true => {
            format!("{valid} of {} lines are valid; nothing was stored (dry run)\n", report.lines)
        }
        false => format!(
            "{} imported, {} unchanged, {} kept, {} failed\n",
            report.imported, report.unchanged, report.kept, report.failed
        ),
    }
}
