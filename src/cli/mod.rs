//! The command line: parsed here, resolved here, carried out by one module per
//! noun. Every verb is an `async fn` of a [`Ctx`] and its arguments; it prints
//! through [`Output`] alone and ends in an [`Exit`] or a [`CliError`].
//!
//! File path is command path: `zoomd job show` lives in `job/`.

pub mod access;
pub mod account;
pub mod budget;
pub mod completions;
pub mod config;
pub mod ctx;
pub mod dev;
pub mod doctor;
pub mod effect;
pub mod enqueue;
pub mod failure;
pub mod healthcheck;
pub mod init;
pub mod job;
pub mod keys;
pub mod man;
pub mod meeting;
pub mod pause;
pub mod result;
mod root;
pub mod run;
pub mod schema;
pub mod status;
pub mod topic;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::{Config, Origin};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::{Color, Format, Output, TimeFormat};
use crate::telemetry;
use ctx::Ctx;

/// Schedules Zoom meetings for other services.
#[derive(Debug, Parser)]
#[command(name = "zoomd", version, disable_help_subcommand = true, max_term_width = 100)]
#[command(override_help = root::HELP, arg_required_else_help = true)]
#[command(propagate_version = false, infer_long_args = false)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Read this file instead of ./zoomd.toml or /etc/zoomd/zoomd.toml
    #[arg(long, global = true, value_name = "FILE", env = "ZOOMD_CONFIG", hide_env = true)]
    #[arg(help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// Prefix of the keys in Redis
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub namespace: Option<String>,
    /// Print JSON, errors too (short for --output json)
    #[arg(long, global = true, conflicts_with = "output", help_heading = "Global options")]
    pub json: bool,
    /// Output format: table, json, jsonl or quiet (ids only)
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Global options")]
    #[arg(hide_default_value = true, hide_possible_values = true, value_name = "FORM")]
    pub output: Format,
    /// Use of colour: auto, always or never
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Global options")]
    #[arg(hide_default_value = true, hide_possible_values = true, value_name = "WHEN")]
    pub color: Color,
    /// Time format: relative or iso
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Global options")]
    #[arg(hide_default_value = true, hide_possible_values = true, value_name = "FORM")]
    pub time_format: TimeFormat,
}

/// All commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set zoomd up: asks for settings, writes zoomd.toml and a key file, runs doctor
    Init(init::InitArgs),
    /// Run the daemon
    Run(run::RunArgs),
    /// Try everything on this machine: private Redis, simulated Zoom, daemon, sample jobs
    Dev(dev::DevArgs),
    /// Put jobs into the queue
    Enqueue(Box<enqueue::EnqueueArgs>),
    /// The Zoom accounts zoomd acts for
    #[command(subcommand)]
    Account(account::Command),
    /// Meetings at Zoom
    #[command(subcommand)]
    Meeting(meeting::Command),
    /// Jobs and their history
    #[command(subcommand)]
    Job(job::Command),
    /// Show the results of successful jobs
    #[command(subcommand)]
    Result(result::Command),
    /// Inspect, retry and discard failed jobs
    #[command(subcommand)]
    Failure(failure::Command),
    /// Pause all jobs
    Pause(pause::PauseArgs),
    /// Resume all jobs
    Resume,
    /// Show used and remaining parts of Zoom's limits
    Budget(budget::BudgetArgs),
    /// Show an overview of daemons, jobs, accounts and Redis
    Status(status::StatusArgs),
    /// Find problems and the next command to type
    Doctor(doctor::DoctorArgs),
    /// The configuration and the encryption key
    #[command(subcommand)]
    Config(config::Command),
    /// Exit 0 if the daemon on this machine is ready
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Print a schema: of jobs, outcomes, events, the streams, the HTTP API
    Schema(schema::SchemaArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual
    Man(man::ManArgs),
    /// Help for a command, or on: environment, exit-codes, config
    Help(topic::HelpArgs),
}

