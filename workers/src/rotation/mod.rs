//! Rotating a refresh token so that it cannot be lost.

pub mod rules;
pub mod settings;
