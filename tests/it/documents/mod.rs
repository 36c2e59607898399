//! The documents: every fenced block is closed and says what it holds, and what
//! can be run is run, in an environment as the document describes it.
//!
//! | kind | what happens to the block |
//! |---|---|
//! | `sh` | each command is typed into a terminal and must succeed |
//! | `console` | the `$` lines are typed; what they print is compared |
//! | `redis` | each line is sent to a real Redis, as the user of SECURITY.md it is for |
//! | `env` | each line is a setting under which the commands below it run |
//! | `json`, `jsonl`, `toml` | read by the program, compared with what it publishes |
//! | `text` | a picture, or output that the test named in [`TEXTS`] compares |
//! | `mermaid` | a diagram; `states.rs` holds the one of job states against the code |
//! | `sh not-run`, `caddy` | listed in [`NOT_RUN`] with the reason |

mod acl;
mod comments;
mod data;
mod fence;
mod inline;
mod played;
mod printed;
mod session;
mod terminal;

use std::collections::BTreeSet;

use fence::documents;
pub use fence::{blocks, read};
pub use session::Session;

/// Blocks that no test runs: document, first line, reason.
const NOT_RUN: &[(&str, &str, &str)] = &[
    (
        "README.md",
        "make demo     # installs redis-server if there is none, builds (a few minutes), runs 200 jobs against a simulated Zoom",
        "builds everything a second time; dev.rs runs what it runs, inline.rs asks make for its recipe",
    ),
    (
        "README.md",
        "make install           # builds zoomd and puts it into ~/.cargo/bin",
        "builds an optimised zoomd and writes to the home folder",
    ),
    (
        "CONTRIBUTING.md",
        "make test      # every test; installs redis-server if there is none",
        "runs this test",
    ),
    (
        "docs/tracing.md",
        "docker run --rm -p 16686:16686 -p 4318:4318 jaegertracing/jaeger",
        "starts a container; traces.rs exports to a collector of its own",
    ),
    (
        "docs/consent.md",
        "zoomd.example.com { reverse_proxy 127.0.0.1:8080 }",
        "the configuration of Caddy, a program that the tests do not need",
    ),
];

/// Blocks of `text`: document, first line, the test that compares it, or that it is a
/// picture.
const TEXTS: &[(&str, &str, &str)] = &[
    ("ARCHITECTURE.md", "XADD                                         XADD", "a picture"),
    (
        "ARCHITECTURE.md",
        "L3  zoomd          src/                 command line, configuration, daemon, HTTP ports, telemetry, dev",
        "a picture; house.rs checks the edges",
    ),
    (
        "README.md",
        "0.2s  acme     meeting   sample-0003  https://us05web.zoom.us/j/87514000018?pwd=…",
        "dev.rs: the summary",
    ),
    ("docs/jobs.md", "2029-12-30T08:00:00.000Z  +0 ms     accepted", "played.rs"),
];

/// Documents with commands; [`played`] has a test for each.
const PLAYED: &[&str] = &[
    "README.md",
    "SECURITY.md",
    "docs/accounts.md",
    "docs/consent.md",
    "docs/jobs.md",
    "docs/keys.md",
    "examples/README.md",
];

#[test]
fn every_block_is_closed_and_says_what_it_holds() {
    let entry = |file: &str, head: &str| (file.to_owned(), head.to_owned());
    let mut not_run: BTreeSet<_> = NOT_RUN.iter().map(|(f, head, _)| entry(f, head)).collect();
    let mut texts: BTreeSet<_> = TEXTS.iter().map(|(f, head, _)| entry(f, head)).collect();
    for file in documents() {
        for block in blocks(&file) {
            match block.kind.as_str() {
                "sh" | "console" | "redis" | "env" => {
                    assert!(PLAYED.contains(&file.as_str()), "{}: nobody runs it", block.at());
                }
                "json" | "jsonl" | "toml" | "mermaid" => {}
                "text" => {
                    let known = texts.remove(&entry(&file, block.head()));
                    assert!(known, "{}: nobody compares it: {}", block.at(), block.head());
                }
                "sh not-run" | "caddy" => {
                    let known = not_run.remove(&entry(&file, block.head()));
                    assert!(known, "{}: not listed with a reason", block.at());
                }
                kind => panic!("{}: \"{kind}\" is no kind of block", block.at()),
            }
        }
    }
    not_run.append(&mut texts);
    assert!(not_run.is_empty(), "listed and not there: {not_run:?}");
}
