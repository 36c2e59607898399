//! Effect of each command on Redis, in one table: the only place that decides
//! which commands read. `tests/it/reading.rs` runs every command that reads and
//! holds that Redis was not written to.

use super::access::Access;
use super::{Command, account, config, failure, job, meeting};

/// Effect of this command.
pub fn of(command: &Command) -> Access {
    use Access::{Creates, None, Reads, Writes};
    match command {
        Command::Status(_) | Command::Doctor(_) | Command::Budget(_) => Reads,
        Command::Result(_) => Reads,
        Command::Job(job::Command::Cancel(args)) if !args.is_dry_run() => Writes,
        Command::Job(_) => Reads,
        Command::Failure(failure::Command::Retry(args)) if !args.is_dry_run() => Writes,
        Command::Failure(failure::Command::Discard(args)) if !args.is_dry_run() => Writes,
        Command::Failure(_) => Reads,
        Command::Account(command) => of_account(command),
        Command::Enqueue(args) if args.is_dry_run() => Reads,
        Command::Meeting(meeting::Command::Find(_)) => Reads,
        Command::Meeting(meeting::Command::List(args)) if args.mine => Reads,
        Command::Enqueue(_) | Command::Meeting(_) | Command::Pause(_) | Command::Resume => Writes,
        Command::Config(config::Command::Rekey) => Writes,
        Command::Run(_) => Creates,
        Command::Init(_)
        | Command::Dev(_)
        | Command::Config(_)
        | Command::Healthcheck(_)
        | Command::Schema(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Help(_) => None,
    }
}

fn of_account(command: &account::Command) -> Access {
    use account::Command;
    match command {
        Command::List(_) | Command::Show(_) | Command::Explain(_) => Access::Reads,
        Command::Import(args) if args.is_dry_run() => Access::Reads,
        Command::Add(_) | Command::Import(_) | Command::Login(_) | Command::ConnectLink(_) => {
            Access::Creates
        }
        Command::Refresh(_)
        | Command::Set(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Token(_)
        | Command::Remove(_) => Access::Writes,
    }
}
