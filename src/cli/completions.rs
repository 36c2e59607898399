//! `zoomd completions`: a script for a shell, from the command tree.

use clap::Args;
use clap_complete::Shell;

use super::error::{CliError, CliResult};
use super::output::Output;
use crate::exit::Exit;

/// `zoomd completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd completions bash > /etc/bash_completion.d/zoomd
  zoomd completions zsh  > \"${fpath[1]}/_zoomd\"
  zoomd completions fish > ~/.config/fish/completions/zoomd.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// Prints the script.
pub fn run(out: &Output, args: &CompletionsArgs) -> CliResult {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::tree(), "zoomd", &mut script);
    let script = String::from_utf8(script).map_err(|e| CliError::failed(e.to_string()))?;
    out.data(&script)?;
    Ok(Exit::Done)
}
