//! `zoomd enqueue`: what is sent, what is refused before it is sent, and the
//! wait for outcomes.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;

use crate::support::{Rig, job, until};

const START: &str = "2090-01-02T10:00:00Z";

fn line(id: usize) -> String {
    format!(
        r#"{{"id":"job-{id:07}","account":"acme","user":"me","meeting":{{"topic":"Weekly sync of the whole team","type":2,"start_time":"{START}","duration":30,"timezone":"UTC","agenda":"what we did, what we will do","settings":{{"waiting_room":true,"host_video":false}}}},"metadata":{{"tenant":7}}}}"#
    )
}

#[tokio::test]
async fn one_job_from_flags_is_what_a_producer_would_write() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let args = [
        "enqueue",
        "--account",
        "acme",
        "--topic",
        "Sync",
        "--start-time",
        START,
        "--duration",
        "30",
        "--id",
        "order-1",
        "--priority",
        "high",
        "--metadata",
        r#"{"t":1}"#,
        "--json",
    ];
    let shown = rig.run(&args).expect(0).json();
    assert_eq!(shown["job_id"], "order-1");
    let entry = rig.redis_cli(&["XRANGE", "zoomd:jobs", "-", "+"]);
    assert!(entry.contains(shown["entry_id"].as_str().expect("id")), "{entry}");
    let start = entry.find('{').expect("json");
    let written: Value = serde_json::from_str(entry[start..].trim()).expect("json");
    let expected = serde_json::json!({
        "id": "order-1", "account": "acme", "priority": "high", "metadata": {"t": 1},
        "meeting": {"topic": "Sync", "start_time": START, "duration": 30},
    });
    assert_eq!(written, expected);
}

