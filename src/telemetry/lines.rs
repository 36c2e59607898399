//! The way of log lines to stderr: a bounded queue, and a thread that writes it.
//!
//! A caller that logs never waits and never hears of a failure. A line that finds the
//! queue full is dropped, one that cannot be written is given up; both are counted
//! (`zoomd_log_lines_lost_total`), and as soon as a line can be written again the
//! log says how many are missing. That report is no line of anybody: where it is
//! refused too nothing is counted, and it waits for the next line that is written.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of lines that wait for a slow reader.
const ROOM: usize = 1 << 20;
/// Between two tries at a full pipe that does not block.
const TRY_AGAIN: Duration = Duration::from_millis(10);
/// Between two lines about lost ones.
const BETWEEN_REPORTS: Duration = Duration::from_secs(1);

thread_local! {
    /// True if this is the thread that writes: its own lines go first.
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// Takes lines and never blocks; clones share the queue.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something was queued, or everything has been written.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Box<[u8]>>,
    /// A report of lost lines: it goes first.
    report: Option<Box<[u8]>>,
    bytes: usize,
    /// True if the thread has a line in hand.
    writing: bool,
    lost: Lost,
}

/// Text for the thread to write.
enum Item {
    Line(Box<[u8]>),
    Report(Box<[u8]>),
}

/// Lines that are missing from the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Lost {
    /// The queue was full, since the reader is slow.
    dropped: u64,
    /// The system refused the write.
    failed: u64,
}

impl Lines {
    /// Starts the thread that writes to `out`.
    pub fn to(out: impl Write + Send + 'static) -> io::Result<Self> {
        let lines = Self::default();
        let writer = Writer::new(lines.clone(), out);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.run())?;
        Ok(lines)
    }

    /// Waits until everything queued so far is written, at most for `limit`.
    pub fn flush(&self, limit: Duration) {
        let queue = self.lock();
        let busy = |queue: &mut Queue| queue.writing || !queue.lines.is_empty();
        drop(self.0.changed.wait_timeout_while(queue, limit, busy));
    }

    fn add(&self, line: &[u8]) {
        let own = WRITES.get();
        let mut queue = self.lock();
        if own {
            queue.report = Some(line.into());
            return;
        }
        if queue.bytes + line.len() > ROOM {
            queue.lost.dropped += 1;
            drop(queue);
            count("slow");
            return;
        }
        queue.lines.push_back(line.into());
        queue.bytes += line.len();
        drop(queue);
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next line, in hand of the thread; `None` after a wait for nothing.
    fn next(&self, wait: Duration) -> Option<Item> {
        let mut queue = self.lock();
        if let Some(report) = queue.report.take() {
            return Some(Item::Report(report));
        }
        queue.writing = false;
        if queue.lines.is_empty() {
            self.0.changed.notify_all();
        }
        let waited = self.0.changed.wait_timeout_while(queue, wait, |q| q.lines.is_empty());
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        let line = queue.lines.pop_front()?;
        queue.bytes -= line.len();
        queue.writing = true;
        Some(Item::Line(line))
    }
}

