//! Black-box tests of the binary.

mod account;
mod deploy;
mod house;
