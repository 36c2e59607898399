//! A read of Zoom's for somebody who waits for it: a person at the command line, or a
//! program that asks the daemon.
//!
//! By the protocol of all calls ([`exchange`](super::exchange)); what a job would go back
//! to its room for is waited for here, within the asker's patience.

use std::time::Duration;

use tokio::time::Instant;
use zoom_api::{AccessToken, Client, Reply, TransportError};
use zoomd_store::StoreError;
use zoomd_store::queue::WaitReason;
use zoomd_wire::AccountName;

use super::call;
use super::exchange::{Caller, Exchange, NoReply};
use crate::call_context::CallContext;
use crate::decide::Wait;
use crate::state::circuits::Work;
use crate::tokens::NoToken;

/// Interval at which is looked whether a rotation is over.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Between two looks at a limit.
const SHORTEST: Duration = Duration::from_millis(50);
/// A call, a new token, a call; once more for a rotation that came between.
const TRIES: usize = 4;

#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// The account whose token is used, and whose limits.
    pub account: &'a AccountName,
    /// The call.
    pub exchange: Exchange,
    /// Longest wait for a token and for room within the limits.
    pub patience: Duration,
}

/// WaitReason a read has no answer of Zoom's to show.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    #[error(transparent)]
    Token(#[from] NoToken),
    /// No call was made, or it was not answered. A wait is one that is too long.
    #[error(transparent)]
    Call(#[from] NoReply),
    /// Redis could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes one read. Its answer may be a refusal; it is never a limit of Zoom's.
pub async fn read(
    zoom: &CallContext,
    read: Read<'_>,
    send: impl AsyncFn(&Client, &AccessToken) -> Result<Reply, TransportError>,
) -> Result<Reply, Unread> {
    let Read { account, exchange, patience } = read;
    let until = Instant::now() + patience;
    let mut replaced = 0;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let token = zoom.tokens.token(account, zoom.request_timeout, left).await?;
        let prepared = call::permit(zoom, token, Work::Read);
        let (token, permit) = prepared.map_err(NoReply::Wait)?;
        let mut caller = Caller {
            zoom,
            account: account.as_str(),
            host: "me",
            known: (zoom.redis_now().await?, std::time::Instant::now()),
            token: &token,
            permit,
            paid: None,
            until: None,
            trace: None,
        };
        match caller.exchange(exchange, send(&token.client, &token.access)).await {
            Ok(reply) => return Ok(reply),
            Err(NoReply::Wait(Wait::Token)) if replaced < TRIES => replaced += 1,
            Err(NoReply::Later { why, until_ms }) => {
                let now_ms = caller.redis_time(std::time::Instant::now()).as_millisecond();
                let left = u64::try_from(until_ms - now_ms).unwrap_or(0);
                // A rotation names the time by which it is over, and mostly is so at once.
                let rest = match why {
                    WaitReason::Rotation => LOOK_AGAIN,
                    _ => Duration::from_millis(left).max(SHORTEST),
                };
                if Instant::now() + rest > until {
                    return Err(NoReply::Later { why, until_ms }.into());
                }
                tokio::time::sleep(rest).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
