//! Rotating a refresh token so that it cannot be lost.

pub mod settings;
