//! The place that a search has reached, as a text that a caller keeps.

use super::JobQuery;
use crate::inspect::State;
use crate::inspect::failures::Cursor;

/// The place that a search has reached.
#[derive(Debug, Clone, PartialEq)]
pub enum JobPlace {
    /// Among the jobs of an account that left the stream.
    Aside {
        /// The account; all accounts before it are done.
        account: String,
        /// The cursor within it; `0`: it is done.
        scan: String,
    },
    /// Behind an entry of the producers' stream.
    Stream(String),
    /// Among the sleeping jobs: behind so many that are due at that time.
    Due(i64, usize),
    /// Behind a failure.
    Failed(Cursor),
    /// Behind an entry of the stream of results.
    Done(String),
}

impl JobPlace {
    pub(super) fn begin(query: &JobQuery) -> Self {
        match query.state {
            Some(State::Queued) => Self::Stream("0-0".to_owned()),
            Some(State::Sleeping) => Self::Due(0, 0),
            Some(State::Failed) => Self::Failed(Cursor::newest()),
            Some(State::Succeeded) => Self::Done("+".to_owned()),
            _ => Self::Aside { account: String::new(), scan: "0".to_owned() },
        }
    }
}

impl std::fmt::Display for JobPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Aside { account, scan } => write!(f, "aside:{scan}:{account}"),
            Self::Stream(id) => write!(f, "stream:{id}"),
            Self::Due(ms, skip) => write!(f, "due:{ms}:{skip}"),
            Self::Failed(cursor) => write!(f, "failed:{cursor}"),
            Self::Done(id) => write!(f, "done:{id}"),
        }
    }
}

impl std::str::FromStr for JobPlace {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, rest) = text.split_once(':').ok_or(())?;
        let entry = |id: &str| id.parse::<zoomd_wire::EntryId>().map(|id| id.to_string());
        match kind {
            "aside" => {
                let (scan, account) = rest.split_once(':').ok_or(())?;
                let scan_ok = scan == "first" || scan.parse::<u64>().is_ok();
                let (account, scan) = (account.to_owned(), scan.to_owned());
                scan_ok.then_some(Self::Aside { account, scan }).ok_or(())
            }
            "stream" => entry(rest).map(Self::Stream).map_err(drop),
            "due" => {
                let (ms, skip) = rest.split_once(':').ok_or(())?;
                Ok(Self::Due(ms.parse().map_err(drop)?, skip.parse().map_err(drop)?))
            }
            "failed" => rest.parse().map(Self::Failed),
            "done" => entry(rest).map(Self::Done).map_err(drop),
            _ => Err(()),
        }
    }
}
