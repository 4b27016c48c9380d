//! What a service of the shop is given: its ports, the shop's settings, and the bell of its work.

use std::sync::Arc;

use stormproof_ports::Ports;
use stormproof_ports::doorbell::Doorbell;

use crate::settings::Settings;

/// What routers and workers of one replica share.
#[derive(Clone)]
pub struct Context {
    /// The bindings that it works with.
    pub ports: Ports,
    /// What the operator has set.
    pub settings: Arc<Settings>,
    /// Rung when something may be due for its next step: an order, a parcel.
    pub work_bell: Doorbell,
}

impl Context {
    /// A context with a bell of its own.
    pub fn new(ports: Ports, settings: Arc<Settings>) -> Context {
        Context { ports, settings, work_bell: Doorbell::default() }
    }
}
