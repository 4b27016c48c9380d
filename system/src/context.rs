//! What a service of the shop is given: its ports, the shop's settings, and what tells of its work.

use std::sync::Arc;

use stormproof_ports::Ports;
use stormproof_ports::notify::Notify;

use crate::settings::Settings;

/// What routers and workers of one replica share.
#[derive(Clone)]
pub struct Context {
    /// The bindings that it works with.
    pub ports: Ports,
    /// What the operator has set.
    pub settings: Arc<Settings>,
    /// Notified when something may be due for its next step: an order, a parcel.
    pub work_notify: Notify,
}

impl Context {
    /// A context with a notification of its own.
    pub fn new(ports: Ports, settings: Arc<Settings>) -> Context {
        Context { ports, settings, work_notify: Notify::default() }
    }
}
