//! What a fault is aimed at: nodes, pairs that talk, and what they talk about.

use super::{Checker, OwnKinds};
use crate::mistake::Mistake;
use crate::topology::numbered;
use crate::units::At;

impl<K: OwnKinds> Checker<'_, K> {
    pub(super) fn node(&self, target: &At<String>) -> Result<String, Mistake> {
        self.known("node", target, &self.topology.nodes())?;
        Ok(target.value.clone())
    }

    /// `a -> b` or `a <-> b`, between two that talk, whoever calls.
    pub(super) fn link(&self, target: &At<String>) -> Result<(String, String, bool), Mistake> {
        let (from, to, both) = self.ends(target)?;
        if !self.topology.calls(&from, &to) && !self.topology.calls(&to, &from) {
            return Err(self.silent(target, &from, &to));
        }
        Ok((from, to, both))
    }

    /// `caller -> callee`, where the caller asks something by HTTP.
    pub(super) fn call(&self, target: &At<String>) -> Result<(String, String), Mistake> {
        let (from, to) = self.connection(target)?;
        match self.topology.operations(&from, &to).is_empty() {
            true => Err(self.silent(target, &from, &to)),
            false => Ok((from, to)),
        }
    }

    /// `caller -> callee`.
    pub(super) fn connection(&self, target: &At<String>) -> Result<(String, String), Mistake> {
        let (from, to, both) = self.ends(target)?;
        if both {
            return Err(self.mistake_at(
                target,
                format!("link {:?}: expected `->`, from the caller", target.value),
            ));
        }
        if !self.topology.calls(&from, &to) {
            return Err(self.silent(target, &from, &to));
        }
        if self.topology.service_of_database(&to) != to {
            let what =
                "a fault that cannot fire: connections to databases are kept; expected `cut`";
            return Err(self.mistake_at(target, what));
        }
        Ok((from, to))
    }

    fn ends(&self, target: &At<String>) -> Result<(String, String, bool), Mistake> {
        let text = target.value.as_str();
        let both = text.contains("<->");
        let ends = text.split_once(if both { " <-> " } else { " -> " });
        let (from, to) = ends.ok_or_else(|| {
            let pairs = self.topology.pairs();
            let pair = pairs.first().map_or("a -> b", String::as_str);
            let both_ways = pair.replace("->", "<->");
            let what = format!("link {text:?}: expected such as `{pair}` or `{both_ways}`");
            self.mistake_at(target, what)
        })?;
        let known = self.topology.ends();
        let mut ends = [from, to].map(str::to_owned);
        for end in &mut ends {
            // Where there is one client of a kind, the number may be left out.
            if self.topology.clients.iter().any(|it| it.name == *end && it.count == Some(1)) {
                *end = numbered(end, 1);
            }
            self.known("node", &At { value: end.clone(), place: target.place.clone() }, &known)?;
        }
        let [from, to] = ends;
        Ok((from, to, both))
    }

    fn silent(&self, target: &At<String>, from: &str, to: &str) -> Mistake {
        let what = format!(
            "a fault that cannot fire: {from} never calls {to}; expected one of: {}",
            self.topology.pairs().join(" · ")
        );
        self.mistake_at(target, what)
    }

    pub(super) fn operation(&self, from: &str, to: &str) -> Result<Option<String>, Mistake> {
        let Some(of) = &self.table.value.of else { return Ok(None) };
        self.known("operation", of, &self.topology.operations(from, to))?;
        Ok(Some(of.value.clone()))
    }
}
