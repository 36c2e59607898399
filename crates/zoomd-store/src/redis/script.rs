//! A Lua script: embedded text, its SHA-1, and the call.
//!
//! Sent as `EVAL` the first time, as `EVALSHA` from then on; a server that forgot it (restart,
//! failover, `SCRIPT FLUSH`) answers `NOSCRIPT` before anything ran, so sending it again as
//! `EVAL` is safe, and also puts it back in the server's cache.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::{Arg, Cmd, ErrorKind, RedisError, ServerErrorKind, ToRedisArgs, Value};

use crate::{Conn, StoreError};

/// One script; all are in scripts.rs.
pub struct Script {
    text: LazyLock<String, Box<dyn FnOnce() -> String + Send>>,
    hash: LazyLock<String, Box<dyn FnOnce() -> String + Send>>,
    /// True if this process has sent its text.
    told: AtomicBool,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").field("hash", &*self.hash).finish_non_exhaustive()
    }
}

impl Script {
    /// A script whose whole text `make` makes, the same each time.
    pub(crate) fn made(make: impl Fn() -> String + Copy + Send + 'static) -> Self {
        Self {
            text: LazyLock::new(Box::new(make)),
            hash: LazyLock::new(Box::new(move || {
                redis::Script::new(&make()).get_hash().to_owned()
            })),
            told: AtomicBool::new(false),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Starts a call; the first key is the namespace's prefix.
    #[must_use]
    pub fn call(&self) -> Call<'_> {
        Call { script: self, keys: Vec::new(), cmd: None }
    }
}

/// A call under construction.
pub struct Call<'a> {
    script: &'a Script,
    keys: Vec<String>,
    /// The call as it nearly always goes out; begun with the first argument, when
    /// all keys are known.
    cmd: Option<Cmd>,
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Call<'_> {
    /// Adds a key.
    ///
    /// # Panics
    /// There is an argument already: keys come first.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        assert!(self.cmd.is_none(), "keys come before arguments");
        self.keys.push(key.into());
        self
    }

    /// Adds one or more arguments.
    #[must_use]
    pub fn arg(mut self, arg: impl ToRedisArgs) -> Self {
        self.push(arg);
        self
    }

    /// Adds one or more arguments in place.
    pub fn push(&mut self, arg: impl ToRedisArgs) -> &mut Self {
        self.begun().arg(arg);
        self
    }

    fn begun(&mut self) -> &mut Cmd {
        let (script, keys) = (self.script, &self.keys);
        self.cmd.get_or_insert_with(|| head("EVALSHA", &script.hash, keys))
    }

    /// The `EVALSHA` of this call, for a place in a transaction.
    pub(crate) fn by_hash(mut self) -> Cmd {
        self.begun();
        self.cmd.unwrap_or_default()
    }

    /// Runs the script and answers what it answered.
    pub async fn run(mut self, conn: &Conn) -> Result<Value, StoreError> {
        let (script, told) = (self.script, self.script.told.swap(true, Ordering::Relaxed));
        self.begun();
        let (by_hash, keys) = (self.cmd.unwrap_or_default(), self.keys);
        if told {
            match conn.value(&by_hash).await {
                Err(error) if is_noscript(&error) => {}
                other => return Ok(other?),
            }
        }
        let mut whole = head("EVAL", &script.text, &keys);
        // Behind the command's name, the hash, the number of keys, and these.
        for arg in by_hash.args_iter().skip(3 + keys.len()) {
            if let Arg::Simple(bytes) = arg {
                whole.arg(bytes);
            }
        }
        Ok(conn.value(&whole).await?)
    }
}

fn head(name: &str, body: &str, keys: &[String]) -> Cmd {
    let mut cmd = redis::cmd(name);
    cmd.arg(body).arg(keys.len()).arg(keys);
    cmd
}

fn is_noscript(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
