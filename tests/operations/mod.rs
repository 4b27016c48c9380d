//! What people who run the shop do and read: reconciliation, dead letters, load, documents.

mod documents;
mod reconciliation;
