//! Errors of Redis, sorted by what the caller can do about them. The text never holds the URL: it
//! may carry a password.

use redis::{ErrorKind as RedisKind, RedisError, ServerErrorKind};

/// Kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection, a time-out, a server that is still loading: ask again later.
    Unreachable,
    /// The server is a replica now; the next connection looks for the master.
    ReadOnly,
    /// The server is full; writes that free memory still work.
    OutOfMemory,
    /// Wrong password, or a user without the right to a command or key.
    Auth,
    /// A key under our name is of another type than ours.
    WrongType,
    /// The namespace is of a layout that this version does not know, or of
    /// another deployment.
    Layout,
    /// The consumer group is missing.
    NoGroup,
    /// The URL, namespace or server is one we cannot work with.
    Config,
    /// The server refused the command, or answered what we do not understand.
    Other,
}

impl ErrorKind {
    /// True if a later retry may succeed without a fix.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unreachable | Self::ReadOnly | Self::OutOfMemory)
    }

    /// One word for metrics and `--json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::ReadOnly => "read_only",
            Self::OutOfMemory => "out_of_memory",
            Self::Auth => "auth",
            Self::WrongType => "wrong_type",
            Self::Layout => "layout",
            Self::NoGroup => "no_group",
            Self::Config => "config",
            Self::Other => "other",
        }
    }
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: ErrorKind,
    message: String,
}

impl StoreError {
    /// An error of our own making; `message` is lower case and holds no secret.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Kind of trouble.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// True if a later retry may succeed without a fix.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.kind.is_transient()
    }

    /// The answer of a script or command that has a shape we do not know.
    #[must_use]
    pub fn unexpected(what: &str) -> Self {
        Self::new(ErrorKind::Other, format!("redis answered {what} in a form that is not ours"))
    }

    /// True if the Redis user lacks a right.
    #[must_use]
    pub fn is_no_permission(&self) -> bool {
        self.kind == ErrorKind::Auth && self.message.contains("NOPERM")
    }

    /// Copy of the error, with what was being done before it.
    #[must_use]
    pub fn during(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> Self {
        Self { kind: kind_of(&error), message: text_of(&error) }
    }
}

impl From<redis::ParsingError> for StoreError {
    fn from(error: redis::ParsingError) -> Self {
        Self::from(RedisError::from(error))
    }
}

pub(crate) fn kind_of(error: &RedisError) -> ErrorKind {
    let code = error.code().unwrap_or_default();
    let detail = error.detail().unwrap_or_default();
    match code {
        "OOM" => return ErrorKind::OutOfMemory,
        "WRONGTYPE" => return ErrorKind::WrongType,
        "NOGROUP" => return ErrorKind::NoGroup,
        "NOAUTH" | "WRONGPASS" | "NOPERM" => return ErrorKind::Auth,
        "MISCONF" | "NOREPLICAS" => return ErrorKind::ReadOnly,
        // Another client's script runs for too long; or no connection is free.
        "BUSY" => return ErrorKind::Unreachable,
        "ERR" if detail.starts_with("max number of clients") => return ErrorKind::Unreachable,
        "LAYOUT" => return ErrorKind::Layout,
        _ => {}
    }
    // Inside a script, servers before 7.0 put the code of a failed command in the text.
    if code == "ERR" || code.is_empty() || error.kind() == RedisKind::Extension {
        for (mark, kind) in [
            ("WRONGTYPE", ErrorKind::WrongType),
            ("wrong kind of value", ErrorKind::WrongType),
            ("OOM command", ErrorKind::OutOfMemory),
            ("NOGROUP", ErrorKind::NoGroup),
            ("READONLY", ErrorKind::ReadOnly),
            ("undeclared key", ErrorKind::Config),
        ] {
            if detail.contains(mark) {
                return kind;
            }
        }
    }
    match error.kind() {
        RedisKind::Io
        | RedisKind::MasterNameNotFoundBySentinel
        | RedisKind::ClusterConnectionNotFound => ErrorKind::Unreachable,
        RedisKind::AuthenticationFailed => ErrorKind::Auth,
        RedisKind::InvalidClientConfig => ErrorKind::Config,
        RedisKind::Server(server) => match server {
            ServerErrorKind::ReadOnly => ErrorKind::ReadOnly,
            ServerErrorKind::NoPerm => ErrorKind::Auth,
            ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask
            | ServerErrorKind::NotBusy => ErrorKind::Unreachable,
            _ => ErrorKind::Other,
        },
        _ if error.is_connection_dropped() || error.is_timeout() => ErrorKind::Unreachable,
        _ => ErrorKind::Other,
    }
}

/// True if this answer says that the next command needs a new connection: the old
/// one is broken, or its server is not (any more) the one that takes writes. A
/// server that refuses for a while what it will take later stays the same.
pub(crate) fn needs_another_connection(error: &RedisError) -> bool {
    let same = matches!(error.code(), Some("MISCONF" | "NOREPLICAS" | "BUSY" | "TRYAGAIN"));
    !same && matches!(kind_of(error), ErrorKind::Unreachable | ErrorKind::ReadOnly)
}

fn text_of(error: &RedisError) -> String {
    let foreign = error.detail().is_some_and(|detail| detail.starts_with("Parse error at"));
    if error.detail().is_some_and(|detail| detail.contains("undeclared key")) {
        return "this server refuses scripts with undeclared keys; start Dragonfly with \
                --default_lua_flags=allow-undeclared-keys"
            .to_owned();
    }
    match error.kind() {
        RedisKind::Parse if foreign => {
            return "the server at this address does not speak the Redis protocol".to_owned();
        }
        RedisKind::AuthenticationFailed => {
            return match error.detail() {
                Some(of_sentinel) if of_sentinel.starts_with("sentinel ") => {
                    format!("redis: {of_sentinel}")
                }
                _ => "redis: wrong user or password".to_owned(),
            };
        }
        _ => {}
    }
    let told = error.to_string();
    if told.contains("UnknownIssuer") {
        return "redis: its certificate is signed by an authority that is not trusted here; \
                name that in redis.ca_file"
            .to_owned();
    }
    match (error.code(), error.detail()) {
        // A sentinel, or the master it names.
        (None, Some(detail)) if error.kind() == RedisKind::Io => format!("redis: {detail}"),
        (Some(code), Some(detail)) => format!("redis: {code} {detail}"),
        (None, Some(detail)) => format!("redis: {}: {detail}", error.category().to_lowercase()),
        _ => format!("redis: {}", told.to_lowercase().trim_end_matches(" - io")),
    }
}
