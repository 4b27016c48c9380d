//! What the fault engine asks of whoever carries faults out.

use std::sync::Arc;
use std::time::Duration;

/// Whatever runs the nodes: a seeded world, or a rehearsal with real processes.
///
/// The engine decides whether a fault strikes; what the fault then does is the host's.
pub trait Host {
    /// A node, as the host knows it.
    type Node: ?Sized;

    /// The time that faults count by; `None` while no fault may strike yet.
    fn now(&self) -> Option<Duration>;

    /// Tells the story of a fault.
    fn tell(&self, words: &str);

    /// Whether a fault that names `name` means `node`: by its own name, or by that of its service.
    fn is_named(&self, node: &Self::Node, name: &str) -> bool;

    /// Whether any node of this name passes moments. What passes none (a database, a broker, a mail
    /// server) is hit at the moments of whoever uses it.
    fn has_acts(&self, name: &str) -> bool;

    /// The name by which a fault that strikes this node alone calls it.
    fn name(&self, node: &Self::Node) -> String;

    /// The service of the node, by which moments are counted.
    fn service(&self, node: &Self::Node) -> Arc<str>;

    /// How many events there were so far; moments of one number are at one instant.
    fn events(&self) -> u64;

    /// Calls [`Injector::expire`](crate::injector::Injector::expire) with this number after a time.
    fn expire_after(&self, after: Duration, number: usize);
}
