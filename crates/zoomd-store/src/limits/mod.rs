//! Zoom's limits as we plan them: rates, day budgets, the host's hundred.
//!
//! The numbers are arguments of the scripts, never constants in Lua. A budget
//! belongs to the Zoom account behind a grant (several accounts of ours may
//! share one), the hundred to a host user. With the plan `unlimited` calls are
//! counted but never delayed.

mod classes;
mod label;
mod plans;

pub use classes::{Classes, OPERATIONS};
pub use label::Label;
pub use plans::{Budgets, PlanLimits, Rate, SECOND_MS};
