//! The services' HTTP judged from outside, as routers: what the Store promises its customers
//! (`protocol.md` §3, §8), and which doors open for whom.
//!
//! The rooms are those of the seeded world, so clock, network and databases are the world's. Nothing
//! works in the background: orders stay as they were placed. `shop` asks, and checks of every answer
//! what all answers owe.

mod accounts;
mod doors;
mod orders;
mod problems;
mod secrets;
mod shop;
mod tokens;
