//! What a fault is aimed at: nodes, pairs that talk, and what they talk about.

use super::faults::Checker;
use super::mistake::{Mistake, one_of};
use super::units::At;
use crate::topology;

impl Checker<'_> {
    pub(super) fn node(&self, target: &At<String>) -> Result<String, Mistake> {
        self.known("node", target, &topology::nodes(self.replicas))?;
        Ok(target.value.clone())
    }

    /// `a -> b` or `a <-> b`, between two that talk, whoever calls.
    pub(super) fn link(&self, target: &At<String>) -> Result<(String, String, bool), Mistake> {
        let (from, to, both) = self.ends(target)?;
        if !topology::calls(&from, &to) && !topology::calls(&to, &from) {
            return Err(self.silent(target, &from, &to));
        }
        Ok((from, to, both))
    }

    /// `caller -> callee`, where the caller asks something by HTTP.
    pub(super) fn call(&self, target: &At<String>) -> Result<(String, String), Mistake> {
        let (from, to) = self.connection(target)?;
        match topology::operations(&from, &to).is_empty() {
            true => Err(self.silent(target, &from, &to)),
            false => Ok((from, to)),
        }
    }

    /// `caller -> callee`.
    pub(super) fn connection(&self, target: &At<String>) -> Result<(String, String), Mistake> {
        let (from, to, both) = self.ends(target)?;
        if both {
            return Err(self.source.mistake(
                &target.place,
                format!("link {:?}: expected `->`, from the caller", target.value),
            ));
        }
        if !topology::calls(&from, &to) {
            return Err(self.silent(target, &from, &to));
        }
        if topology::service_of_database(&to) != to {
            let what =
                "a fault that cannot fire: connections to databases are kept; expected `cut`";
            return Err(self.source.mistake(&target.place, what));
        }
        Ok((from, to))
    }

    pub(super) fn ends(&self, target: &At<String>) -> Result<(String, String, bool), Mistake> {
        let text = target.value.as_str();
        let both = text.contains("<->");
        let ends = text.split_once(if both { " <-> " } else { " -> " });
        let (from, to) = ends.ok_or_else(|| {
            self.source.mistake(
                &target.place,
                format!("link {text:?}: expected such as `bank -> store` or `bank <-> store`"),
            )
        })?;
        let mut known = topology::nodes(self.replicas);
        known.push(topology::STAFF.to_owned());
        known.extend((1..=self.customers).map(topology::customer));
        let mut ends = [from, to].map(str::to_owned);
        for end in &mut ends {
            // Where there is one customer, the number may be left out.
            if end == topology::CUSTOMERS && self.customers == 1 {
                *end = topology::customer(1);
            }
            self.known("node", &At { value: end.clone(), place: target.place.clone() }, &known)?;
        }
        let [from, to] = ends;
        Ok((from, to, both))
    }

    pub(super) fn silent(&self, target: &At<String>, from: &str, to: &str) -> Mistake {
        let what = format!(
            "a fault that cannot fire: {from} never calls {to}; expected one of: {}",
            topology::pairs().join(" · ")
        );
        self.source.mistake(&target.place, what)
    }

    pub(super) fn operation(&self, from: &str, to: &str) -> Result<Option<String>, Mistake> {
        let Some(of) = &self.table.value.of else { return Ok(None) };
        self.known("operation", of, &topology::operations(from, to))?;
        Ok(Some(of.value.clone()))
    }

    pub(super) fn known<S: AsRef<str>>(
        &self,
        what: &str,
        name: &At<String>,
        all: &[S],
    ) -> Result<(), Mistake> {
        if all.iter().any(|known| known.as_ref() == name.value) {
            return Ok(());
        }
        let what = format!("{what} {:?}: expected {}", name.value, one_of(all));
        Err(self.source.mistake(&name.place, what))
    }
}
