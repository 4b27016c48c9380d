//! What a service of the shop is given: its ports, the shop's settings, and what tells of its work.

use std::sync::Arc;

use stormproof_ports::Ports;
use stormproof_ports::notify::Notify;
use stormproof_ports::worker::Background;

use crate::settings::Settings;
use crate::token::{KnownTokens, SignedTokens};

/// What routers and workers of one replica share.
#[derive(Clone)]
pub struct Context {
    /// The bindings that it works with.
    pub ports: Ports,
    /// What the operator has set.
    pub settings: Arc<Settings>,
    /// Notified when something may be due for its next step: an order, a parcel.
    pub work_notify: Notify,
    /// What goes on beside the steps of the worker that is notified so, whoever has begun it.
    pub background: Background,
    /// Others' tokens, as far as their signatures were checked, and its own.
    pub(crate) known_tokens: Arc<KnownTokens>,
    pub(crate) signed_tokens: Arc<SignedTokens>,
}

impl Context {
    /// A context with a notification and a background of its own.
    pub fn new(ports: Ports, settings: Arc<Settings>) -> Context {
        let (work_notify, background) = (Notify::default(), Background::default());
        let (known_tokens, signed_tokens) = Default::default();
        Context { ports, settings, work_notify, background, known_tokens, signed_tokens }
    }
}
