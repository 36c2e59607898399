//! `zoomd completions`: a script for a shell. The script asks zoomd itself what
//! fits at the cursor, so that accounts and jobs of now are offered.

mod candidates;

use std::ffi::OsString;

use clap::{Args, Command};
use clap_complete::engine::ArgValueCompleter;
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};

use crate::config::COMPLETIONS;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::Output;

/// `zoomd completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd completions bash > /etc/bash_completion.d/zoomd
  echo 'source <(zoomd completions zsh)' >> ~/.zshrc
  zoomd completions fish > ~/.config/fish/completions/zoomd.fish

The script runs zoomd for each completion. Accounts, job ids and failures come from the Redis that
is configured; nothing is offered when it does not answer within a second.")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// Prints the script.
pub fn run(out: &Output, args: &CompletionsArgs) -> CliResult {
    let shells = Shells::builtins();
    let shell = args.shell.to_string();
    let shell = shells
        .completer(&shell)
        .ok_or_else(|| CliError::usage(format!("there is no script for {shell}")))?;
    let mut script = Vec::new();
    shell.write_registration(COMPLETIONS, "zoomd", "zoomd", "zoomd", &mut script)?;
    let script = String::from_utf8(script).map_err(|e| CliError::failed(e.to_string()))?;
    out.data(&script)?;
    Ok(Exit::Done)
}

/// Answers a shell that asks what fits at the cursor; `false` where none asks. An
/// error would be shown in the middle of the line that is being typed, so there is
/// none.
pub fn answer(args: &[OsString]) -> bool {
    if std::env::var_os(COMPLETIONS).is_none_or(|shell| shell.is_empty()) {
        return false;
    }
    let folder = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(tree).var(COMPLETIONS);
    let _ = asked.try_complete(args.to_vec(), folder.as_deref());
    true
}

/// The command tree with what is offered for each value.
pub fn tree() -> Command {
    offering(super::tree(), "")
}

/// Adds the candidates of each argument, by the name of its value.
fn offering(command: Command, above: &str) -> Command {
    let path = format!("{above} {}", command.get_name());
    let of = path.clone();
    let command = command.mut_args(move |arg| {
        let name = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        match name.and_then(|name| candidates::of(&of, &name)) {
            Some(candidates) => arg.add(ArgValueCompleter::new(candidates)),
            None => arg,
        }
    });
    command.mut_subcommands(move |sub| offering(sub, &path))
}
