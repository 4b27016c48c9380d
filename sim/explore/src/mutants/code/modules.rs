//! The sources of a crate: its `lib.rs` and the modules that it names, but for those that are built for tests
//! only, or under another condition.

use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, File, Item};

/// Reads the file at `path` and those of its modules, but for those of some names: path, text and syntax of each,
/// after `found`.
///
/// # Errors
/// If one cannot be read, or is no Rust.
pub fn follow(
    workspace: &Path,
    path: &str,
    spared: &[&str],
    found: &mut Vec<(String, String, File)>,
) -> Result<(), String> {
    let text = fs::read_to_string(workspace.join(path))
        .map_err(|error| format!("{path}: cannot be read: {error}"))?;
    let file = syn::parse_file(&text).map_err(|error| format!("{path}: is no Rust: {error}"))?;
    let path = PathBuf::from(path);
    let (folder, stem) = (path.parent().unwrap_or(Path::new("")), path.file_stem());
    let is_folder = stem.is_some_and(|stem| stem == "lib" || stem == "mod" || stem == "main");
    let below = if is_folder { folder.to_owned() } else { folder.join(stem.unwrap_or_default()) };
    let modules = modules(&file);
    found.push((path.to_string_lossy().into_owned(), text, file));
    for module in modules.into_iter().filter(|module| !spared.contains(&module.as_str())) {
        let beside = below.join(format!("{module}.rs"));
        let inside = below.join(&module).join("mod.rs");
        let there = if workspace.join(&beside).exists() { beside } else { inside };
        follow(workspace, &there.to_string_lossy(), spared, found)?;
    }
    Ok(())
}

/// Modules that are files of their own.
fn modules(file: &File) -> Vec<String> {
    let module = |item: &Item| match item {
        Item::Mod(module) if module.content.is_none() && !is_conditional(&module.attrs) => {
            Some(module.ident.to_string())
        }
        _ => None,
    };
    file.items.iter().filter_map(module).collect()
}

/// Whether something is not always built.
pub fn is_conditional(attributes: &[Attribute]) -> bool {
    let conditional = |it: &Attribute| it.path().is_ident("cfg") || it.path().is_ident("test");
    attributes.iter().any(conditional)
}
