//! One binary for every test that looks at the project from outside: scenarios against their
//! snapshots, properties over generated storms, saga proofs, determinism, the command line, and
//! rules of the house.

mod cli;
mod determinism;
mod mappers;
mod properties;
mod sagas;
mod scenarios;
mod selftest;
mod tidy;
