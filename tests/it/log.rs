//! The log goes to a stderr that refuses it, ends, or is not read: work goes on.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read as _, Write as _};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::Signal;
use zoom_sim::{Endpoint, Fault, LimitKind, What};
use zoomd_store::streams::Stream;

use crate::support::{Daemon, Rig, job, until};

/// Longer than the end of an idle daemon takes, with the wait for its last lines.
const END: Duration = Duration::from_secs(8);

/// One job meets a 429, which is logged, and one a panic; both succeed, and the
/// daemon ends as it should.
async fn works_and_ends(rig: &Rig, daemon: &mut Daemon) {
    let before = rig.sim.meetings_of("acme").len();
    rig.sim.fault(Fault::new(Endpoint::Create, What::Limit(LimitKind::PerSecond)));
    for id in ["one", "two", "three"] {
        rig.xadd(&job("acme", id)).await;
    }
    for id in ["one", "two", "three"] {
        let (stream, outcome) = rig.outcome(id).await;
        assert_eq!(stream, Stream::Results, "{outcome}");
    }
    assert_eq!(rig.sim.meetings_of("acme").len(), before + 3);
    let metrics = daemon.get("/metrics").1;
    assert!(metrics.contains("zoomd_job_panics_total 1\n"), "a handler panicked: {metrics}");
    rig.run(&["account", "refresh", "acme"]).expect(0);
    let begun = Instant::now();
    daemon.signal(Signal::TERM);
    assert!(daemon.wait().success());
    assert!(begun.elapsed() < END, "{:?}", begun.elapsed());
}

async fn rig() -> Rig {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    rig.set("ZOOMD_FAILPOINT", "answered:panic:2");
    rig.set("ZOOMD_FAILPOINT_WORK_PACE", "30");
    rig
}

/// Lines that `/metrics` counts as lost.
fn lost(daemon: &Daemon, why: &str) -> u64 {
    let name = format!("zoomd_log_lines_lost_total{{why=\"{why}\"}} ");
    let text = daemon.get("/metrics").1;
    text.lines()
        .find_map(|line| line.strip_prefix(&name))
        .map_or(0, |n| n.parse().expect("a count"))
}

/// A pipe that takes no byte more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let blocking = rustix::fs::fcntl_getfl(&writer).expect("its flags");
    rustix::fs::fcntl_setfl(&writer, blocking | OFlags::NONBLOCK).expect("set");
    while (&writer).write(&[b'\n'; 512]).is_ok() {}
    while (&writer).write(b"\n").is_ok() {}
    rustix::fs::fcntl_setfl(&writer, blocking).expect("set");
    (reader, writer)
}

#[tokio::test]
async fn a_stderr_that_refuses_every_line_stops_no_job() {
    let mut rig = rig().await;
    let full = File::options().write(true).open("/dev/full").expect("/dev/full");
    let mut daemon = rig.daemon_to(full);
    until("a count of the lines", || (lost(&daemon, "failed") > 0).then_some(()));
    works_and_ends(&rig, &mut daemon).await;
}

#[tokio::test]
async fn a_reader_that_ends_after_one_line_stops_no_job() {
    let mut rig = rig().await;
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let first = std::thread::spawn(move || reader.read_exact(&mut [0]));
    let mut daemon = rig.daemon_to(writer);
    first.join().expect("joined").expect("a line came");
    works_and_ends(&rig, &mut daemon).await;
}

#[tokio::test]
async fn a_full_pipe_that_nobody_reads_stops_no_job() {
    let mut rig = rig().await;
    let (_reader, writer) = full_pipe();
    let mut daemon = rig.daemon_to(writer);
    works_and_ends(&rig, &mut daemon).await;
}

#[tokio::test]
async fn a_full_pipe_that_does_not_block_loses_lines_and_says_how_many_when_it_is_read() {
    let mut rig = rig().await;
    // More than the queue holds.
    rig.set("ZOOMD_LOG", "trace");
    let (mut reader, writer) = full_pipe();
    rustix::fs::fcntl_setfl(&writer, OFlags::WRONLY | OFlags::NONBLOCK).expect("set");
    let mut daemon = rig.daemon_to(writer);
    for round in 0.. {
        assert!(round < 30, "the queue never fills");
        let account = format!("user-{round}");
        rig.connect(&account);
        let jobs: Vec<_> = (0..100).map(|n| job(&account, &format!("{round}-{n}"))).collect();
        zoomd_store::streams::enqueue(&rig.store().await, &jobs).await.expect("added");
        for n in 0..100 {
            rig.outcome(&format!("{round}-{n}")).await;
        }
        if lost(&daemon, "slow") > 0 {
            break;
        }
    }
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    works_and_ends(&rig, &mut daemon).await;
    let text = reader.join().expect("joined").expect("text");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let said = lines
        .iter()
        .find(|line| line["message"].as_str().is_some_and(|m| m.contains("lines were lost")));
    assert!(said.is_some_and(|line| line["dropped"].as_u64() > Some(0)), "{said:?}");
    let last = lines.last().expect("a line");
    assert!(lines.iter().any(|line| line["message"] == "zoomd has stopped"), "{last}");
}

#[tokio::test]
async fn a_panic_is_told_with_its_backtrace_whatever_the_filter() {
    let mut rig = Rig::start().await;
    rig.set("ZOOMD_FAILPOINT_PART", "lease_sweep:panic");
    for (filter, backtrace) in [("info", ""), ("info", "1"), ("off", "1")] {
        rig.set("ZOOMD_LOG", filter);
        rig.set("RUST_BACKTRACE", backtrace);
        let mut daemon = rig.daemon_unchecked();
        assert_eq!(daemon.wait().code(), Some(1));
        let line = daemon.wait_log("a panic, which is a defect of zoomd");
        assert_eq!(
            (&line["level"], &line["panic"]),
            (&"ERROR".into(), &"the failpoint of part lease_sweep".into())
        );
        let told = line["backtrace"].as_str().is_some_and(|text| text.contains("zoomd"));
        assert_eq!(told, !backtrace.is_empty(), "{line}");
    }
}