#[tokio::test]
async fn what_is_wrong_is_told_before_anything_is_sent() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let past = ["enqueue", "--account", "acme", "--start-time", "2020-01-01T00:00:00Z", "--json"];
    let error = rig.run(&past).expect(2).json();
    assert_eq!(error["error"]["code"], "invalid_job");
    assert!(error["error"]["message"].as_str().expect("text").contains("is in the past"));
    let unknown = ["enqueue", "--account", "nobody", "--type", "3"];
    let ran = rig.run(&unknown).expect(3);
    assert!(ran.stderr.contains("no account named nobody"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: zoomd account login nobody"), "{}", ran.stderr);
    rig.run(&["enqueue", "--account", "acme", "--meeting", "[]"]).expect(2);
    rig.run(&["enqueue"]).expect(2);
    let dry = ["enqueue", "--account", "acme", "--type", "3", "--dry-run"];
    assert!(rig.run(&dry).expect(0).stdout.contains(r#""type":3"#));
    assert_eq!(rig.redis_cli(&["XLEN", "zoomd:jobs"]).trim(), ":0");
}

#[tokio::test]
async fn waiting_ends_with_the_meeting_or_with_the_failure() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    let args = ["enqueue", "--account", "acme", "--topic", "S", "--start-time", START, "--wait"];
    let ran = rig.run(&args).expect(0);
    assert!(ran.stdout.contains("join       http"), "{}", ran.stdout);
    let with_id = [&args[..], &["--id", "once", "--json"]].concat();
    let first = rig.run(&with_id).expect(0).json();
    assert_eq!((&first["status"], &first["run"]), (&"succeeded".into(), &1.into()));
    // Sent again it makes nothing, and the wait ends with the first one's outcome.
    let again = rig.run(&with_id).expect(0).json();
    assert_eq!(again["meeting"]["id"], first["meeting"]["id"]);
    // Another job under that id fails under its entry's id, and that ends the wait too.
    let other = ["enqueue", "--account", "acme", "--type", "3", "--id", "once", "--wait", "--json"];
    assert_eq!(rig.run(&other).expect(1).json()["code"], "id_conflict");
}

#[tokio::test]
async fn a_wait_without_a_daemon_ends_at_its_time() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let args =
        ["enqueue", "--account", "acme", "--type", "3", "--wait", "--timeout", "1s", "--json"];
    let error = rig.run(&args).expect(1).json();
    assert_eq!(error["error"]["code"], "timeout");
}

#[tokio::test]
async fn a_file_is_sent_whole_or_not_at_all() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let path = rig.dir.path().join("jobs.jsonl");
    let text = format!("{}\n\n{}\nnot json\n{{\"account\":\"acme\"}}\n", line(1), line(2));
    std::fs::write(&path, text).expect("written");
    let file = path.to_str().expect("utf-8");
    let ran = rig.run(&["enqueue", "--file", file]).expect(2);
    assert!(ran.stderr.contains("line 4: the job is not JSON"), "{}", ran.stderr);
    assert!(ran.stderr.contains("line 5: `meeting` is missing"), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was sent"), "{}", ran.stderr);
    let dry = rig.run(&["enqueue", "--file", file, "--dry-run", "--json"]).expect(2).jsonl();
    assert_eq!((&dry[0]["line"], &dry[1]["line"]), (&4.into(), &5.into()));
    assert_eq!((&dry[2]["valid"], &dry[2]["invalid"]), (&2.into(), &2.into()));
    assert_eq!(rig.redis_cli(&["XLEN", "zoomd:jobs"]).trim(), ":0");
    let some = rig.run(&["enqueue", "--file", file, "--skip-invalid", "--json"]).expect(0).json();
    assert_eq!((&some["enqueued"], &some["invalid"]), (&2.into(), &2.into()));
    assert_eq!(rig.redis_cli(&["XLEN", "zoomd:jobs"]).trim(), ":2");
    rig.run(&["enqueue", "--file", "/does/not/exist"]).expect(2);
}

#[tokio::test]
async fn a_pipe_is_sent_up_to_the_first_bad_line() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let sound = format!("{}\n{}\n", line(1), line(2));
    let ran = rig.run_with(&["enqueue", "--file", "-", "--json"], &sound).expect(0);
    assert_eq!(ran.json()["enqueued"], 2);
    let text = format!("{}\nnonsense\n{}\n", line(3), line(4));
    let ran = rig.run_with(&["enqueue", "--file", "-"], &text).expect(2);
    assert!(ran.stderr.contains("line 2: the job is not JSON"), "{}", ran.stderr);
    assert!(ran.stderr.contains("everything before line 2 was sent"), "{}", ran.stderr);
    assert!(ran.stderr.contains("then send the whole input again"), "{}", ran.stderr);
    assert_eq!(rig.redis_cli(&["XLEN", "zoomd:jobs"]).trim(), ":3");
    // Without ids a repeat makes second meetings, and no hint may lead there.
    let bare = r#"{"account":"acme","meeting":{"type":3}}"#;
    let text = format!("{bare}\n{bare}\nnonsense\n{bare}\n");
    let ran = rig.run_with(&["enqueue", "--file", "-", "--no-ids"], &text).expect(2);
    assert!(ran.stderr.contains("then send the input from line 3 on"), "{}", ran.stderr);
}

/// A pipe whose writer dies in the middle of it.
#[tokio::test]
async fn an_input_that_cannot_be_read_on_says_from_where_to_send_it() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let mut ours = std::net::TcpStream::connect(address).expect("connected");
    let (mut theirs, _) = listener.accept().expect("accepted");
    // A connection that is closed with something unread is reset.
    theirs.write_all(b"?").expect("sent");
    let mut command = rig.command(&["enqueue", "--file", "-", "--no-ids"]);
    command.stdin(std::os::fd::OwnedFd::from(theirs)).stderr(Stdio::piped());
    let child = command.spawn().expect("the binary starts");
    drop(command);
    ours.write_all(b"{\"account\":\"acme\",\"meeting\":{\"type\":3}}\n").expect("sent");
    until("a job", || (rig.redis_cli(&["XLEN", "zoomd:jobs"]).trim() == ":1").then_some(()));
    drop(ours);
    let output = child.wait_with_output().expect("the command ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("everything up to line 1 is in Redis"), "{told}");
    assert!(told.contains("hint: send the input from line 2 on"), "{told}");
}

