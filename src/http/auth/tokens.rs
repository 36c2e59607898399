//! Tokens of the API and the console: a file with a line each, `name role sha256`.
//!
//! Owns reading and making the lines. The file holds no token, only the SHA-256 of
//! each, so its reader can use none. It is read again every second in which a token is
//! asked for. A file that is gone holds no token; one that cannot be read or parsed leaves
//! the tokens as they were, and the log says so.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::actor::{Actor, Role, is_name};
use crate::error::CliError;
use crate::input;

/// Time between two reads of the file.
const LOOK: Duration = Duration::from_secs(1);
/// Tokens that a file may hold.
const MOST: usize = 10_000;
/// Beginning of every token that zoomd makes, for scanners that look for leaked secrets.
const PREFIX: &str = "zoomd_";

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// The SHA-256 under which the file knows a token.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// A new token.
pub fn generate() -> SecretString {
    let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(*bytes)).into()
}

/// The line of a token in the file.
pub fn line(name: &str, role: Role, token: &SecretString) -> String {
    let mut line = format!("{name} {role} ");
    for byte in hash(token.expose_secret()) {
        let _ = write!(line, "{byte:02x}");
    }
    line
}

/// The tokens of a file.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    known: HashMap<TokenHash, Actor>,
    looked: Instant,
    /// SHA-256 of the text that was read last; `None`: the file was not there. A file's time
    /// and length are no sign that it is the same.
    seen: Option<TokenHash>,
    /// The log says that the file cannot be read.
    told: bool,
}

impl Tokens {
    /// The tokens in the file at `path`.
    pub fn open(path: &Path) -> Result<Self, CliError> {
        let text = read(path)?;
        let known = parse(path, &text)?;
        let read = Read { known, looked: Instant::now(), seen: Some(hash(&text)), told: false };
        let read = Mutex::new(read);
        Ok(Self { path: path.to_owned(), read })
    }

    /// The one whose token has this hash.
    pub fn actor(&self, hash: &TokenHash) -> Option<Actor> {
        self.fresh().known.get(hash).cloned()
    }

    pub fn hashes(&self, name: &str) -> Vec<(TokenHash, Actor)> {
        let read = self.fresh();
        let named = read.known.iter().filter(|(_, actor)| actor.name == name);
        named.map(|(hash, actor)| (*hash, actor.clone())).collect()
    }

    fn fresh(&self) -> MutexGuard<'_, Read> {
        let mut old = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if old.looked.elapsed() < LOOK {
            return old;
        }
        old.looked = Instant::now();
        let text = match read(&self.path) {
            Ok(text) => Some(text),
            Err(_) if matches!(self.path.try_exists(), Ok(false)) => None,
            Err(error) => {
                if !std::mem::replace(&mut old.told, true) {
                    tracing::warn!(
                        "API tokens: file unreadable, the previous tokens stay in use: {error}"
                    );
                }
                return old;
            }
        };
        old.told = false;
        let seen = text.as_deref().map(|text| hash(text));
        if seen == old.seen {
            return old;
        }
        old.seen = seen;
        match text.map_or(Ok(HashMap::new()), |text| parse(&self.path, &text)) {
            Ok(known) => {
                tracing::info!(tokens = known.len(), "API tokens: file reloaded");
                old.known = known;
            }
            Err(error) => {
                tracing::warn!("API tokens: file invalid, the previous tokens stay in use: {error}")
            }
        }
        old
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, CliError> {
    Ok(input::file(path, "the tokens of the API (ZOOMD_API_TOKENS_FILE)")?)
}

fn parse(path: &Path, text: &str) -> Result<HashMap<TokenHash, Actor>, CliError> {
    lines(text).map_err(|what| {
        CliError::config(format!("{}: {what}", path.display()))
            .code("api_tokens")
            .hint("zoomd config token NAME --role ROLE makes a token and its line")
    })
}

/// Blank lines and lines that begin with `#` say nothing.
fn lines(text: &str) -> Result<HashMap<TokenHash, Actor>, String> {
    let mut known = HashMap::new();
    for (at, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, role, hex] = words[..] else {
            return Err(format!("line {at} is not: name role sha256"));
        };
        if !is_name(name) {
            return Err(format!("line {at}: the name must be 1 to 64 of A-Za-z0-9._@-"));
        }
        let role = role.parse().map_err(|all| format!("line {at}: the role is none of {all}"))?;
        let hash = bytes(hex)
            .ok_or_else(|| format!("line {at}: the third word is no SHA-256 in 64 hex digits"))?;
        if known.insert(hash, Actor { name: name.to_owned(), role }).is_some() {
            return Err(format!("line {at}: the same token stands in an earlier line"));
        }
        if known.len() > MOST {
            return Err(format!("there are more than {MOST} tokens"));
        }
    }
    Ok(known)
}

