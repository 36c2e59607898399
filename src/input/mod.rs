//! One reader for what people write: secrets, keys, configuration files, files
//! of JSON lines, answers to questions.
//!
//! Editors, shells and browsers add what nobody sees: a byte-order mark, UTF-16,
//! carriage returns, zero-width spaces, quotes. What can only be decoration is
//! dropped, here and nowhere else; what may change a value is refused with its
//! source and the fix. No message repeats a value.

mod stream;
mod text;

use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

pub use stream::lines;
pub use text::{decode, trim};

/// The longest text of a secret or a configuration file.
const MAX_TEXT: u64 = 1 << 20;

/// An input that cannot be meant. Carries no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InputError {
    /// The source and what is wrong with it.
    pub message: String,
    /// The fix.
    pub hint: Option<String>,
}

impl InputError {
    fn new(source: &str, what: impl std::fmt::Display, hint: &str) -> Self {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        Self { message: format!("{source} {what}"), hint }
    }
}

/// The decoded text of a file, or of standard input for `-`. `what` says what
/// the file is for; it begins the message of an error.
pub fn file(path: &Path, what: &str) -> Result<Zeroizing<String>, InputError> {
    let source = source_of(path, what);
    let unreadable = |error| InputError::new(&source, format!("cannot be read: {error}"), "");
    let mut bytes = Zeroizing::new(Vec::new());
    if path == Path::new("-") {
        std::io::stdin().take(MAX_TEXT + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_TEXT + 1).read_to_end(&mut bytes))
    }
    .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(InputError::new(&source, "is larger than 1 MiB", "is it the right file?"));
    }
    match decode(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.into_owned())),
        Err(what) => Err(InputError::new(&source, what, "save it as UTF-8")),
    }
}

/// The one word in the file `path`, or in standard input for `-`.
pub fn word_in_file(path: &Path, what: &str) -> Result<secrecy::SecretString, InputError> {
    let text = file(path, what)?;
    word(&text, &source_of(path, what)).map(secrecy::SecretString::from)
}

/// Purpose and source of an input, for error messages.
fn source_of(path: &Path, what: &str) -> String {
    match path.to_str() {
        Some("-") => format!("{what}: standard input"),
        _ => format!("{what}: {}", path.display()),
    }
}

/// One word of printable ASCII, as ids, secrets, tokens and keys are.
pub fn word<'a>(text: &'a str, source: &str) -> Result<&'a str, InputError> {
    let word = line(text, source)?;
    let at = |place: usize| word[..place].chars().count() + 1;
    if let Some((place, c)) = word.char_indices().find(|(_, c)| c.is_whitespace() || !c.is_ascii())
    {
        let what = format!("contains {} at character {}", text::named(c), at(place));
        return Err(InputError::new(source, what, ONLY));
    }
    if let Some(place) = word.find(['"', '\'', '`']) {
        return Err(InputError::new(
            source,
            format!("contains a quote at character {}", at(place)),
            ONLY,
        ));
    }
    Ok(word)
}

const ONLY: &str = "it must hold nothing but the value, on one line: copy the value again";

/// One line of text without invisible characters and not wrapped in quotes.
pub fn line<'a>(text: &'a str, source: &str) -> Result<&'a str, InputError> {
    let line = trim(text);
    if line.is_empty() {
        return Err(InputError::new(source, "is empty", ""));
    }
    if line.contains(['\n', '\r']) {
        let lines = line.split(['\n', '\r']).filter(|line| !trim(line).is_empty()).count();
        return Err(InputError::new(source, format!("has {lines} lines"), ONLY));
    }
    if let Some((place, c)) = line.char_indices().find(|(_, c)| text::is_invisible(*c)) {
        let at = line[..place].chars().count() + 1;
        let what = format!("contains {} at character {at}", text::named(c));
        return Err(InputError::new(source, what, ONLY));
    }
    if text::is_quoted(line) {
        let hint = "remove the quotes: an --env-file and a systemd EnvironmentFile= keep some of \
                    them as part of the value";
        return Err(InputError::new(source, "is in quotes", hint));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(result: Result<&str, InputError>) -> String {
        result.map_or_else(|error| error.message, |word| format!("={word}"))
    }

    #[test]
    fn what_is_only_decoration_is_dropped() {
        for text in [
            "s3cret",
            "s3cret\n",
            "s3cret\r\n",
            "s3cret\r",
            "\u{feff}s3cret",
            " \ts3cret \n\n",
            "\u{200b}s3cret\u{200b}\n",
            "s3cret\u{a0}",
            "\u{2060}s3cret",
        ] {
            assert_eq!(said(word(text, "X")), "=s3cret", "{text:?}");
        }
    }

    #[test]
    fn what_may_change_the_value_is_refused_with_its_source() {
        for (text, wanted) in [
            ("", "X is empty"),
            ("\u{feff}\n", "X is empty"),
            ("one\ntwo", "X has 2 lines"),
            ("one\r\n\r\ntwo\r\n", "X has 2 lines"),
            ("one\rtwo", "X has 2 lines"),
            ("on\u{200b}e", "X contains U+200B (zero-width space) at character 3"),
            ("one two", "X contains a blank at character 4"),
            ("one\u{a0}two", "X contains U+00A0 (no-break space) at character 4"),
            ("one\u{2026}", "X contains U+2026 at character 4"),
            ("one\0", "X contains U+0000 at character 4"),
            ("\"one\"", "X is in quotes"),
            ("'one'", "X is in quotes"),
            ("\u{201c}one\u{201d}", "X is in quotes"),
            ("\"one", "X contains a quote at character 1"),
        ] {
            assert_eq!(said(word(text, "X")), wanted, "{text:?}");
        }
        assert_eq!(said(line("a b \"c\" d", "X")), "=a b \"c\" d");
        assert_eq!(said(line("/var/lib/caf\u{e9}", "X")), "=/var/lib/caf\u{e9}");
    }

    #[test]
    fn a_file_is_decoded_and_named_when_it_cannot_be() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("secret");
        let utf16: Vec<u8> =
            "\u{feff}s3cret\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [&b"s3cret"[..], b"\xef\xbb\xbfs3cret\r\n", &utf16] {
            std::fs::write(&path, bytes).expect("written");
            let found = word_in_file(&path, "the secret").expect("a word");
            assert_eq!(secrecy::ExposeSecret::expose_secret(&found), "s3cret");
        }
        std::fs::write(&path, b"s3cr\xe9t").expect("written");
        let error = word_in_file(&path, "the secret").expect_err("no UTF-8");
        assert!(error.message.starts_with("the secret: /"), "{error}");
        assert!(error.message.ends_with("is not UTF-8 (at byte 4)"), "{error}");
        let error = word_in_file(&dir.path().join("absent"), "the secret").expect_err("absent");
        assert!(error.message.contains("absent cannot be read: "), "{error}");
    }
}