/// Parses the process's arguments, does what they say, and reports.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if completions::answer(&args) {
        return ExitCode::SUCCESS;
    }
    let cli = match parse(&args) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let global = &cli.global;
    let format = if global.json { Format::Json } else { global.output };
    let out = Output::new(format, global.color, global.time_format);
    let daemon = matches!(cli.command, Command::Run(_));
    let done = dispatch(cli, out.clone());
    telemetry::flush();
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = error.exit;
            if daemon {
                telemetry::last_words(move || out.error(&error));
            } else {
                out.error(&error);
            }
            exit.into()
        }
    }
}

/// The whole command tree, for help, completions and the manual.
pub fn tree() -> clap::Command {
    Cli::command()
}

fn parse(args: &[OsString]) -> Result<Cli, Exit> {
    let parsed = tree().try_get_matches_from(args).and_then(|m| Cli::from_arg_matches(&m));
    parsed.map_err(|error| {
        if !error.use_stderr() {
            // --help and --version; a closed pipe is an ordinary end.
            let _ = error.print();
            return Exit::Done;
        }
        let wants_json = args.iter().any(|a| a == "--json" || a == "--output=json");
        if wants_json {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            let message = first.strip_prefix("error: ").unwrap_or(first);
            let out = Output::new(Format::Json, Color::Never, TimeFormat::Iso);
            out.error(&CliError::usage(message).hint("zoomd --help"));
        } else {
            let _ = error.print();
        }
        Exit::Usage
    })
}

fn dispatch(cli: Cli, out: Output) -> CliResult {
    // Commands without a need for configuration must work with a broken one.
    match cli.command {
        Command::Completions(args) => completions::run(&out, &args),
        Command::Schema(args) => schema::run(&out, &args),
        Command::Man(args) => man::run(&out, &args),
        Command::Help(args) => topic::run(&out, &args),
        Command::Config(config::Command::Default) => config::default(&out),
        Command::Config(config::Command::Key) => config::key(&out),
        Command::Init(args) => block_on(init::run(&out, &cli.global, args))?,
        Command::Doctor(args) => block_on(doctor::run(&out, &cli.global, args))?,
        Command::Dev(args) => block_on(dev::run(&out, args))?,
        command => {
            let config = load(&cli.global, run::flags(&command))?;
            // The daemon logs in any case; other verbs say what they say, and log
            // only for the one who asked.
            if !matches!(config.resolved.get("log"), None | Some((_, Origin::Default))) {
                telemetry::log(&config.log)?;
            }
            let ctx = Ctx::new(config, out, effect::of(&command));
            block_on(verb(&ctx, command))?
        }
    }
}

/// The configuration under the global flags and those of the command.
pub fn load(
    global: &Global,
    mut flags: Vec<(&'static str, String, &'static str)>,
) -> Result<Config, CliError> {
    if let Some(name) = &global.namespace {
        flags.push(("namespace", name.clone(), "--namespace"));
    }
    Ok(Config::load(global.config.as_deref(), flags)?)
}

async fn verb(ctx: &Ctx, command: Command) -> CliResult {
    match command {
        Command::Run(_) => run::run(ctx).await,
        Command::Enqueue(args) => enqueue::run(ctx, *args).await,
        Command::Account(command) => account::run(ctx, command).await,
        Command::Meeting(command) => meeting::run(ctx, command).await,
        Command::Job(command) => job::run(ctx, command).await,
        Command::Result(command) => result::run(ctx, command).await,
        Command::Failure(command) => failure::run(ctx, command).await,
        Command::Pause(args) => pause::pause(ctx, args).await,
        Command::Resume => pause::resume(ctx).await,
        Command::Budget(args) => budget::run(ctx, args).await,
        Command::Status(args) => status::run(ctx, args).await,
        Command::Config(command) => config::run(ctx, command).await,
        Command::Healthcheck(args) => healthcheck::run(ctx, args).await,
        Command::Init(_)
        | Command::Dev(_)
        | Command::Doctor(_)
        | Command::Schema(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Help(_) => Err(CliError::failed("this command has its own way to start")),
    }
}

/// One thread carries everything; Ctrl-C ends a verb that does not listen for
/// it itself (the daemon and `dev` do).
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::failed(format!("cannot start: {e}")))?;
    Ok(runtime.block_on(work))
}
