//! Lines of jobs from a file or standard input, checked on a thread of their
//! own while others are on their way to Redis.
//!
//! Memory stays flat: lines are bounded, batches are bounded, and no more than
//! a few batches are ahead of Redis.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use tokio::sync::mpsc;
use zoomd_wire::{MAX_JOB, Rules};

use super::expected::hosts;

/// Jobs sent in one round trip.
const BATCH: usize = 1_000;
/// Batches read ahead.
const AHEAD: usize = 4;

/// A line that is a sound job.
#[derive(Debug)]
pub(super) struct Sound {
    pub(super) text: String,
    pub(super) id: Option<String>,
    pub(super) account: String,
    /// Those whose day it spends.
    pub(super) hosts: Vec<String>,
}

/// A line that is not.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Bad {
    pub(super) line: u64,
    pub(super) field: String,
    pub(super) message: String,
}

/// What was read at once: sound jobs in order, and bad lines among them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) jobs: Vec<Sound>,
    pub(super) bad: Vec<Bad>,
    /// The input broke off after these.
    pub(super) broken: Option<String>,
}

/// Opens a file, or standard input for `-`.
pub(super) fn open(path: &Path) -> std::io::Result<Box<dyn Read + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    Ok(Box::new(std::fs::File::open(path)?))
}

/// Reads and checks on a thread of its own. It ends with the input, or when the
/// receiver is dropped.
pub(super) fn spawn(input: Box<dyn Read + Send>, rules: Rules) -> mpsc::Receiver<Batch> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut reader = BufReader::with_capacity(256 * 1024, input);
        let mut number = 0;
        let mut batch = Batch::default();
        let mut line = Vec::with_capacity(1_024);
        loop {
            match next_line(&mut reader, &mut line) {
                Ok(true) => {
                    number += 1;
                    take(&line, number, &rules, &mut batch);
                }
                Ok(false) => break,
                Err(error) => {
                    batch.broken = Some(error.to_string());
                    break;
                }
            }
            // What has come is sent before the next line is waited for.
            let full = batch.jobs.len() >= BATCH || batch.bad.len() >= BATCH;
            if (full || !reader.buffer().contains(&b'\n'))
                && sender.blocking_send(std::mem::take(&mut batch)).is_err()
            {
                return;
            }
        }
        let _ = sender.blocking_send(batch);
    });
    receiver
}

/// Reads one line without its end; false at the end of the input. Of a line
/// that is too long only as much is kept as shows that it is.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    let most = MAX_JOB as u64 + 2;
    line.clear();
    if reader.take(most).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() != Some(&b'\n') && line.len() as u64 == most {
        skip_line(reader)?;
    }
    while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        line.pop();
    }
    Ok(true)
}

fn skip_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let (used, done) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        reader.consume(used);
        if done {
            return Ok(());
        }
    }
}

fn take(line: &[u8], number: u64, rules: &Rules, batch: &mut Batch) {
    if line.trim_ascii().is_empty() {
        return;
    }
    match zoomd_wire::parse(line, rules) {
        Ok(job) => batch.jobs.push(Sound {
            // What was parsed is UTF-8.
            text: String::from_utf8_lossy(line).into_owned(),
            account: job.account.to_string(),
            hosts: hosts(&job).into_iter().map(std::borrow::Cow::into_owned).collect(),
            id: job.id.map(|id| id.to_string()),
        }),
        Err(invalid) => batch.bad.push(Bad {
            line: number,
            field: invalid.field.into_owned(),
            message: invalid.message,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str) -> (Vec<String>, Vec<Bad>) {
        let rules = Rules { now: jiff::Timestamp::UNIX_EPOCH, allow_past_start: false };
        let input: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(input.to_owned()));
        let mut receiver = spawn(input, rules);
        let (mut jobs, mut bad) = (Vec::new(), Vec::new());
        while let Some(batch) = receiver.blocking_recv() {
            jobs.extend(batch.jobs.into_iter().map(|job| job.text));
            bad.extend(batch.bad);
        }
        (jobs, bad)
    }

    #[test]
    fn lines_are_numbered_and_empty_ones_passed_over() {
        let sound = r#"{"account":"a","meeting":{"type":3}}"#;
        let (jobs, bad) = read(&format!("{sound}\r\n\n  \n{{}}\n{sound}"));
        assert_eq!(jobs, [sound, sound]);
        assert_eq!((bad.len(), bad[0].line, bad[0].field.as_str()), (1, 4, "account"));
    }

    #[test]
    fn a_line_that_is_too_long_does_not_swallow_the_next() {
        let sound = r#"{"account":"a","meeting":{"type":3}}"#;
        let (jobs, bad) = read(&format!("{}\n{sound}\n", "x".repeat(1_000_000)));
        assert_eq!((jobs.len(), bad.len()), (1, 1));
        assert!(bad[0].message.contains("it may have 65536"), "{}", bad[0].message);
    }

    #[test]
    fn many_lines_come_in_batches_and_in_order() {
        let line = |n: usize| format!(r#"{{"id":"{n}","account":"a","meeting":{{"type":3}}}}"#);
        let text: String = (0..5_000).map(|n| line(n) + "\n").collect();
        let (jobs, bad) = read(&text);
        assert!(bad.is_empty());
        assert_eq!(jobs, (0..5_000).map(line).collect::<Vec<_>>());
    }
}
