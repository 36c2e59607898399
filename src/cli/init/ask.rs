//! Sources of the answers: flags, files that flags name, the terminal.

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use secrecy::SecretString;
use url::Url;
use zoomd_store::{Store, StoreConfig, StoreError};

use super::{Answers, InitArgs};
use crate::cli::Global;
use crate::error::CliError;
use crate::input::{self, InputError};
use crate::output::Output;

/// Answers given by flags.
pub(super) fn from_flags(global: &Global, args: &InitArgs) -> Result<Answers, CliError> {
    let url = |file: &std::path::PathBuf| -> Result<SecretString, CliError> {
        let text = input::file(file, "--redis-url-file")?;
        Ok(input::line(&text, "--redis-url-file")?.into())
    };
    let secret = |file: &std::path::PathBuf| input::word_in_file(file, "--client-secret-file");
    let id = args.client_id.as_deref().map(|id| input::word(id, "--client-id"));
    Ok(Answers {
        namespace: global.namespace.clone(),
        redis_url: args.redis_url_file.as_ref().map(url).transpose()?,
        client_id: id.transpose()?.map(str::to_owned),
        client_secret: args.client_secret_file.as_ref().map(secret).transpose()?,
        redirect_url: args.redirect_url.clone(),
    })
}

/// Asks for what the flags did not say.
pub(super) fn on_terminal(out: &Output, answers: &mut Answers) -> Result<(), CliError> {
    out.note("Press Enter to accept the value in brackets.\n");
    if answers.redis_url.is_none() {
        let url =
            answer(out, redis_url, "the URL", |out| out.ask("Redis [redis://127.0.0.1:6379]:"))?;
        answers.redis_url = url.map(SecretString::from);
    }
    if answers.client_id.is_none() {
        out.note("\nClient id and secret of your Zoom app (marketplace.zoom.us > Develop > Build App > General App).");
        out.note("Leave empty if you have none yet or only use server-to-server accounts.");
        answers.client_id = answer(out, input::word, "the id", |out| out.ask("Client id:"))?;
    }
    if answers.client_id.is_some() && answers.client_secret.is_none() {
        let secret = answer(out, input::word, "the secret", |out| {
            hidden(out, "Client secret (not shown):")
        })?;
        answers.client_secret = secret.map(SecretString::from);
    }
    if answers.client_id.is_some() && answers.redirect_url.is_none() {
        answers.redirect_url = answer(out, web_url, "the URL", |out| {
            out.ask("Redirect URL, as registered [http://localhost:3000/zoom]:")
        })?;
    }
    Ok(())
}

/// A URL that the store can use; nothing is connected.
fn redis_url<'a>(text: &'a str, what: &str) -> Result<&'a str, InputError> {
    let url = input::line(text, what)?;
    // The tag that a cluster asks of a namespace.
    let config = StoreConfig::new(url, "{zoomd}");
    let wrong = |error: StoreError| InputError { message: format!("{what}: {error}"), hint: None };
    Store::open(&config).map(|_| url).map_err(wrong)
}

/// An address of a browser.
fn web_url<'a>(text: &'a str, what: &str) -> Result<&'a str, InputError> {
    let url = input::line(text, what)?;
    let web = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    let message = format!("{what} must begin with http:// or https://, and name a server");
    if web { Ok(url) } else { Err(InputError { message, hint: None }) }
}

/// Asks until the answer passes `check`; `None` for none.
fn answer(
    out: &Output,
    check: for<'a> fn(&'a str, &str) -> Result<&'a str, InputError>,
    what: &str,
    mut ask: impl FnMut(&Output) -> Result<String, CliError>,
) -> Result<Option<String>, CliError> {
    loop {
        let typed = ask(out)?;
        if input::trim(&typed).is_empty() {
            return Ok(None);
        }
        match check(&typed, what) {
            Ok(answer) => return Ok(Some(answer.to_owned())),
            Err(error) => out.warn(error.message),
        }
    }
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
    use super::{redis_url, typed, web_url};

    #[tokio::test]
    async fn an_address_that_cannot_be_used_is_asked_for_again() {
        for url in ["redis://h:1", "unix:///run/r.sock", "redis+cluster://a,b"] {
            assert_eq!(redis_url(url, "the URL").ok(), Some(url));
        }
        for url in ["localhost", "mongodb://h", "http://h"] {
            assert!(redis_url(url, "the URL").is_err(), "{url}");
        }
        assert!(web_url("http://localhost:3000/zoom", "the URL").is_ok());
        let error = web_url("sim-client", "the URL").expect_err("no URL");
        assert_eq!(error.message, "the URL must begin with http:// or https://, and name a server");
    }

    #[test]
    fn a_line_is_read_key_by_key() {
        assert_eq!(typed(&b"secrex\x7ft\nrest"[..]).expect("a line"), "secret");
        assert_eq!(typed(&b"\n"[..]).expect("a line"), "");
        assert_eq!(typed(&b"half\x03"[..]).expect_err("interrupted").code, "interrupted");
        assert!(typed(&b"\x04"[..]).is_err() && typed(&b"cut"[..]).is_err());
    }
}
