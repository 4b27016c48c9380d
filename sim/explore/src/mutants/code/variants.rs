//! Enums whose variants can stand for each other.

use std::collections::BTreeMap;

use syn::visit::{Visit, visit_item_enum};
use syn::{ExprPath, Fields, File, ItemEnum};

/// The variants without fields of every enum, in their order, by its name. Two enums may share one.
#[derive(Default)]
pub struct Variants(BTreeMap<String, Vec<Vec<String>>>);

impl Variants {
    /// Those of some files.
    pub fn of<'a>(files: impl Iterator<Item = &'a File>) -> Variants {
        let mut variants = Variants::default();
        files.for_each(|file| variants.visit_file(file));
        variants
    }

    /// The path of the variant after that which `path` names; after the last comes the first.
    pub fn after(&self, path: &ExprPath) -> Option<(String, String)> {
        let segments = &path.path.segments;
        let place = segments.len().checked_sub(2)?;
        let (name, variant) = (segments[place].ident.to_string(), &segments[place + 1].ident);
        let variant = variant.to_string();
        let enums = self.0.get(&name)?.iter();
        let mut with =
            enums.filter_map(|all| Some((all, all.iter().position(|it| *it == variant)?)));
        let (all, at) = with.next()?;
        let next = &all[(at + 1) % all.len()];
        let before = segments.iter().take(place).map(|it| format!("{}::", it.ident));
        let before: String = before.collect();
        let colons = if path.path.leading_colon.is_some() { "::" } else { "" };
        (*next != variant)
            .then(|| (format!("{name}::{variant}"), format!("{colons}{before}{name}::{next}")))
    }
}

impl<'a> Visit<'a> for Variants {
    fn visit_item_enum(&mut self, item: &'a ItemEnum) {
        let plain = item.variants.iter().filter(|it| matches!(it.fields, Fields::Unit));
        let plain: Vec<String> = plain.map(|it| it.ident.to_string()).collect();
        if plain.len() > 1 {
            self.0.entry(item.ident.to_string()).or_default().push(plain);
        }
        visit_item_enum(self, item);
    }
}
