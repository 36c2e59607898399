//! State shared by the parts of an engine: leased jobs, circuits, slots, trouble with Redis,
//! and the ways to the loops. Knows no loop.

pub mod backlog;
pub mod circuit_breaker;
pub mod circuits;
pub mod concurrency;
pub mod duplicates;
pub mod expiry;
pub mod job_history;
pub mod leased_job;
pub mod merge;
pub mod place;
pub mod quota_headers;
pub mod ready;
pub mod recent_calls;
pub mod redis_health;
pub mod settler;
