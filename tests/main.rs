//! One binary for every test that looks at the project from outside: scenarios against their
//! snapshots, properties over generated storms, saga proofs, determinism, the harness judged, what is forgotten, the
//! mappers on databases, the services' HTTP, operations, and rules of the house. Those of the command
//! line are with its binary, in `sim/tests/cli.rs`.

mod api;
mod broker;
mod budget;
mod bugs;
mod contract;
mod determinism;
mod drivers;
mod forgetting;
mod isolation;
mod mappers;
mod operations;
mod properties;
mod sagas;
mod scenarios;
mod selftest;
mod servers;
mod tidy;
mod up;
