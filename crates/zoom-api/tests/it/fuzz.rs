//! Mutations of Zoom's answers. `make fuzz` runs this for minutes.

#![expect(clippy::print_stdout, reason = "a long run ends with its figures")]

#[path = "../../../../fuzz/src/mutate.rs"]
mod mutate;
#[path = "../../../../fuzz/src/reply.rs"]
mod reply;

const SEEDS: [&[u8]; 9] = [
    b"\x00\n{\"id\":78475495050,\"uuid\":\"a/b==\",\"host_id\":\"h\",\"host_email\":\"h@example.com\",\"topic\":\"t\",\"type\":2,\"start_url\":\"s\",\"join_url\":\"https://zoom.us/j/1\",\"created_at\":\"2026-10-01T00:00:00Z\",\"agenda\":\"a\"}",
    b"\x01\n{\"page_size\":300,\"next_page_token\":\"abc\",\"meetings\":[{\"id\":1,\"uuid\":\"u\",\"topic\":\"t\",\"type\":2,\"agenda\":\"x\",\"start_time\":\"2026-12-01T10:00:00Z\"},{\"id\":\"2\"}]}",
    b"\x0a\x002\n\x02QPS\n\x030\n\n{\"code\":429,\"message\":\"You have reached the maximum per-second rate limit for this API. Try again later.\"}",
    b"\x0a\x002026-10-02T00:00:00Z\n\n{\"code\":429,\"message\":\"You have exceeded the daily rate limit of (100) for meeting create/update requests permitted for this particular user\"}",
    b"\x04\n{\"code\":300,\"message\":\"Validation Failed.\",\"errors\":[{\"field\":\"duration\",\"message\":\"bad\"}]}",
    b"\x05\n{\"code\":124,\"message\":\"Invalid access token.\"}",
    b"\x04\n<?xml version=\"1.0\"?><result><code>300</code><message>m</message></result>",
    b"\x01\n{\"access_token\":\"a\",\"token_type\":\"bearer\",\"refresh_token\":\"r\",\"expires_in\":3599,\"scope\":\"meeting:write:meeting\",\"api_url\":\"https://api.zoom.us\"}",
    b"\x04\n{\"reason\":\"Invalid Token!\",\"error\":\"invalid_grant\"}",
];
const WORDS: [&str; 40] = [
    r#""id":"#,
    r#""uuid":"#,
    r#""code":"#,
    r#""message":"#,
    r#""errors":"#,
    r#""meetings":"#,
    r#""next_page_token":"#,
    r#""access_token":"#,
    r#""refresh_token":"#,
    r#""expires_in":"#,
    r#""error":"#,
    r#""reason":"#,
    r#""scope":"#,
    r#""api_url":"#,
    r#""join_url":"#,
    r#""agenda":"#,
    r#""host_id":"#,
    r#""field":"#,
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "<code>",
    "</code>",
    "<message>",
    "</message>",
    "<html>",
    "\n",
    "\\u0000",
    "\\ud83d",
    "\u{e9}",
    "124",
    "4711",
    "per-second rate limit",
    "daily rate limit",
    "Wed, 21 Oct 2026 07:28:00 GMT",
];

#[test]
fn any_mutation_of_an_answer_is_read_within_bounds() {
    let ran = mutate::run(&SEEDS, &WORDS, 20_000, reply::run);
    println!("answers: {} executions, {} kinds of answers", ran.executions, ran.kinds);
    assert!(ran.executions >= 20_000 && ran.kinds >= 30, "{ran:?}");
}
