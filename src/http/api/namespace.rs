//! `POST /pause`, `/resume`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;

use super::Backend;
use super::answer::{Answer, ok};
use super::params::{Because, Body, demanded};
use crate::actor::Actor;
use crate::acts::Via;

/// Holds everything back.
pub async fn pause(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
    Body(because): Body<Because>,
) -> Answer {
    let reason = demanded(&because.reason)?;
    Ok(ok(&backend.hand(actor, Via::Api).pause(reason).await?))
}

/// Lets everything run again.
pub async fn resume(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
) -> Answer {
    Ok(ok(&backend.hand(actor, Via::Api).resume().await?))
}
