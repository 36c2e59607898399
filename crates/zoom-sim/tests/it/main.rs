//! The simulator over real sockets, with a client of fifty lines.

mod changes;
mod client;
mod control;
mod faults;
mod limits;
mod meetings;
mod oauth;
mod people;
mod process;
mod rotation;
mod webhooks;
