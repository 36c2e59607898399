//! Any bytes as an answer of Zoom's.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    zoomd_fuzz::reply::run(data);
});
