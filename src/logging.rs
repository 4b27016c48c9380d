//! The log, on standard error: the story in the shop's own words, as lines for people or as JSON.
//!
//! The level is for this project's own lines. Other crates stay at warnings whatever it is, because
//! what they tell when they are chatty may hold headers, and headers hold tokens.

use std::fmt;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use stormproof_ports::story;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::reading::strangers;
use crate::config::{Log, LogFormat};

/// Starts the log of this process, and tells of variables that are no settings. A second call
/// changes nothing.
pub fn install(log: Log) {
    let registry = tracing_subscriber::registry().with(filter(log.level)).with(Names);
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let installed = match log.format {
        LogFormat::Text => registry.with(layer.event_format(Lines)).try_init(),
        LogFormat::Json => {
            registry.with(layer.json().flatten_event(true).with_span_list(false)).try_init()
        }
    };
    if installed.is_ok() {
        for name in strangers(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())) {
            tracing::warn!(name, "this variable is no setting, and changes nothing");
        }
    }
}

fn filter(level: Level) -> Targets {
    let others = LevelFilter::from_level(level).min(LevelFilter::WARN);
    Targets::new()
        .with_default(others)
        .with_target(env!("CARGO_CRATE_NAME"), level)
        .with_target("stormproof_system", level)
        .with_target("stormproof_messaging", level)
        .with_target(story::TARGET, level)
}

/// Notes the name of each node's span, for [`Lines`].
struct Names;

/// A node's name, kept with its span.
struct Name(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Names {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let name = fields.rest.into_iter().find(|(field, _)| *field == "name");
        if let (Some((_, name)), Some(span)) = (name, context.span(id)) {
            span.extensions_mut().insert(Name(name));
        }
    }
}

/// `12:00:01.250  store-1      is paid  order=0193…`
struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let span = context.lookup_current();
        let extensions = span.as_ref().map(|span| span.extensions());
        let node = extensions.as_ref().and_then(|all| all.get::<Name>());
        let node = node.map_or(event.metadata().target(), |Name(name)| name);
        write!(writer, "{}  {node:<12}", Clock(SystemTime::now()))?;
        if *event.metadata().level() != Level::INFO {
            write!(writer, " {}:", event.metadata().level())?;
        }
        write!(writer, " {}", fields.message)?;
        for (field, value) in fields.rest.iter().filter(|(_, value)| !value.is_empty()) {
            write!(writer, "  {field}={value}")?;
        }
        writeln!(writer)
    }
}

/// The fields of an event or a span as text; ends of lines inside them cannot forge lines.
#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}").replace(['\n', '\r'], " ");
        match field.name() {
            "message" => self.message = text,
            name => self.rest.push((name, text)),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// The time of day in UTC, to the millisecond.
struct Clock(SystemTime);

impl fmt::Display for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, millis) = (since.as_secs() % 86_400, since.subsec_millis());
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        write!(formatter, "{hours:02}:{minutes:02}:{:02}.{millis:03}", seconds % 60)
    }
}
