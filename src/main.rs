//! The zoomd binary: everything is in the library, so that tests can reach it.

/// A job asks the allocator some sixty times; glibc's takes twice as long over
/// it (docs/performance.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    zoomd::cli::main()
}
