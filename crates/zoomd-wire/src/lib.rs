//! The JSON contract of zoomd: jobs, outcomes, failure codes, ids; no IO.
