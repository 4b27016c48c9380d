//! Hears the services' story: `tracing` events of one target become story lines of the node that
//! is running. All other events and spans are searched for texts that none may hold, or switched off where
//! they are made if there are no such texts.

use std::fmt::{self, Write as _};
use std::sync::{Arc, OnceLock, Weak};

use stormproof_ports::story::TARGET;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

use crate::{Inner, World, lock};

/// What the simulator's own runtime is called: it is no part of what is simulated.
const RUNTIME: &str = "madsim";

/// A text in a log line that none may hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Logged {
    /// The text.
    pub text: &'static str,
    /// The target of the event or span: the module, unless it says otherwise.
    pub target: String,
}

/// The subscriber of a run's thread. The world is put in once there is one.
#[derive(Clone)]
pub(super) struct Listener(Arc<Listening>);

struct Listening {
    world: OnceLock<Weak<Inner>>,
    never_logged: Vec<&'static str>,
}

impl Listener {
    pub(super) fn new(never_logged: Vec<&'static str>) -> Listener {
        Listener(Arc::new(Listening { world: OnceLock::new(), never_logged }))
    }

    pub(super) fn listen_to(&self, world: &World) {
        self.0.world.set(Arc::downgrade(&world.0)).expect("a run has one world");
    }

    fn world(&self) -> Option<World> {
        self.0.world.get().and_then(Weak::upgrade).map(World)
    }

    /// Searches the fields of an event or a span.
    fn search(&self, target: &str, record: impl FnOnce(&mut Fields)) {
        let mut fields = Fields::default();
        record(&mut fields);
        for text in self.0.never_logged.iter().filter(|text| fields.0.contains(**text)) {
            if let Some(world) = self.world() {
                lock(&world.0.logged).insert(Logged { text, target: target.to_owned() });
            }
        }
    }
}

impl Subscriber for Listener {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        match metadata.target() {
            TARGET => metadata.is_event(),
            target => !self.0.never_logged.is_empty() && !target.starts_with(RUNTIME),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let listens = !self.0.never_logged.is_empty();
        Some(if listens { LevelFilter::TRACE } else { LevelFilter::INFO })
    }

    fn event(&self, event: &Event<'_>) {
        let target = event.metadata().target();
        if target != TARGET {
            return self.search(target, |fields| event.record(fields));
        }
        let Some(world) = self.world() else { return };
        let mut line = Line::default();
        event.record(&mut line);
        let node = world.0.nodes.current();
        world.0.history.say(world.elapsed(), node, &line.subject, &line.words);
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.search(span.metadata().target(), |fields| span.record(fields));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.search("a span", |fields| values.record(fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// All fields of an event or a span, one after the other.
#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_str(&mut self, _: &Field, value: &str) {
        self.0.push_str(value);
        self.0.push(' ');
    }

    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{value:?} ").expect("writing to a string cannot fail");
    }
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
