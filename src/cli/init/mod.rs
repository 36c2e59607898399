//! `zoomd init`: from nothing to a configuration. Asks on a terminal, takes
//! flags anywhere; writes `zoomd.toml`, and each secret into a file of its own
//! that only its owner reads; ends with what doctor finds.
//!
//! Never overwrites a key: what was sealed under it could not be opened again.

mod ask;
mod write;

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;
use serde::Serialize;

use super::Global;
use super::doctor;
use crate::config::Config;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::Output;

/// `zoomd init`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd init                                        asks
  zoomd init --yes                                  takes every default
  zoomd init --yes --client-id abc --client-secret-file - < secret")]
pub struct InitArgs {
    /// Directory to write to
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Accept all defaults without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Replace an existing zoomd.toml (an existing key is always kept)
    #[arg(long)]
    pub force: bool,
    /// The client id of the Zoom app
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// A file with the app's secret, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub client_secret_file: Option<PathBuf>,
    /// A file with the URL of Redis, or - for standard input (it may hold a password)
    #[arg(long, value_name = "FILE")]
    pub redis_url_file: Option<PathBuf>,
    /// The redirect URL as registered with the app
    #[arg(long, value_name = "URL")]
    pub redirect_url: Option<String>,
    /// Do not check the connection to Zoom at the end
    #[arg(long)]
    pub offline: bool,
}

/// Answers to the questions of `zoomd init`.
#[derive(Debug, Default)]
struct Answers {
    namespace: Option<String>,
    redis_url: Option<SecretString>,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    redirect_url: Option<String>,
}

#[derive(Serialize)]
struct Done {
    files: Vec<String>,
    doctor: doctor::report::Report,
}

/// Runs it.
pub async fn run(out: &Output, global: &Global, args: InitArgs) -> CliResult {
    let file = args.folder.join("zoomd.toml");
    if file.exists() && !args.force {
        return Err(CliError::failed(format!("{} already exists", file.display()))
            .code("exists")
            .hint("check it with `zoomd doctor`, or overwrite it with --force"));
    }
    let mut answers = ask::from_flags(global, &args)?;
    if !args.yes && out.is_interactive() {
        ask::on_terminal(out, &mut answers)?;
    }
    let files = write::all(&args.folder, &answers)?;
    for written in &files {
        out.note(format!("wrote {written}"));
    }
    let elsewhere = args.folder != std::path::Path::new(".");
    if elsewhere {
        out.hint(format!("export ZOOMD_CONFIG={}", file.display()));
    }
    out.note("");
    let flags = Vec::new();
    let doctor = doctor::examine(Config::load(Some(&file), flags), args.offline).await;
    let done = Done { files, doctor };
    out.show(&done, || done.doctor.text())?;
    Ok(Exit::Done)
}
