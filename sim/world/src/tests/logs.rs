//! What is logged, by whomever, is searched for what never may be.

use super::*;

fn targets(never_logged: Vec<&'static str>) -> Vec<String> {
    let spec = Spec { never_logged, ..spec(1, Vec::new()) };
    run(spec, |world| async move {
        tracing::trace!(target: "depths", word = "swordfish", "goes on");
        tracing::debug!(target: "words", "the word is {}", "swordfish");
        tracing::error!(target: "clean", word = "salmon", "goes on");
        let login = tracing::info_span!(target: "spans", "login", password = ?Some("swordfish"));
        login.in_scope(|| tracing::info!(target: "clean", "logs in"));
        let later = tracing::info_span!(target: "later", "login", password = tracing::field::Empty);
        later.record("password", "swordfish");
        world.logged().into_iter().map(|logged| logged.target).collect()
    })
}

#[test]
fn a_text_is_found_at_every_level_and_in_spans() {
    assert_eq!(targets(vec!["swordfish"]), ["a span", "depths", "spans", "words"]);
    assert_eq!(targets(vec!["perch"]), [""; 0]);
    assert_eq!(targets(Vec::new()), [""; 0]);
}
