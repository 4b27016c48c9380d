//! The moments that were passed, and the faults that struck at them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::host::Host;
use crate::moment::{Act, Moment, Passage, Side};
use crate::service_moment::{ServiceMoment, Strike};

/// What was passed in a run so far.
pub(crate) struct Coverage {
    /// By the hash of service and moment.
    moments: BTreeMap<u64, Passes>,
    /// The moment that was passed last, by its hash.
    last: Option<u64>,
    /// How often each kind of fault struck when a moment was the last that had been passed.
    struck: BTreeMap<(u64, &'static str), u64>,
    /// Every pass during the storm, if they are kept.
    passages: Option<Vec<Passage>>,
}

struct Passes {
    service: Arc<str>,
    moment: Moment,
    count: u64,
}

impl Coverage {
    /// Nothing yet; keeps every pass if asked to.
    pub(crate) fn new(passages: bool) -> Coverage {
        Coverage {
            moments: BTreeMap::new(),
            last: None,
            struck: BTreeMap::new(),
            passages: passages.then(Vec::new),
        }
    }

    /// A node of `service` passes a moment; `name` is the moment's name in words.
    pub(crate) fn count(&mut self, service: &Arc<str>, side: Side, act: Act, name: &[&str]) {
        let key = hash(service, side, act, name);
        let passes = self.moments.entry(key).or_insert_with(|| {
            let moment = Moment::new(side, act, name.join(" "));
            Passes { service: service.clone(), moment, count: 0 }
        });
        passes.count += 1;
        self.last = Some(key);
    }

    /// Keeps the pass that was just counted, if passes are kept.
    pub(crate) fn keep<H: Host>(&mut self, host: &H, at: Duration) {
        let Some(passages) = &mut self.passages else { return };
        let Some(passes) = self.last.and_then(|key| self.moments.get(&key)) else { return };
        let same = self.moments.values().filter(|other| other.moment == passes.moment);
        let of_all = same.map(|passes| passes.count).sum();
        let number = |count: u64| u32::try_from(count).expect("a run has fewer events");
        passages.push(Passage {
            service: passes.service.to_string(),
            moment: passes.moment.clone(),
            nth: number(passes.count),
            nth_of_all: number(of_all),
            at,
            instant: host.events(),
        });
    }

    /// The moment that was passed last.
    pub(crate) fn last(&self) -> Option<&Moment> {
        self.moments.get(&self.last?).map(|passes| &passes.moment)
    }

    /// A fault of this kind strikes here.
    pub(crate) fn strike(&mut self, kind: &'static str) {
        if let Some(key) = self.last {
            *self.struck.entry((key, kind)).or_default() += 1;
        }
    }

    /// Every pass that was kept.
    pub(crate) fn passages(&self) -> Vec<Passage> {
        self.passages.clone().unwrap_or_default()
    }

    /// Every moment that was passed, and how often.
    pub(crate) fn moments(&self) -> BTreeMap<ServiceMoment, u64> {
        self.moments.values().map(|passes| (passes.moment(), passes.count)).collect()
    }

    /// Every moment with each kind of fault that struck there, and how often.
    pub(crate) fn struck(&self) -> BTreeMap<Strike, u64> {
        let strike = |key, kind: &str| Strike { at: self.moments[key].moment(), kind: kind.into() };
        self.struck.iter().map(|((key, kind), count)| (strike(key, kind), *count)).collect()
    }
}

impl Passes {
    fn moment(&self) -> ServiceMoment {
        ServiceMoment::new(&*self.service, self.moment.clone())
    }
}

/// FNV-1a over the parts of a moment, so that a pass allocates nothing.
fn hash(service: &str, side: Side, act: Act, name: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut mix = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    service.bytes().for_each(&mut mix);
    mix(side as u8);
    mix(act as u8);
    for part in name {
        part.bytes().for_each(&mut mix);
        mix(b' ');
    }
    hash
}
