//! The real binary, from outside: a newcomer's first minutes, fifty deaths in a row, bad starts, and
//! the same shop distributed over processes, Postgres and RabbitMQ.

mod bad_starts;
mod books;
mod customer;
mod distributed;
mod journey;
mod kills;
pub mod process;
mod sink;