#[tokio::test]
async fn a_dry_run_lists_every_invalid_line() {
    let rig = Rig::start().await;
    let bad: String = (0..842).map(|_| "{\"account\":\"acme\"}\n\n").collect();
    let doubtful = r#"{"account":"acme","meeting":{"type":3,"settings":{"waitingroom":true}}}"#;
    let dry = ["enqueue", "--file", "-", "--dry-run", "--json"];
    let lines = rig.run_with(&dry, &(bad.clone() + doubtful)).expect(2).jsonl();
    assert_eq!(lines.len(), 842 + 2);
    assert_eq!((&lines[841]["line"], &lines[841]["field"]), (&1_683.into(), &"meeting".into()));
    assert_eq!(lines[842]["field"], "meeting.settings.waitingroom");
    assert!(lines[842]["warning"].as_str().is_some_and(|text| text.contains("waiting_room")));
    let summary = &lines[843];
    assert_eq!((&summary["valid"], &summary["invalid"]), (&1.into(), &842.into()));
    // People see the first, and that there are more.
    let ran = rig.run_with(&["enqueue", "--file", "-", "--dry-run"], &bad).expect(2);
    assert!(ran.stderr.contains("line 39: `meeting` is missing"), "{}", ran.stderr);
    assert!(ran.stderr.contains("and 822 more invalid lines"), "{}", ran.stderr);
}

