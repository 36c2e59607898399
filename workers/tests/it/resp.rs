//! The little of Redis' protocol that producers and consumers need: the tests
//! write jobs and read outcomes as any program would, with no help of ours.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Text(String),
    Number(i64),
    /// Nothing.
    Nil,
    /// Many.
    List(Vec<Answer>),
}

impl Answer {
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            other => panic!("not text: {other:?}"),
        }
    }

    pub fn number(&self) -> i64 {
        match self {
            Self::Number(number) => *number,
            other => panic!("not a number: {other:?}"),
        }
    }

    /// Elements of the answer; none of nil.
    pub fn list(&self) -> &[Answer] {
        match self {
            Self::List(list) => list,
            Self::Nil => &[],
            other => panic!("not a list: {other:?}"),
        }
    }
}

/// A connection.
pub struct Resp(BufReader<TcpStream>);

impl Resp {
    /// Connects to a server on this machine.
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("redis listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
        Self(BufReader::new(stream))
    }

    /// Sends a command; panics on an error.
    pub fn call(&mut self, args: &[&str]) -> Answer {
        self.try_call(args).unwrap_or_else(|error| panic!("{args:?}: {error}"))
    }

    /// Sends a command.
    pub fn try_call(&mut self, args: &[&str]) -> Result<Answer, String> {
        let mut out = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            out.extend_from_slice(format!("${}\r\n{arg}\r\n", arg.len()).as_bytes());
        }
        self.0.get_mut().write_all(&out).map_err(|error| error.to_string())?;
        self.read()
    }

    fn read(&mut self) -> Result<Answer, String> {
        let mut line = String::new();
        self.0.read_line(&mut line).map_err(|error| error.to_string())?;
        let line = line.trim_end();
        let (kind, rest) = line.split_at(1.min(line.len()));
        let number = || rest.parse::<i64>().map_err(|error| error.to_string());
        match kind {
            "+" => Ok(Answer::Text(rest.to_owned())),
            "-" => Err(rest.to_owned()),
            ":" => Ok(Answer::Number(number()?)),
            "$" => match usize::try_from(number()?) {
                Ok(length) => {
                    let mut text = vec![0; length + 2];
                    self.0.read_exact(&mut text).map_err(|error| error.to_string())?;
                    text.truncate(length);
                    Ok(Answer::Text(String::from_utf8_lossy(&text).into_owned()))
                }
                Err(_) => Ok(Answer::Nil),
            },
            "*" => match usize::try_from(number()?) {
                Ok(length) => {
                    (0..length).map(|_| self.read()).collect::<Result<_, _>>().map(Answer::List)
                }
                Err(_) => Ok(Answer::Nil),
            },
            _ => Err(format!("not an answer: {line:?}")),
        }
    }
}
