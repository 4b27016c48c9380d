//! The real binary, from outside: a newcomer's first minutes, fifty deaths in a row, bad starts, and
//! the same shop distributed over processes, Postgres and RabbitMQ, in good times and in a storm.

mod bad_starts;
mod books;
pub mod customer;
mod distributed;
mod draws;
mod journey;
mod kills;
pub mod process;
mod rehearsals;
mod replicas;
mod sink;
mod storm;
