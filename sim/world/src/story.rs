//! Hears the services' story: `tracing` events of one target become story lines of the node that
//! is running. All other events and spans are switched off where they are made.

use std::fmt::{self, Write as _};
use std::sync::{Arc, OnceLock, Weak};

use stormproof_ports::story::TARGET;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

use crate::{Inner, World};

/// The subscriber of a run's thread. The world is put in once there is one.
#[derive(Clone, Default)]
pub(super) struct Listener(Arc<OnceLock<Weak<Inner>>>);

impl Listener {
    pub(super) fn listen_to(&self, world: &World) {
        self.0.set(Arc::downgrade(&world.0)).expect("a run has one world");
    }
}

impl Subscriber for Listener {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == TARGET
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let Some(world) = self.0.get().and_then(Weak::upgrade).map(World) else { return };
        let mut line = Line::default();
        event.record(&mut line);
        let node = world.0.nodes.current();
        world.0.history.say(world.elapsed(), node, &line.subject, &line.words);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The fields of a story event.
#[derive(Default)]
struct Line {
    subject: String,
    words: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "subject" => value.clone_into(&mut self.subject),
            "message" => value.clone_into(&mut self.words),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            write!(self.words, "{value:?}").expect("writing to a string cannot fail");
        }
    }
}
