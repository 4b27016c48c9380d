//! Connections on one machine: from memory to memory, which takes no time of its own.
//!
//! madsim's network delivers nothing within a millisecond, which is longer than most of what a machine's
//! work takes. What takes time here is the request (`processors.rs`).

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::Mutex;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use tokio::io::{DuplexStream, duplex};

use crate::lock;
use crate::node::NodeIndex;

/// How much is under way in one direction until who writes has to wait, in bytes.
const BUFFER: usize = 64 * 1024;

/// Where those who serve listen.
#[derive(Default)]
pub(crate) struct Doors(Mutex<BTreeMap<NodeIndex, UnboundedSender<Visitor>>>);

/// A connection that was made, and whose.
pub(crate) type Visitor = (DuplexStream, NodeIndex);

impl Doors {
    /// Listens, until what is returned is dropped.
    pub(crate) fn open(&self, node: NodeIndex) -> UnboundedReceiver<Visitor> {
        let (sender, receiver) = unbounded();
        lock(&self.0).insert(node, sender);
        receiver
    }

    /// Connects.
    ///
    /// # Errors
    /// `ConnectionRefused` if nobody listens.
    pub(crate) fn knock(&self, from: NodeIndex, to: NodeIndex) -> io::Result<DuplexStream> {
        let (ours, theirs) = duplex(BUFFER);
        let doors = lock(&self.0);
        let sent = doors.get(&to).map(|door| door.unbounded_send((theirs, from)));
        match sent {
            Some(Ok(())) => Ok(ours),
            _ => Err(io::Error::new(ErrorKind::ConnectionRefused, "connection refused")),
        }
    }
}
