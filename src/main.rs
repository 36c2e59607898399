//! The zoomd binary.

fn main() {}