fn bytes(hex: &str) -> Option<TokenHash> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read_back_and_no_line_holds_a_token() {
        let (ada, bob) = (generate(), generate());
        let lines = [line("ada", Role::Operate, &ada), line("bob", Role::Read, &bob)];
        assert!(lines.iter().all(|line| !line.contains(PREFIX)));
        let known =
            self::lines(&format!("# people\n\n  {}\r\n{}\n", lines[0], lines[1])).expect("good");
        let found = |token: &SecretString| known.get(&hash(token.expose_secret())).cloned();
        assert_eq!(found(&ada), Some(Actor { name: "ada".into(), role: Role::Operate }));
        assert_eq!(found(&bob), Some(Actor { name: "bob".into(), role: Role::Read }));
        assert_eq!(found(&generate()), None);
    }

    #[test]
    fn a_line_that_cannot_be_meant_is_refused_with_its_number_and_without_its_words() {
        let good = line("ada", Role::Read, &generate());
        for bad in [
            "ada read",
            "ada read 00ff",
            "ada root 0000000000000000000000000000000000000000000000000000000000000000",
            "a|b read 0000000000000000000000000000000000000000000000000000000000000000",
            "ada read zz00000000000000000000000000000000000000000000000000000000000000",
            &good,
        ] {
            let error = self::lines(&format!("{good}\n{bad}\n")).expect_err(bad);
            assert!(error.starts_with("line 2") && !error.contains("00"), "{error}");
        }
    }

    #[test]
    fn a_file_that_changed_is_read_again_one_that_broke_changes_nothing_and_one_that_is_gone_revokes()
     {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("tokens");
        let (ada, bob) = (generate(), generate());
        let put = |text: &str| std::fs::write(&path, text).expect("written");
        put(&line("ada", Role::Read, &ada));
        let tokens = Tokens::open(&path).expect("good");
        let knows = |token: &SecretString| {
            let mut read = tokens.read.lock().expect("no panic");
            read.looked = Instant::now().checked_sub(2 * LOOK).expect("an earlier time");
            drop(read);
            tokens.actor(&hash(token.expose_secret())).is_some()
        };
        assert!(knows(&ada) && !knows(&bob));
        put(&format!("{}\n# a comment", line("bob", Role::Read, &bob)));
        assert!(!knows(&ada) && knows(&bob));
        put("broken");
        assert!(knows(&bob));
        // A change that leaves length and time as they were.
        put(&line("bob", Role::Read, &bob));
        assert!(knows(&bob));
        let changed = path.metadata().and_then(|found| found.modified()).expect("a time");
        put(&line("bob", Role::Read, &ada));
        let file = std::fs::File::options().append(true).open(&path).expect("opened");
        file.set_modified(changed).expect("the old time");
        assert!(knows(&ada) && !knows(&bob));
        std::fs::remove_file(&path).expect("removed");
        assert!(!knows(&ada));
        put(&line("bob", Role::Read, &bob));
        assert!(knows(&bob));
    }
}
