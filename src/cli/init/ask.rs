//! Where the answers come from: flags, files that flags name, the terminal.

use std::io::Read as _;
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use secrecy::SecretString;

use super::{Answers, InitArgs};
use crate::cli::Global;
use crate::cli::error::CliError;
use crate::cli::output::Output;

/// What the flags say.
pub(super) fn from_flags(global: &Global, args: &InitArgs) -> Result<Answers, CliError> {
    let secret = |file: &Option<std::path::PathBuf>| file.as_deref().map(read).transpose();
    Ok(Answers {
        namespace: global.namespace.clone(),
        redis_url: secret(&args.redis_url_file)?,
        client_id: args.client_id.clone(),
        client_secret: secret(&args.client_secret_file)?,
        redirect_url: args.redirect_url.clone(),
    })
}

/// A file's text, or standard input's, without the newline at its end.
fn read(file: &Path) -> Result<SecretString, CliError> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|e| CliError::usage(format!("cannot read {}: {e}", file.display())))?;
    match text.trim() {
        "" => Err(CliError::usage(format!("{} is empty", file.display()))),
        text => Ok(SecretString::from(text.to_owned())),
    }
}

/// Asks for what the flags did not say.
pub(super) fn on_terminal(out: &Output, answers: &mut Answers) -> Result<(), CliError> {
    out.note("Enter takes what stands in brackets.\n");
    if answers.redis_url.is_none() {
        let url = out.ask("Redis [redis://127.0.0.1:6379]:")?;
        answers.redis_url = given(url).map(SecretString::from);
    }
    if answers.client_id.is_none() {
        out.note("\nThe OAuth app of marketplace.zoom.us: Develop, Build App, General App.");
        out.note("Empty: none yet, or server-to-server accounts only.");
        answers.client_id = given(out.ask("Client id []:")?);
    }
    if answers.client_id.is_some() && answers.client_secret.is_none() {
        answers.client_secret =
            given(hidden(out, "Client secret (not shown) []:")?).map(SecretString::from);
    }
    if answers.client_id.is_some() && answers.redirect_url.is_none() {
        let url = out.ask("Redirect URL, as registered [http://localhost:3000/zoom]:")?;
        answers.redirect_url = given(url);
    }
    Ok(())
}

fn given(answer: String) -> Option<String> {
    (!answer.is_empty()).then_some(answer)
}

/// Asks without showing what is typed. Reads byte by byte, so that Ctrl-C is
/// seen here and the terminal is left as it was found.
fn hidden(out: &Output, question: &str) -> Result<String, CliError> {
    let terminal = std::io::stdin();
    let before = tcgetattr(&terminal).map_err(std::io::Error::from)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    tcsetattr(&terminal, OptionalActions::Flush, &silent).map_err(std::io::Error::from)?;
    out.prompt(question);
    let answer = typed(terminal.lock());
    let restored = tcsetattr(&terminal, OptionalActions::Now, &before);
    out.note("");
    restored.map_err(std::io::Error::from)?;
    answer
}

/// One line from a terminal that sends every key.
fn typed(keys: impl std::io::BufRead) -> Result<String, CliError> {
    let mut line = Vec::new();
    for key in keys.bytes() {
        match key? {
            b'\r' | b'\n' => return Ok(String::from_utf8_lossy(&line).trim().to_owned()),
            // Ctrl-C, and Ctrl-D on an empty line.
            3 => return Err(CliError::interrupted()),
            4 if line.is_empty() => return Err(CliError::interrupted()),
            8 | 127 => drop(line.pop()),
            key => line.push(key),
        }
    }
    Err(CliError::interrupted())
}

#[cfg(test)]
mod tests {
    use super::typed;

    #[test]
    fn a_line_is_read_key_by_key() {
        assert_eq!(typed(&b"secrex\x7ft\nrest"[..]).expect("a line"), "secret");
        assert_eq!(typed(&b"\n"[..]).expect("a line"), "");
        assert_eq!(typed(&b"half\x03"[..]).expect_err("interrupted").code, "interrupted");
        assert!(typed(&b"\x04"[..]).is_err() && typed(&b"cut"[..]).is_err());
    }
}
