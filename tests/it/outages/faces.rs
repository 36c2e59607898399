//! Outputs that an operator reads in an outage, and what each must say.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Daemon, Ran, Rig, job, until};

/// Time within which each must report it.
const SOON: Duration = Duration::from_secs(30);

/// A rig in which all is well: a daemon runs, and has made a meeting.
pub async fn running() -> (Rig, Daemon) {
    let rig = Rig::start().await;
    rig.connect("acme");
    let daemon = rig.daemon();
    rig.xadd(&job("acme", "before")).await;
    rig.outcome("before").await;
    (rig, daemon)
}

/// An outage as it must be told.
pub struct Outage<'a> {
    pub rig: &'a Rig,
    /// The daemon whose `/readyz` and log are read, if there is one to ask.
    pub daemon: Option<&'a Daemon>,
    /// A job that it holds back.
    pub held: Option<&'a str>,
    /// An account whose new jobs it holds back.
    pub account: &'a str,
    /// The code of the problem in `status --json`.
    pub code: &'a str,
    /// Words of the cause, of which one must be there.
    pub cause: &'a [&'a str],
    /// The first word of `status`.
    pub verdict: &'a str,
}

impl<'a> Outage<'a> {
    /// A fault that holds back the job `held` of the account acme.
    pub fn degraded(rig: &'a Rig, daemon: &'a Daemon, code: &'a str, cause: &'a [&'a str]) -> Self {
        let (daemon, held) = (Some(daemon), Some("held"));
        Self { rig, daemon, held, account: "acme", code, cause, verdict: "DEGRADED" }
    }

    /// A fault that no daemon is left to report.
    pub fn no_daemon(rig: &'a Rig) -> Self {
        let (daemon, held, account) = (None, Some("held"), "acme");
        let (code, cause, verdict) = ("no_daemon", &["no daemon"], "DOWN");
        Self { rig, daemon, held, account, code, cause, verdict }
    }

    /// Looks at everything, until each names the cause.
    #[track_caller]
    pub fn is_told(&self) {
        self.job();
        self.status();
        self.doctor();
        self.enqueue();
        self.daemon();
    }

    /// `zoomd job show` of the job that is held back.
    #[track_caller]
    pub fn job(&self) {
        if let Some(id) = self.held {
            self.until("job show", || both(&self.rig.run(&["job", "show", id])));
        }
    }

    /// `zoomd status`: the first line, which names the cause where the verdict is not OK;
    /// the exit code; the problem with its code, which it answers.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.until("status", || self.rig.run(&["status"]).stdout);
        let (code, problem) = until(&format!("{} in status", self.code), || {
            let ran = self.rig.run(&["status", "--json"]);
            let problems = ran.json()["problems"].as_array().expect("a list").clone();
            let found = problems.into_iter().find(|problem| problem["code"] == self.code)?;
            Some((ran.code, found))
        });
        let next = problem["next"].as_str().unwrap_or_default();
        assert!(!next.is_empty(), "the next command is missing: {problem}");
        let exit = match self.verdict {
            "OK" => 0,
            "DEGRADED" => 1,
            _ => 5,
        };
        let ran = self.rig.run(&["status"]);
        let first = ran.stdout.lines().next().unwrap_or_default();
        assert!(first.starts_with(self.verdict), "{}", ran.stdout);
        // A notice is below the first line.
        assert!(exit == 0 || self.names(first), "{}", ran.stdout);
        assert_eq!((ran.code, code), (exit, exit), "{}", ran.stdout);
        problem
    }

    /// `zoomd doctor`.
    #[track_caller]
    pub fn doctor(&self) {
        self.until("doctor", || self.rig.run(&["doctor", "--offline"]).stdout);
    }

    /// Somebody tries a job by hand and waits for it.
    #[track_caller]
    pub fn enqueue(&self) {
        let ran = tried(self.rig, self.account);
        assert_ne!(ran.code, 0, "{ran:?}");
        assert!(self.names(&both(&ran)), "enqueue --wait does not name {:?}: {ran:?}", self.cause);
    }

    /// `/readyz` and the log of the daemon that is left.
    #[track_caller]
    pub fn daemon(&self) {
        if let Some(daemon) = self.daemon {
            self.until("/readyz", || daemon.get("/readyz").1);
            self.until("the log", || daemon.log());
        }
    }

    fn names(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.cause.iter().any(|words| text.contains(&words.to_lowercase()))
    }

    #[track_caller]
    fn until(&self, face: &str, mut look: impl FnMut() -> String) {
        let end = std::time::Instant::now() + SOON;
        until(&format!("{:?} in {face}", self.cause), || {
            let text = look();
            assert!(
                self.names(&text) || std::time::Instant::now() < end,
                "{face} does not name {:?}: {text}",
                self.cause
            );
            self.names(&text).then_some(())
        });
    }
}

/// A job tried by hand, waited for.
pub fn tried(rig: &Rig, account: &str) -> Ran {
    let args = ["enqueue", "--account", account, "--topic", "Try", "--type", "1"];
    rig.run(&[&args[..], &["--wait", "--timeout", "5s"]].concat())
}

fn both(ran: &Ran) -> String {
    format!("{}\n{}", ran.stdout, ran.stderr)
}
