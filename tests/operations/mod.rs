//! What people who run the shop do and read: reconciliation, dead letters, load, documents.

mod commands;
mod dead_letters;
mod documents;
mod questions;
mod reconciliation;
mod reference;
