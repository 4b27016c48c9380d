//! Every transaction has a name, by which people find out which of them others come between.

use std::collections::BTreeMap;

use super::source::{code, root, sources, without_tests};

const CALL: &str = "transact(";

/// What all services have in common: its names are no service's.
const SHARED: &str = "messaging";

/// A name is a step's, in snake case, and says which: no other transaction of the service has it.
#[test]
fn every_transaction_has_a_name_of_its_own() {
    let mut places: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for source in sources() {
        let Ok(path) = source.path.strip_prefix(root().join("system")) else { continue };
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let service = if parts[0] == "src" { &parts[1] } else { &parts[0] };
        for name in names(without_tests(&source.text)) {
            let is_snake = name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
            assert!(is_snake && !name.is_empty(), "{}: {name:?}", source.shown());
            places.entry((service.clone(), name)).or_default().push(source.shown());
        }
    }
    assert!(places.len() > 40, "there are more transactions than {}", places.len());
    for ((service, name), found) in &places {
        let shared = (SHARED.to_owned(), name.clone());
        let is_shared = service != SHARED && places.contains_key(&shared);
        assert!(found.len() == 1 && !is_shared, "{service}: {name} is in {found:?}");
    }
}

/// The names that stand where transactions are begun; where it is a variable, whoever calls has it.
fn names(text: &str) -> Vec<String> {
    let text: String = text.lines().map(code).collect::<Vec<_>>().join("\n");
    let calls = text.match_indices(CALL).map(|(at, _)| (&text[..at], &text[at + CALL.len()..]));
    let begun =
        calls.filter(|(before, _)| !before.ends_with(|it: char| it.is_alphanumeric() || it == '_'));
    let name = |(_, after): (&str, &str)| {
        let second = after.split(',').nth(1)?.trim();
        Some(second.strip_prefix('"')?.strip_suffix('"')?.to_owned())
    };
    begun.filter_map(name).collect()
}

#[test]
fn names_are_found_where_transactions_are_begun() {
    let text = "transact(ports, \"one\", |transaction| {\n// transact(ports, \"two\", \n\
                transact(\n    &context.ports,\n    \"three\",\n    move |it| all(it, 4))\n\
                pub async fn transact<'p>(ports, transact(ports, queue, |it| all(it))";
    assert_eq!(names(text), ["one", "three"]);
}
