//! Commits last: what was committed before a power cut is there after it.

use super::{Evidence, Findings, Invariant, When};

pub const INVARIANT: Invariant = Invariant {
    name: "commits last",
    says: "what a commit wrote is there until another commit changes it, whatever loses power",
    when: When::AtRest,
    step: None,
    end: Some(end),
};

fn end(evidence: &Evidence<'_>, findings: &mut Findings) {
    for lost in &evidence.final_state.lost_commits {
        findings.that(lost.clone());
    }
}
