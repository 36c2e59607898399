//! A Lua script: embedded text, its SHA-1, and the call.
//!
//! Sent as `EVAL` the first time, as `EVALSHA` from then on; a server that forgot it (restart, failover, `SCRIPT
//! FLUSH`) answers `NOSCRIPT` before anything ran, so sending it again as
//! `EVAL` is safe, and also puts it back in the server's cache.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::{Arg, Cmd, ErrorKind, RedisError, ServerErrorKind, ToRedisArgs, Value};

use crate::{Conn, StoreError};

/// The time of a script: alone for scripts that are to stay short.
pub(crate) const CLOCK: &str = include_str!("lua/lib/clock.lua");
/// What most scripts share.
pub(crate) const BASE: &str =
    concat!(include_str!("lua/lib/clock.lua"), include_str!("lua/lib/base.lua"));

/// One script, usually a `static` made by [`Script::new`].
pub struct Script {
    text: LazyLock<String, Box<dyn FnOnce() -> String + Send>>,
    hash: LazyLock<String, Box<dyn FnOnce() -> String + Send>>,
    /// Whether this process has sent its text.
    told: AtomicBool,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").field("hash", &*self.hash).finish_non_exhaustive()
    }
}

impl Script {
    /// A script made of `parts` one after the other: shared functions first.
    #[must_use]
    pub fn new(parts: &'static [&'static str]) -> Self {
        Self {
            text: LazyLock::new(Box::new(move || parts.concat())),
            hash: LazyLock::new(Box::new(move || {
                redis::Script::new(&parts.concat()).get_hash().to_owned()
            })),
            told: AtomicBool::new(false),
        }
    }

    /// Its text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Starts a call; the first key is the namespace's prefix.
    #[must_use]
    pub fn call(&self) -> Call<'_> {
        Call { script: self, keys: Vec::new(), args: Cmd::new() }
    }
}

/// A call under construction.
pub struct Call<'a> {
    script: &'a Script,
    keys: Vec<String>,
    /// Only a buffer: arguments lie in it one after the other.
    args: Cmd,
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Call<'_> {
    /// Adds a key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
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
        self.args.arg(arg);
        self
    }

    /// The `EVALSHA` of this call, for a place in a transaction.
    pub(crate) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.script.hash)
    }

    fn command(&self, name: &str, body: &str) -> Cmd {
        let mut cmd = redis::cmd(name);
        cmd.arg(body).arg(self.keys.len()).arg(&self.keys);
        for arg in self.args.args_iter() {
            if let Arg::Simple(bytes) = arg {
                cmd.arg(bytes);
            }
        }
        cmd
    }

    /// Runs the script and answers what it answered.
    ///
    /// # Errors
    /// What Redis refused, or that it could not be asked.
    pub async fn run(self, conn: &Conn) -> Result<Value, StoreError> {
        if self.script.told.swap(true, Ordering::Relaxed) {
            match conn.value(&self.by_hash()).await {
                Err(error) if is_noscript(&error) => {}
                other => return Ok(other?),
            }
        }
        Ok(conn.value(&self.command("EVAL", &self.script.text)).await?)
    }
}

fn is_noscript(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
