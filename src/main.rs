//! The zoomd binary: everything is in the library, so that tests can reach it.

/// A job asks the allocator some sixty times; with glibc's it costs a seventh more
/// CPU (docs/performance.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    zoomd::cli::main()
}
