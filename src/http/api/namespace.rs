//! `POST /pause`, `/resume`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use serde::Deserialize;

use super::Backend;
use super::answer::{Answer, ok};
use super::params::Body;
use crate::actor::Actor;
use crate::acts::Via;

/// The body of a request that gives a reason.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Because {
    /// The words of whoever does it.
    pub reason: String,
}

/// Holds everything back.
pub async fn pause(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
    Body(because): Body<Because>,
) -> Answer {
    let reason = super::params::demanded(&because.reason)?;
    Ok(ok(&backend.hand(actor, Via::Api).pause(reason).await?))
}

/// Lets everything run again.
pub async fn resume(
    State(backend): State<Arc<Backend>>,
    Extension(actor): Extension<Actor>,
) -> Answer {
    Ok(ok(&backend.hand(actor, Via::Api).resume().await?))
}
