//! `zoomd config token`: a token for the API and the console.
//!
//! Invariant: the token is printed once, on standard output; what is written to the file
//! is its line, which holds no secret.

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use clap::Args;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::actor::{Role, is_name};
use crate::cli::ctx::Ctx;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::http::auth;

/// `config token`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd config token grafana --role read
  zoomd config token ada --role operate --json

Prints the token, once. Its line, which holds no secret, goes to the file of
ZOOMD_API_TOKENS_FILE; running daemons read the file again. To take a token back,
remove its line.")]
pub struct TokenArgs {
    /// Name of the token's owner, shown in the audit log
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// Role: read, enqueue (read and send jobs) or operate (everything)
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Role,
}

fn name(text: &str) -> Result<String, String> {
    let wanted = || "expected 1 to 64 of A-Za-z0-9._@-".to_owned();
    is_name(text).then(|| text.to_owned()).ok_or_else(wanted)
}

fn role(text: &str) -> Result<Role, String> {
    text.parse()
}

#[derive(Serialize)]
struct Made<'a> {
    name: &'a str,
    role: Role,
    token: &'a str,
    line: &'a str,
    file: Option<&'a Path>,
}

/// Makes a token.
pub(super) fn run(ctx: &Ctx, args: &TokenArgs) -> CliResult {
    let token = auth::generate();
    let line = auth::line(&args.name, args.role, &token);
    let file = ctx.config.api.tokens_file.as_deref();
    if let Some(path) = file {
        append(path, &line).map_err(|error| {
            CliError::failed(format!("cannot write to {}: {error}", path.display()))
        })?;
    }
    let token = token.expose_secret();
    let made = Made { name: &args.name, role: args.role, token, line: &line, file };
    ctx.out.show(&made, || format!("{token}\n"))?;
    match file {
        Some(path) => ctx.out.note(format!("its line is in {}", path.display())),
        None => {
            ctx.out.note(format!("its line: {line}"));
            ctx.out.hint("put the line into a file and set ZOOMD_API_TOKENS_FILE to it");
        }
    }
    Ok(Exit::Done)
}

/// Adds a line to the file, which is made if it is not there.
fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let before = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(format!("{before}{line}\n").as_bytes())
}
