//! `zoomd man`: the manual, from the command tree.

use std::path::PathBuf;

use clap::Args;

use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::Output;

/// `zoomd man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  zoomd man | man -l -
  zoomd man --to /usr/local/share/man/man1")]
pub struct ManArgs {
    /// Write one page per command into this folder
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
}

/// Prints the first page, or writes all.
pub fn run(out: &Output, args: &ManArgs) -> CliResult {
    let Some(folder) = &args.to else {
        let mut page = Vec::new();
        clap_mangen::Man::new(super::tree()).render(&mut page)?;
        out.data(&String::from_utf8_lossy(&page))?;
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(super::tree(), folder))
        .map_err(|e| CliError::failed(format!("cannot write to {}: {e}", folder.display())))?;
    out.note(format!("the manual is in {}", folder.display()));
    Ok(Exit::Done)
}
