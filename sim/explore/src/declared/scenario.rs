//! Scenarios of a declared system: what is written, and the way to what can run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Declared, Workload};
use stormproof_faults::document::{self, Size};
use stormproof_faults::files::stem;
use stormproof_faults::mistake::{Mistake, Source};
use stormproof_faults::size;
use stormproof_faults::table::{Checked, Checker};
use stormproof_faults::topology::{Replicas, Topology, service_of};
use stormproof_faults::units::{At, Length, Offset};
use stormproof_faults::{Fault, FaultTable, NoOwnKinds};

/// The storm's length if no fault asks for more.
const STORM: Duration = Duration::from_secs(60);

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "W: Workload")]
pub struct Document<W> {
    /// What happens and what must hold, in a sentence or two.
    pub about: String,
    /// The seed of the run unless another is asked for.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub seed: u64,
    /// Where it happens.
    #[serde(default, skip_serializing_if = "is_default")]
    pub world: WorldTable,
    /// What clients do.
    #[serde(default, skip_serializing_if = "is_default")]
    pub workload: At<W>,
    /// What goes wrong.
    #[serde(default, rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<At<FaultTable<NoOwnKinds>>>,
}

/// Where it happens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldTable {
    /// How many nodes each service has; one, unless said otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replicas: BTreeMap<String, At<u32>>,
    /// Nodes whose clocks are off.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clocks: BTreeMap<String, At<Offset>>,
    /// How long faults may last before the calm begins; 60s or the end of the last fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<Length>,
}

/// What happens in a run, checked.
#[derive(Clone, Debug)]
pub struct Scenario<W> {
    pub(super) name: String,
    pub(super) document: Document<W>,
    pub(super) replicas: Replicas,
    /// Microseconds that a node's clock is off.
    pub(super) clocks: BTreeMap<String, i64>,
    pub(super) storm: Duration,
    /// In the order of the document.
    pub(super) faults: Vec<Fault>,
    /// Where they stand in the file; empty if there is none.
    lines: Vec<usize>,
}

/// Reads a scenario; `file` is named in mistakes, its stem names the scenario.
pub(super) fn parse<D: Declared>(
    system: &D,
    file: &str,
    text: &str,
) -> Result<Scenario<D::Workload>, Mistake> {
    let source = Source { file, text };
    let document = toml::from_str(text)
        .map_err(|error| source.mistake(&error.span().unwrap_or(0..0), error.message()))?;
    check(system, source, stem(file), document)
}

/// Checks everything that a table's own shape cannot.
pub(super) fn check<D: Declared>(
    system: &D,
    source: Source<'_>,
    name: &str,
    document: Document<D::Workload>,
) -> Result<Scenario<D::Workload>, Mistake> {
    if document.about.trim().is_empty() {
        return Err(Mistake::of(source.file, "`about` is empty: expected a sentence"));
    }
    let workload = &document.workload;
    system.check(&workload.value).map_err(|what| source.mistake(&workload.place, what))?;
    let replicas = size::replicas(source, system.topology(), &document.world.replicas)?;
    let topology = of_size(system, &replicas, &workload.value);
    let clocks = size::clocks(source, &topology, &document.world.clocks)?;
    let mut faults = Vec::new();
    let mut lines = Vec::new();
    for table in &document.faults {
        match (Checker { source, table, topology: &topology }).check()? {
            Checked::Generic(fault) => faults.push(fault),
            Checked::Own(row, _) => unreachable!("{} is no kind of this system's", row.key),
        }
        lines.extend((!source.text.is_empty()).then(|| source.line(&table.place).0));
    }
    let end = faults.iter().map(Fault::end).max().unwrap_or_default();
    let storm = document.world.storm.map_or(end.max(STORM), |storm| storm.0);
    Ok(Scenario { name: name.to_owned(), document, replicas, clocks, storm, faults, lines })
}

/// What there is to fail, at a scenario's size.
pub(super) fn of_size<D: Declared>(
    system: &D,
    replicas: &Replicas,
    workload: &D::Workload,
) -> Topology {
    let mut topology = system.topology().clone().with_replicas(replicas);
    let nodes = system.clients(workload).nodes();
    for client in topology.clients.iter_mut().filter(|client| client.count.is_some()) {
        client.count = Some(nodes.iter().filter(|node| service_of(node) == client.name).count());
    }
    topology
}

impl<W: Workload> document::Scenario for Scenario<W> {
    type Document = Document<W>;

    fn name(&self) -> &str {
        &self.name
    }

    fn about(&self) -> &str {
        &self.document.about
    }

    fn seed(&self) -> u64 {
        self.document.seed
    }

    fn document(&self) -> &Document<W> {
        &self.document
    }

    fn asked_at(&self, place: usize) -> String {
        let fault = &self.faults[place];
        let words = format!("{fault} {}", fault.when);
        self.lines.get(place).map_or(words.clone(), |line| format!("{words} (line {line})"))
    }
}

impl<W: Workload> document::Document for Document<W> {
    type Own = NoOwnKinds;

    fn to_toml(&self) -> String {
        toml::to_string(self).expect("a workload is tables, strings and numbers")
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn with_seed(&self, seed: u64) -> Document<W> {
        Document { seed, ..self.clone() }
    }

    fn with_about(&self, about: String) -> Document<W> {
        Document { about, ..self.clone() }
    }

    fn faults(&self) -> &[At<FaultTable<NoOwnKinds>>] {
        &self.faults
    }

    fn with_faults(&self, faults: Vec<At<FaultTable<NoOwnKinds>>>) -> Document<W> {
        Document { faults, ..self.clone() }
    }

    fn size(&self) -> Size {
        Size(vec![("fault".to_owned(), self.faults.len())])
    }
}

fn one() -> u64 {
    1
}

fn is_one(seed: &u64) -> bool {
    *seed == 1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
