//! What happens to a job.
