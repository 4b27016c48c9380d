//! What runs have covered: the moments that services passed, and the faults that struck there.
//!
//! Both are written and read as one line, such as `ledger: after commit of entry BOOKED: crash`, and
//! sorted as those lines are.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::moment::{Moment, Side};
use crate::topology::service_of;

/// A moment that nodes of a service pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceMoment {
    /// The service's name, or that of a node of none.
    pub service: String,
    /// The moment that its nodes pass.
    pub moment: Moment,
}

/// A kind of fault that struck when a moment was the last one passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Strike {
    /// The moment that was the last one passed.
    pub at: ServiceMoment,
    /// The kind's name in reports.
    pub kind: String,
}

impl ServiceMoment {
    /// The moment of a service.
    pub fn new(service: impl Into<String>, moment: Moment) -> ServiceMoment {
        ServiceMoment { service: service.into(), moment }
    }

    /// The same moment, of all clients of a kind if it is one client's.
    #[must_use]
    pub fn of_all(mut self) -> ServiceMoment {
        self.service = service_of(&self.service).to_owned();
        self
    }

    /// The moment before an act, of the one after it, and the other way round.
    #[must_use]
    pub fn other_side(&self) -> ServiceMoment {
        let side = match self.moment.side {
            Side::Before => Side::After,
            Side::After => Side::Before,
        };
        ServiceMoment::new(self.service.clone(), Moment { side, ..self.moment.clone() })
    }

    fn parts(&self) -> [&str; 7] {
        let Moment { side, act, name } = &self.moment;
        [&self.service, ": ", side.word(), " ", act.words(), " ", name]
    }
}

impl Ord for ServiceMoment {
    fn cmp(&self, other: &ServiceMoment) -> Ordering {
        let (one, other) = (self.parts(), other.parts());
        one.iter().flat_map(|it| it.bytes()).cmp(other.iter().flat_map(|it| it.bytes()))
    }
}

impl PartialOrd for ServiceMoment {
    fn partial_cmp(&self, other: &ServiceMoment) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ServiceMoment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().into_iter().try_for_each(|part| formatter.write_str(part))
    }
}

impl FromStr for ServiceMoment {
    type Err = String;

    fn from_str(text: &str) -> Result<ServiceMoment, String> {
        let (service, moment) = text
            .split_once(": ")
            .ok_or_else(|| format!("{text:?}: expected a service and its moment"))?;
        Ok(ServiceMoment::new(service, moment.parse()?))
    }
}

impl Ord for Strike {
    fn cmp(&self, other: &Strike) -> Ordering {
        let parts = |strike: &Strike| [strike.at.to_string(), ": ".to_owned(), strike.kind.clone()];
        parts(self).concat().cmp(&parts(other).concat())
    }
}

impl PartialOrd for Strike {
    fn partial_cmp(&self, other: &Strike) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.at, self.kind)
    }
}

impl FromStr for Strike {
    type Err = String;

    fn from_str(text: &str) -> Result<Strike, String> {
        let (at, kind) = text
            .rsplit_once(": ")
            .ok_or_else(|| format!("{text:?}: expected a moment and what struck there"))?;
        Ok(Strike { at: at.parse()?, kind: kind.to_owned() })
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<$name, String> {
                text.parse()
            }
        }
    )*};
}

as_text!(ServiceMoment, Strike);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written_and_sorted_as_texts() {
        let mut lines = [
            "ledger: after commit of entry BOOKED",
            "ledger: before commit of entry BOOKED",
            "ledger: after call check",
            "mailer: before mail of summary",
        ]
        .map(|line| line.parse::<ServiceMoment>().expect("well formed"));
        lines.sort();
        let mut texts = lines.clone().map(|line| line.to_string());
        texts.sort();
        assert_eq!(lines.map(|line| line.to_string()), texts);
        let strike = "ledger: before call check: reply lost";
        let read: Strike = strike.parse().expect("well formed");
        assert_eq!((read.to_string().as_str(), read.kind.as_str()), (strike, "reply lost"));
        assert_eq!(read.at.other_side().to_string(), "ledger: after call check");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for bad in ["ledger", "ledger: during call check", "ledger: before party"] {
            assert!(bad.parse::<ServiceMoment>().is_err(), "{bad}");
        }
    }
}
