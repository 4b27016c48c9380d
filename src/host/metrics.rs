//! `/metrics`: what became of the transactions of this process, by their names, in the text format that
//! Prometheus reads (OpenMetrics). Numbers and names of the program's own: nothing of what was ordered, and no
//! secret, so it asks for no token.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header;
use stormproof_ports::Ports;
use stormproof_ports::metrics::{TransactionMetrics, TransactionOutcome};
use stormproof_ports::time::Time;

/// Where it is asked for.
pub const PATH: &str = "/metrics";

/// The counter of transactions; as a sample its name ends in `_total`.
pub const TRANSACTIONS: &str = "stormproof_transactions";

/// By Prometheus's convention: who sees it changed knows that all counters began anew.
pub const START_TIME: &str = "process_start_time_seconds";

/// OpenMetrics 1.0.0, "Overall Structure".
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is told: the transactions of each replica in this process.
#[derive(Clone, Default)]
pub struct Metrics {
    replicas: Vec<Counted>,
}

#[derive(Clone)]
struct Counted {
    service: &'static str,
    node: Arc<str>,
    transactions: TransactionMetrics,
}

impl Metrics {
    /// With one replica more.
    #[must_use]
    pub fn with(mut self, service: &'static str, ports: &Ports) -> Metrics {
        let (node, transactions) = (ports.node.clone(), ports.transactions.clone());
        self.replicas.push(Counted { service, node, transactions });
        self
    }

    /// Tells of a process that began at `start`.
    pub(super) fn router(self, start: Time) -> Router {
        Router::new().route(PATH, get(tell)).with_state((Arc::new(self), start))
    }

    /// In OpenMetrics' text format.
    fn text(&self, start: Time) -> String {
        let mut text = String::new();
        self.write(&mut text, start).expect("writing to a string cannot fail");
        text
    }

    fn write(&self, text: &mut String, start: Time) -> std::fmt::Result {
        writeln!(text, "# TYPE {START_TIME} gauge")?;
        writeln!(text, "# HELP {START_TIME} When this process began, since the epoch.")?;
        let (seconds, micros) = (start.0.div_euclid(1_000_000), start.0.rem_euclid(1_000_000));
        writeln!(text, "{START_TIME} {seconds}.{micros:06}")?;
        writeln!(text, "# TYPE {TRANSACTIONS} counter")?;
        writeln!(
            text,
            "# HELP {TRANSACTIONS} Transactions by what became of them; one that is run again is \
             counted each time."
        )?;
        for Counted { service, node, transactions } in &self.replicas {
            let node = escaped(node);
            for (name, counts) in transactions.read() {
                for outcome in TransactionOutcome::ALL {
                    let (word, count) = (outcome.word(), counts.of(outcome));
                    writeln!(
                        text,
                        "{TRANSACTIONS}_total{{service=\"{service}\",node=\"{node}\",\
                         transaction=\"{name}\",outcome=\"{word}\"}} {count}"
                    )?;
                }
            }
        }
        writeln!(text, "# EOF")
    }
}

/// A label's value; a node is called whatever its configuration says.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

async fn tell(State((metrics, start)): State<(Arc<Metrics>, Time)>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.text(start))
}