/// One write is one line.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Stderr without the standard library's lock, which others may hold.
#[derive(Debug)]
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(io::stderr(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Writer<W> {
    lines: Lines,
    out: W,
    /// True if the last line was written in part.
    torn: bool,
    /// Success of the last write.
    works: bool,
    /// The losses that the log tells of, and those it told of before its last report.
    told: [Lost; 2],
    told_at: Option<Instant>,
}

impl<W: Write> Writer<W> {
    fn new(lines: Lines, out: W) -> Self {
        Self { lines, out, torn: false, works: true, told: Default::default(), told_at: None }
    }

    fn run(mut self) {
        WRITES.set(true);
        loop {
            let item = self.lines.next(BETWEEN_REPORTS);
            if let Some(Lost { dropped, failed }) = self.step(item, Instant::now()) {
                tracing::warn!(
                    dropped,
                    failed,
                    "log: lines were lost, since stderr was slow or closed"
                );
            }
        }
    }

    /// Writes what is next, if anything is; what was lost, where a report is due.
    fn step(&mut self, item: Option<Item>, now: Instant) -> Option<Lost> {
        match item {
            Some(Item::Line(line)) => {
                self.works = self.write(&line).is_ok();
                if !self.works {
                    self.lines.lock().lost.failed += 1;
                    count("failed");
                }
            }
            Some(Item::Report(report)) => {
                self.works = self.write(&report).is_ok();
                if !self.works {
                    self.told[0] = self.told[1];
                }
            }
            None => {}
        }
        let (lost, [told, _]) = (self.lines.lock().lost, self.told);
        let due = self.told_at.is_none_or(|at| now.duration_since(at) >= BETWEEN_REPORTS);
        if !self.works || lost == told || !due {
            return None;
        }
        (self.told, self.told_at) = ([lost, told], Some(now));
        Some(Lost { dropped: lost.dropped - told.dropped, failed: lost.failed - told.failed })
    }

    /// Writes one line, however long the reader takes for it.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.all(b"\n")?;
            self.torn = false;
        }
        self.all(line)
    }

    fn all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let whole = bytes.len();
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(TRY_AGAIN);
                }
                Err(error) => {
                    self.torn |= bytes.len() < whole;
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

fn count(why: &'static str) {
    metrics::counter!("zoomd_log_lines_lost_total", "why" => why).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;
    use std::sync::mpsc;

    const LIMIT: Duration = Duration::from_secs(20);

    /// Result of one write at the other end of the pipe.
    type Answer = io::Result<usize>;

    /// An output whose every write is answered by the test.
    struct Puppet {
        asked: mpsc::Sender<Vec<u8>>,
        answers: mpsc::Receiver<Answer>,
    }

    impl Write for Puppet {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.asked.send(bytes.to_vec());
            self.answers.recv().unwrap_or(Ok(bytes.len()))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn puppet() -> (Lines, mpsc::Receiver<Vec<u8>>, mpsc::Sender<Answer>) {
        let (asked, hear) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        let lines = Lines::to(Puppet { asked, answers }).expect("a thread");
        (lines, hear, answer)
    }

    fn heard(hear: &mpsc::Receiver<Vec<u8>>) -> String {
        String::from_utf8(hear.recv_timeout(LIMIT).expect("a write")).expect("text")
    }

    #[test]
    fn a_reader_that_does_not_read_blocks_nobody_and_is_waited_for_no_longer_than_asked() {
        let (mut lines, hear, answer) = puppet();
        let line = vec![b'x'; ROOM / 4];
        lines.write_all(&line).expect("taken");
        assert_eq!(heard(&hear).len(), line.len());
        for _ in 0..10 {
            lines.write_all(&line).expect("taken, or dropped without a word");
        }
        assert_eq!(lines.lock().lost, Lost { dropped: 6, failed: 0 });
        lines.flush(Duration::from_millis(20));
        assert!(lines.lock().writing, "still in hand");
        drop(answer);
        lines.flush(LIMIT);
        assert!(!lines.lock().writing && lines.lock().lines.is_empty());
        assert_eq!(hear.try_iter().count(), 4);
    }

    #[test]
    fn lost_lines_are_reported_once_lines_are_written_again_and_reports_are_not_lost_lines() {
        let (asked, _hear) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        let mut writer = Writer::new(Lines::default(), Puppet { asked, answers });
        let start = Instant::now();
        let mut step = |answers: &[Answer], item: Option<Item>, after: u64| {
            for given in answers {
                let given = given.as_ref().map(|n| *n).map_err(|e| e.kind().into());
                answer.send(given).expect("heard");
            }
            writer.step(item, start + Duration::from_secs(after))
        };
        let (line, report) =
            (|| Some(Item::Line((*b"x").into())), Some(Item::Report((*b"r").into())));
        let refused = || [Err(io::ErrorKind::StorageFull.into())];
        let lost = |failed| Some(Lost { dropped: 0, failed });
        assert_eq!(step(&refused(), line(), 0), None);
        assert_eq!(step(&[], None, 60), None, "nothing was written since");
        assert_eq!(step(&[Ok(1)], line(), 61), lost(1));
        assert_eq!(step(&refused(), report, 61), None);
        assert_eq!(step(&[], None, 120), None, "the refused report is no lost line");
        assert_eq!(step(&refused(), line(), 121), None);
        assert_eq!(step(&[Ok(1)], line(), 122), lost(2), "the line of the lost report, too");
        assert_eq!(step(&[Ok(1)], line(), 180), None);
    }

    #[test]
    fn a_full_pipe_is_tried_again_and_a_torn_line_is_ended_before_the_next() {
        let (mut lines, hear, answer) = puppet();
        lines.write_all(b"one\n").expect("taken");
        assert_eq!(heard(&hear), "one\n");
        answer.send(Err(io::ErrorKind::WouldBlock.into())).expect("heard");
        assert_eq!(heard(&hear), "one\n");
        answer.send(Ok(2)).expect("heard");
        assert_eq!(heard(&hear), "e\n");
        answer.send(Err(Errno::NOSPC.into())).expect("heard");
        lines.write_all(b"two\n").expect("taken");
        assert_eq!(heard(&hear), "\n");
        answer.send(Ok(1)).expect("heard");
        assert_eq!(heard(&hear), "two\n");
        answer.send(Ok(4)).expect("heard");
        lines.flush(LIMIT);
        assert_eq!(lines.lock().lost, Lost { dropped: 0, failed: 1 });
    }
}
