//! Black-box tests of the binary.

mod deploy;
mod house;
