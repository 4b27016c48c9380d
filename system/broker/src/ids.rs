//! By what connections, consumers and queues know each other.

/// A connection. Numbers are never used again, not even after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(
    /// Its number, from 1.
    pub u64,
);

/// A consumer of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConsumerId {
    /// Whose consumer it is.
    pub connection: ConnectionId,
    /// From 1, per connection.
    pub number: u64,
}

/// Where a queue lies in the broker's list; queues are never removed.
pub(super) type Slot = usize;