/// The command is fed line by line while Redis dies under it.
#[tokio::test]
async fn a_dead_redis_is_told_by_the_lines_of_the_input_and_a_repeat_is_a_repeat() {
    let mut rig = Rig::start().await;
    rig.connect("acme");
    let no_id =
        |n: usize| format!(r#"{{"account":"acme","meeting":{{"type":3,"topic":"Sync {n}"}}}}"#);
    let first = [&no_id(1), "", "nonsense", &no_id(2), "{}", "  ", &no_id(2)].map(str::to_owned);
    let rest: Vec<String> = (3..8).map(no_id).collect();
    let args = ["enqueue", "--file", "-", "--skip-invalid", "--json"];
    let mut child = rig
        .command(&args)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut input = child.stdin.take().expect("piped");
    writeln!(input, "{}", first.join("\n")).expect("written");
    let sent = || (rig.redis_cli(&["XLEN", "zoomd:jobs"]).trim() == ":3").then_some(());
    crate::support::until("three jobs are sent", sent);
    rig.redis.kill();
    writeln!(input, "{}\n\n{}", rest[0], rest[1]).expect("written");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let error: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(output.status.code(), Some(5), "{error}");
    let (message, hint) = (&error["error"]["message"], &error["error"]["hint"]);
    let message = message.as_str().expect("a text");
    // The reply for the first lines may not have been read when Redis died.
    let known = ["everything up to line 7 is in Redis", "no line was confirmed by Redis"];
    assert!(known.iter().any(|known| message.contains(known)), "{message}");
    let last = [8, 10].map(|line| format!("nothing after line {line} was sent"));
    assert!(last.iter().any(|last| message.contains(last)), "{message}");
    assert!(
        hint.as_str().is_some_and(|hint| hint.contains("send the whole input again")),
        "{hint}"
    );

    rig.redis.restart().expect("redis starts");
    let _daemon = rig.daemon();
    let all = [&first[..], &rest].concat().join("\r\n");
    let wait = ["enqueue", "--file", "-", "--skip-invalid", "--wait", "--output", "jsonl"];
    let lines = rig.run_with(&wait, &format!("\u{feff}{all}")).expect(0).jsonl();
    let summary = lines.last().expect("a summary");
    assert_eq!((&summary["succeeded"], &summary["ids_made"]), (&8.into(), &8.into()), "{summary}");
    // Two equal lines are two jobs; a line sent twice is one.
    assert_eq!(rig.sim.meetings().len(), 8);
    // Unless a second meeting is wanted.
    let again = ["enqueue", "--file", "-", "--no-ids", "--wait", "--output", "jsonl"];
    rig.run_with(&again, &no_id(1)).expect(0);
    assert_eq!(rig.sim.meetings().len(), 9);
}

/// A zone that this machine alone knows means nothing elsewhere.
#[tokio::test]
async fn zones_of_the_machine_are_no_zones() {
    let rig = Rig::start().await;
    let zones = rig.dir.path().join("zones");
    std::fs::create_dir_all(zones.join("Fake")).expect("made");
    // The smallest file of a zone: one type, two hours east, and its name.
    let mut file = b"TZif".to_vec();
    file.extend([0; 16]);
    file.extend([0u32, 0, 0, 0, 1, 4].iter().flat_map(|count| count.to_be_bytes()));
    file.extend(7_200i32.to_be_bytes());
    file.extend(b"\0\0XST\0");
    for name in ["Fake/Zone", "localtime"] {
        std::fs::write(zones.join(name), &file).expect("written");
        let start = ["--start-time", "2090-01-02T10:00:00", "--timezone", name, "--dry-run"];
        let args = [&["enqueue", "--account", "acme"], &start[..]].concat();
        let mut command = rig.command(&args);
        command.env("TZDIR", &zones);
        let ran = crate::support::finish(command, "").expect(2);
        assert!(ran.stderr.contains("which is no time zone"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn a_valid_job_with_something_odd_in_it_is_sent_with_a_warning() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let _daemon = rig.daemon();
    let meeting = format!(
        r#"{{"start_time":"{START}","recurrence":{{"type":1,"end_times":7}},"settings":[]}}"#
    );
    let args = ["enqueue", "--account", "acme", "--meeting", &meeting, "--wait", "--json"];
    let ran = rig.run(&args).expect(0);
    assert!(ran.stderr.contains("warning: `meeting.recurrence` was dropped"), "{}", ran.stderr);
    let result = ran.json();
    assert_eq!(result["warnings"][0]["field"], "meeting.recurrence");
    assert_eq!(rig.sim.meetings().len(), 1);
}

#[tokio::test]
async fn many_jobs_are_sent_waited_for_and_counted() {
    let rig = Rig::start().await;
    rig.connect("acme");
    rig.run(&["account", "set", "acme", "--plan", "unlimited"]).expect(0);
    let _daemon = rig.daemon();
    let mut text: String = (0..60).map(|id| line(id) + "\n").collect();
    text += &job("nobody", "lost");
    let args = ["enqueue", "--file", "-", "--wait", "--output", "jsonl"];
    let ran = rig.run_with(&args, &text).expect(1);
    let lines = ran.jsonl();
    let of = |field: &str| lines.iter().filter(|line| line.get(field).is_some()).count();
    // Accepted and over: each job is in two lines, by the number of its own.
    assert_eq!((of("line"), of("status")), (61, 61), "accepted and over");
    let last = lines.iter().find(|line| line["line"] == 61).expect("the last line of the input");
    assert_eq!(last["job_id"], "lost");
    let summary = lines.last().expect("a summary");
    assert_eq!((&summary["succeeded"], &summary["failed"]), (&60.into(), &1.into()));
    assert_eq!(summary["codes"]["unknown_account"], 1);
}

/// Two accounts whose jobs wait for their own reasons, and a job that is done.
#[tokio::test]
async fn a_batch_that_waits_tells_its_ids_and_what_it_waits_for() {
    let rig = Rig::start().await;
    for name in ["acme", "still", "lost"] {
        rig.connect(name);
    }
    let _daemon = rig.daemon();
    rig.run(&["account", "pause", "still", "--reason", "moving"]).expect(0);
    rig.sim.revoke("lost");
    let mut text = job("acme", "done") + "\n\n";
    for n in 0..40 {
        text += &(job("still", &format!("s{n}")) + "\n");
    }
    text += &(job("lost", "l1") + "\n" + &job("lost", "l2") + "\n");
    let args = ["enqueue", "--file", "-", "--wait", "--timeout", "6s"];
    let lines = rig.run_with(&[&args[..], &["--json"]].concat(), &text).expect(1).jsonl();
    let accepted: Vec<_> = lines.iter().filter(|line| line.get("line").is_some()).collect();
    assert_eq!(accepted.len(), 43, "{lines:?}");
    assert_eq!((&accepted[1]["line"], &accepted[1]["job_id"]), (&3.into(), &"s0".into()));
    assert!(accepted[1]["entry_id"].as_str().is_some_and(|id| id.contains('-')));
    let standing = lines.iter().rfind(|line| line.get("waiting_for").is_some()).expect("told");
    let reasons = standing["waiting_for"].as_array().expect("a list");
    let told: Vec<_> = reasons.iter().map(|r| (r["reason"].as_str(), r["jobs"].as_u64())).collect();
    assert_eq!(told, [(Some("paused"), Some(40)), (Some("consent"), Some(2))], "{standing}");
    let error = lines.last().map(|line| line["error"].clone()).expect("an error");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains("42 jobs are not finished (40 jobs: "), "{error}");
    assert!(message.contains("the account is paused: moving"), "{error}");
    // Sent again they are the same jobs; people get a line for each reason.
    let ran = rig.run_with(&args, &text).expect(1);
    let lines: Vec<_> = ran.stderr.lines().filter(|line| line.contains(" jobs: ")).collect();
    assert!(lines[0].starts_with("40 jobs: ") && lines[0].contains("is paused: moving"), "{ran:?}");
    assert!(lines[1].starts_with("2 jobs: ") && lines[1].contains("authorization"), "{ran:?}");
    assert!(lines.len() <= 4, "it is told when it changes: {lines:?}");
}

#[tokio::test]
async fn a_hundred_thousand_jobs_are_sent_in_flat_memory() {
    let rig = Rig::start().await;
    let path = rig.dir.path().join("many.jsonl");
    let text: String = (0..100_000).map(|id| line(id) + "\n").collect();
    assert!((28_000_000..36_000_000).contains(&text.len()), "about 300 bytes each");
    std::fs::write(&path, text).expect("written");
    let file = path.to_str().expect("utf-8");
    let began = Instant::now();
    let shown = rig.run(&["enqueue", "--file", file, "--json"]).expect(0).json();
    assert_eq!(shown["enqueued"], 100_000);
    assert_eq!(rig.redis_cli(&["XLEN", "zoomd:jobs"]).trim(), ":100000");
    // A build without optimisation checks ten times slower; this only finds what hangs.
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_dry_run_says_how_many_days_a_batch_takes() {
    let rig = Rig::start().await;
    rig.connect("acme");
    let line = |account: &str, user: &str| {
        let mut job: serde_json::Value = serde_json::from_str(&job(account, "x")).expect("JSON");
        job["user"] = user.into();
        job.as_object_mut().expect("an object").remove("id");
        job.to_string() + "\n"
    };
    let text = line("acme", "me").repeat(130) + &line("acme", "other").repeat(250);
    let text = text + &line("nobody", "me");
    let dry = ["enqueue", "--file", "-", "--dry-run"];
    let shown = rig.run_with(&[&dry[..], &["--json"]].concat(), &text).expect(0).json();
    let plan = &shown["plan"];
    assert_eq!((&shown["valid"], &plan["days"]), (&381.into(), &3.into()), "{shown}");
    assert_eq!(plan["not_today"], 180, "{plan}");
    let host = |name: &str| {
        let hosts = plan["hosts"].as_array().expect("a list");
        let host = hosts.iter().find(|host| host["host"] == name && host["account"] == "acme");
        host.map(|host| (host["jobs"].clone(), host["today"].clone(), host["days"].clone()))
    };
    assert_eq!(host("me"), Some((130.into(), 100.into(), 2.into())));
    assert_eq!(host("other"), Some((250.into(), 100.into(), 3.into())));
    let told = rig.run_with(&dry, &text).expect(0).stdout;
    assert!(told.contains("will take 3 days"), "{told}");
    assert!(told.contains("unknown_account"), "{told}");
    assert_eq!(rig.redis_cli(&["EXISTS", "zoomd:jobs"]).trim(), ":0", "nothing was sent");
}
