//! The commands zoomd sends and how each is written. `K` stands for its key.

/// A command, and what follows its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// A valid form of it, words separated by blanks.
    form: &'static str,
    /// True if it changes keys.
    pub(crate) writes: bool,
}

impl Command {
    /// The words behind the name, for one key.
    pub(crate) fn words<'a>(&self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.form
            .split_whitespace()
            .map(move |word: &'static str| if word == "K" { key } else { word })
    }
}

/// Commands that scripts use.
pub(crate) const IN_SCRIPTS: &[Command] = &[
    read("EXISTS", "K"),
    read("HEXISTS", "K f"),
    read("HGET", "K f"),
    read("HGETALL", "K"),
    read("HLEN", "K"),
    read("HMGET", "K f"),
    read("HSCAN", "K 0"),
    read("LINDEX", "K 0"),
    read("LLEN", "K"),
    read("LRANGE", "K 0 0"),
    read("PTTL", "K"),
    read("TYPE", "K"),
    read("XINFO", "GROUPS K"),
    read("XLEN", "K"),
    read("XPENDING", "K g"),
    read("XRANGE", "K - +"),
    read("XREVRANGE", "K + -"),
    read("ZCARD", "K"),
    read("ZCOUNT", "K 0 0"),
    read("ZRANGE", "K 0 0"),
    read("ZRANGEBYLEX", "K - +"),
    read("ZRANGEBYSCORE", "K 0 0"),
    read("ZREVRANGE", "K 0 0"),
    read("ZSCAN", "K 0"),
    read("ZSCORE", "K m"),
    write("DEL", "K"),
    write("EXPIRE", "K 1"),
    write("HDEL", "K f"),
    write("HINCRBY", "K f 1"),
    write("HSET", "K f v"),
    write("HSETNX", "K f v"),
    write("LPOP", "K"),
    write("LPUSH", "K v"),
    write("LTRIM", "K 0 0"),
    write("PEXPIRE", "K 1"),
    write("RENAME", "K K"),
    write("RENAMENX", "K K"),
    write("RPUSH", "K v"),
    write("SET", "K v"),
    write("SETRANGE", "K 0 v"),
    write("UNLINK", "K"),
    write("XACK", "K g 0-1"),
    write("XADD", "K * f v"),
    write("XDEL", "K 0-1"),
    write("XGROUP", "DELCONSUMER K g c"),
    write("XTRIM", "K MAXLEN 0"),
    write("ZADD", "K 0 m"),
    write("ZREM", "K m"),
    write("ZREMRANGEBYSCORE", "K 0 0"),
];

/// Commands that the daemon sends outside of scripts.
pub(crate) const OUTSIDE: &[Command] = &[
    read("GET", "K"),
    read("HKEYS", "K"),
    read("HVALS", "K"),
    read("WATCH", "K"),
    read("XREAD", "STREAMS K 0"),
    read("ZMSCORE", "K m"),
    read("ZRANK", "K m"),
    read("ZREVRANK", "K m"),
    write("XAUTOCLAIM", "K g c 0 0"),
    write("XREADGROUP", "GROUP g c STREAMS K >"),
];

/// Commands that take neither key nor channel.
pub(crate) const WITHOUT_KEY: &[(&str, &[&str])] = &[
    ("EVALSHA", &["0", "0"]),
    ("EXEC", &[]),
    ("INFO", &["server"]),
    ("MULTI", &[]),
    ("SCRIPT", &["LOAD", "0"]),
    ("TIME", &[]),
    ("WAIT", &["0", "1"]),
];

const fn read(name: &'static str, form: &'static str) -> Command {
    Command { name, form, writes: false }
}

const fn write(name: &'static str, form: &'static str) -> Command {
    Command { name, form, writes: true }
}
