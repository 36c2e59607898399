//! `zoomd help`: a command's help, or a topic that belongs to none.

use std::fmt::Write as _;

use clap::Args;

use crate::config::{DEFAULT_FILE, Kind, SETTINGS, TRACES_VARIABLES, suggest};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::output::Output;

/// `zoomd help`.
#[derive(Debug, Args)]
pub struct HelpArgs {
    /// A command such as `job show`, or environment, exit-codes, config
    #[arg(value_name = "TOPIC")]
    pub topic: Vec<String>,
}

/// Topics that belong to no command.
pub const TOPICS: [&str; 3] = ["environment", "exit-codes", "config"];

/// Prints the topic.
pub fn run(out: &Output, args: &HelpArgs) -> CliResult {
    let words: Vec<&str> = args.topic.iter().map(String::as_str).collect();
    let text = match words.as_slice() {
        ["environment"] => environment(),
        ["exit-codes"] => exit_codes(),
        ["config"] => DEFAULT_FILE.to_owned(),
        path => of_command(path)?,
    };
    out.data(&text)?;
    Ok(Exit::Done)
}

fn of_command(path: &[&str]) -> Result<String, CliError> {
    let mut command = super::tree();
    command.build();
    for word in path {
        let known: Vec<String> =
            command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
        command = command.find_subcommand(word).cloned().ok_or_else(|| {
            let names = known.iter().map(String::as_str).chain(TOPICS);
            let error = CliError::usage(format!("there is no help on {}", path.join(" ")));
            match suggest::nearest(word, names) {
                Some(near) => error.hint(format!("did you mean {near}?")),
                None => error.hint(format!("topics are {}", TOPICS.join(", "))),
            }
        })?;
    }
    Ok(command.render_long_help().to_string())
}

fn environment() -> String {
    let mut text = "Flags win over the environment, the environment over the file, the file over\n\
                    the defaults. `zoomd config show` tells where each value comes from.\n\n"
        .to_owned();
    for setting in SETTINGS.iter() {
        let also = if setting.kind == Kind::Secret { " (or …_FILE)" } else { "" };
        let _ = writeln!(text, "{}{also}\n    {}", setting.env, setting.help);
    }
    text.push_str(
        "ZOOMD_CONFIG\n    File to read, like --config.\n\
         ZOOMD_NO_PROGRESS\n    If set, progress bars are off (CI=… has the same effect).\n\
         HTTPS_PROXY, HTTP_PROXY, ALL_PROXY\n    Proxy for every call to Zoom, as http://[user:password@]host:port. Lower case works, too.\n\
         NO_PROXY\n    Hosts that are reached without it: names with what is below them, addresses, networks, *.\n    This machine always is.\n\
         SSL_CERT_FILE, SSL_CERT_DIR\n    Certificates to trust in the place of the system's, PEM.\n\
         NO_COLOR, CLICOLOR_FORCE\n    Colour off; colour on.\n",
    );
    for (name, purpose) in TRACES_VARIABLES {
        let _ = writeln!(text, "{name}\n    {purpose}");
    }
    text
}

fn exit_codes() -> String {
    let mut text = String::new();
    for (exit, meaning) in Exit::ALL {
        let _ = writeln!(text, "{:>3}  {meaning}", exit as u8);
    }
    text
}
