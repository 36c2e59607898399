//! The zoomd binary: everything is in the library, so that tests can reach it.

fn main() -> std::process::ExitCode {
    zoomd::cli::main()
}
