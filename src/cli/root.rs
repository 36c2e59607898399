//! The first page: examples first, every command once, one screen.

/// Output of `zoomd`, `zoomd -h` and `zoomd --help`.
pub(super) const HELP: &str = "\
zoomd schedules Zoom meetings for other services: jobs in Redis in, outcomes in Redis out.

  zoomd dev                            try it all on this machine, without Zoom
  zoomd init                           set it up; ends with what is missing
  zoomd account login acme             connect a Zoom account
  zoomd enqueue --account acme --topic Sync --start-time 2030-01-02T10:00:00Z --duration 30 --wait
  redis-cli XADD zoomd:jobs '*' job '{\"account\":\"acme\",\"meeting\":{\"topic\":\"Sync\",\"type\":2,…}}'

Usage: zoomd [OPTIONS] COMMAND

Run        init        set up: asks, writes zoomd.toml and a key file
           run         the daemon
           dev         everything on this machine, with sample jobs
Work       enqueue     put jobs into the queue
           job         list, show, watch, cancel
           result      tail
           failure     list, show, export, retry, discard
           meeting     list, find, show, start-url
Accounts   account     add, import, login, list, show, explain, refresh, set, token, remove, …
           budget      used and remaining parts of Zoom's limits
Look       status      overview of daemons, jobs, accounts and Redis
           doctor      find problems and the next command to type
           healthcheck exit 0 if the daemon here is ready
Steer      pause       pause all jobs
           resume      resume all jobs
           config      show, check, default, key, rekey, acl
Read       help        environment, exit-codes, config, or a command
           schema, man, completions

Options: --config FILE, --namespace NAME, --json, --output FORM, --color WHEN,
         --time-format FORM, --version; `zoomd COMMAND --help` tells more
";
