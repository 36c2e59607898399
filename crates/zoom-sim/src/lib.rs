//! A stateful Zoom that can fail on demand, for tests and for zoomd dev.
