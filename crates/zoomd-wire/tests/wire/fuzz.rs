//! Mutations of jobs. `make fuzz` runs this for minutes.

#![expect(clippy::print_stdout, reason = "a long run ends with its figures")]

#[path = "../../../../fuzz/src/job.rs"]
mod job;
#[path = "../../../../fuzz/src/mutate.rs"]
mod mutate;

const SEEDS: [&[u8]; 6] = [
    br#"{"account":"acme","meeting":{"type":3}}"#,
    br#"{"id":"order-1234","account":"acme","kind":"create_meeting","user":"me","meeting":{"topic":"Weekly sync","type":2,"start_time":"2026-12-01T10:00:00Z","duration":30,"timezone":"UTC","agenda":"what we do","settings":{"waiting_room":true}},"not_before":"2026-11-30T00:00:00Z","deadline":"2026-12-01T09:00:00Z","max_attempts":5,"priority":"normal","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","metadata":{"tenant":7}}"#,
    br#"{"account":"a","meeting":{"type":8,"start_time":"2026-12-01T10:00:00","timezone":"Europe/Berlin","recurrence":{"type":2,"weekly_days":"1,3","end_times":4}},"reply":true}"#,
    br#"{"account":"a","meeting":{"type":1,"topic":"\u00e9\ud83d\ude00","use_pmi":true,"schedule_for":"x@example.com"},"priority":"high"}"#,
    br#"{"account":"a","user":"u@example.com","meeting":{"type":2,"start_time":"2027-01-01T00:00:00+05:30","template_id":"t","agenda":"a\nzd-abcdefghijkl"}}"#,
    b"[]",
];
const WORDS: [&str; 48] = [
    r#""id":"#,
    r#""account":"#,
    r#""kind":"#,
    r#""user":"#,
    r#""meeting":"#,
    r#""topic":"#,
    r#""type":"#,
    r#""start_time":"#,
    r#""duration":"#,
    r#""timezone":"#,
    r#""agenda":"#,
    r#""settings":"#,
    r#""recurrence":"#,
    r#""schedule_for":"#,
    r#""use_pmi":"#,
    r#""template_id":"#,
    r#""not_before":"#,
    r#""deadline":"#,
    r#""max_attempts":"#,
    r#""priority":"#,
    r#""reply":"#,
    r#""traceparent":"#,
    r#""metadata":"#,
    r#""end_date_time":"#,
    r#""weekly_days":"#,
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "false",
    r#""""#,
    r#""me""#,
    r#""high""#,
    r#""create_meeting""#,
    r#""2026-12-01T10:00:00Z""#,
    r#""2026-12-01T10:00:00""#,
    r#""Europe/Berlin""#,
    r#""+14:00""#,
    "\\u0000",
    "\\ud83d",
    "\\\"",
    "\u{e9}",
    " ",
    "\n",
];

#[test]
fn any_mutation_of_a_job_gets_a_true_answer() {
    let ran = mutate::run(&SEEDS, &WORDS, 20_000, job::run);
    println!("jobs: {} executions, {} kinds of answers", ran.executions, ran.kinds);
    assert!(ran.executions >= 20_000 && ran.kinds >= 30, "{ran:?}");
}
