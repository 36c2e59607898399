//! Lines of jobs from a file or standard input, checked on a thread of their
//! own while others are on their way to Redis.
//!
//! Memory stays flat: lines are bounded, batches are bounded, and no more than
//! a few batches are ahead of Redis.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use tokio::sync::mpsc;
use zoomd_wire::{JobId, MAX_JOB, Rules, Warning};

use super::expected::hosts;
use super::ids::LineIds;
use crate::input;

/// Jobs sent in one round trip.
const BATCH: usize = 1_000;
/// Batches read ahead.
const AHEAD: usize = 4;

/// A line that is a valid job.
#[derive(Debug)]
pub(super) struct Sound {
    /// The number of the line.
    pub(super) line: u64,
    /// The job as it is sent: with an id, if it was given one.
    pub(super) text: String,
    pub(super) id: Option<String>,
    /// True where the id was made from the line.
    pub(super) id_made: bool,
    pub(super) warnings: Vec<Warning>,
    pub(super) account: String,
    /// Users whose daily limit it uses.
    pub(super) hosts: Vec<String>,
}

/// A line that is not.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Bad {
    pub(super) line: u64,
    pub(super) field: String,
    pub(super) message: String,
}

/// One portion of the input: valid jobs in order, and the invalid lines among them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) jobs: Vec<Sound>,
    pub(super) bad: Vec<Bad>,
    /// The input broke off after these.
    pub(super) broken: Option<String>,
}

/// Rules for reading lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) rules: Rules,
    /// True where a job without an id gets one.
    pub(super) make_ids: bool,
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
pub(super) fn spawn(input: Box<dyn Read + Send>, reading: Reading) -> mpsc::Receiver<Batch> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut reader = BufReader::with_capacity(256 * 1024, input::lines(input));
        let mut ids = reading.make_ids.then(LineIds::default);
        let mut number = 0;
        let mut batch = Batch::default();
        let mut line = Vec::with_capacity(1_024);
        loop {
            match next_line(&mut reader, &mut line) {
                Ok(true) => {
                    number += 1;
                    take(&line, number, &reading.rules, ids.as_mut(), &mut batch);
                }
                Ok(false) => break,
                Err(error) => {
                    batch.broken = Some(error.to_string());
                    break;
                }
            }
            // Complete jobs are sent before the reader waits for the next line.
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
    if line.last() == Some(&b'\n') {
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

fn take(line: &[u8], number: u64, rules: &Rules, ids: Option<&mut LineIds>, batch: &mut Batch) {
    // Invalid UTF-8 is left for the parser to reject.
    let text = std::str::from_utf8(line).map(input::trim);
    let line = text.map_or(line, str::as_bytes);
    if line.is_empty() {
        return;
    }
    let mut bad = |field: &str, message: String| {
        batch.bad.push(Bad { line: number, field: field.to_owned(), message });
    };
    let job = match zoomd_wire::parse(line, rules) {
        Ok(job) => job,
        Err(invalid) => return bad(&invalid.field, invalid.message),
    };
    let text = text.unwrap_or_default();
    let made = ids.filter(|_| job.id.is_none()).map(|ids| ids.next(text));
    let sent = match made.as_ref().map(|id| zoomd_wire::with_id(text, id)) {
        Some(Some(with_id)) if with_id.len() > MAX_JOB => {
            let message = format!(
                "the job has {} bytes with its derived id; the maximum is {MAX_JOB}",
                with_id.len()
            );
            return bad("job", message);
        }
        Some(Some(with_id)) => with_id,
        Some(None) | None => text.to_owned(),
    };
    batch.jobs.push(Sound {
        line: number,
        text: sent,
        id_made: made.is_some(),
        account: job.account.to_string(),
        hosts: hosts(&job).into_iter().map(std::borrow::Cow::into_owned).collect(),
        id: job.id.or(made).as_ref().map(JobId::to_string),
        warnings: job.warnings,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str) -> (Vec<String>, Vec<Bad>) {
        read_bytes(input.as_bytes(), false)
    }

    fn read_bytes(input: &[u8], make_ids: bool) -> (Vec<String>, Vec<Bad>) {
        let rules = Rules::at(jiff::Timestamp::UNIX_EPOCH);
        let input: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(input.to_owned()));
        let mut receiver = spawn(input, Reading { rules, make_ids });
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
    fn what_editors_add_is_passed_over() {
        let sound = r#"{"account":"a","meeting":{"type":3}}"#;
        let marked = format!("\u{feff}{sound}\r\n\u{200b}{sound}\u{a0}\r{sound}");
        let utf16: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [marked.into_bytes(), utf16] {
            let (jobs, bad) = read_bytes(&bytes, false);
            assert_eq!((jobs, bad), (vec![sound.to_owned(); 3], vec![]));
        }
    }

    #[test]
    fn a_job_without_an_id_gets_that_of_its_line() {
        let lines = [
            r#"{"account":"a","meeting":{"type":3}}"#,
            r#"{"id":null,"account":"a","meeting":{"type":3}}"#,
            r#"{"account":"a","meeting":{"type":3}}"#,
            r#"{"id":"mine","account":"a","meeting":{"type":3}}"#,
        ];
        let (jobs, bad) = read_bytes(lines.join("\n").as_bytes(), true);
        assert!(bad.is_empty(), "{bad:?}");
        let ids: Vec<_> = jobs
            .iter()
            .map(|job| zoomd_wire::parse(job.as_bytes(), &Rules::at(jiff::Timestamp::UNIX_EPOCH)))
            .map(|job| job.expect("a sound job").id.expect("an id").to_string())
            .collect();
        assert_eq!(ids[3], "mine");
        assert_eq!(std::collections::HashSet::<_>::from_iter(&ids).len(), 4, "{ids:?}");
        // A repeat gives the same ids, whatever stands between the lines.
        let (again, _) = read_bytes(lines.join("\r\n\r\n").as_bytes(), true);
        assert_eq!(again, jobs);
        let (without, _) = read_bytes(lines.join("\n").as_bytes(), false);
        assert_eq!(without, lines);
        // An id that does not fit is no reason to send a job that nobody accepts.
        let fill = MAX_JOB - r#"{"account":"a","meeting":{"type":3,"x":""}}"#.len();
        let full =
            format!(r#"{{"account":"a","meeting":{{"type":3,"x":"{}"}}}}"#, "x".repeat(fill));
        let (jobs, bad) = read_bytes(full.as_bytes(), true);
        assert!(jobs.is_empty() && bad[0].message.contains("with its derived id"), "{bad:?}");
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
