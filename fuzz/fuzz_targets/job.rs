//! Any bytes as a job.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    zoomd_fuzz::job::run(data);
});
