//! `scenario_tests!`: the folder, the scenario files in it, and a test of each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned as _;
use syn::{Error, Expr, LitStr, Token};

/// What the macro is told.
struct Arguments {
    system: Expr,
    folder: LitStr,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Arguments, Error> {
        let system = input.parse()?;
        input.parse::<Token![,]>()?;
        let folder = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        Ok(Arguments { system, folder })
    }
}

/// A test of each scenario file, and the one that none is left out.
pub fn tests(input: TokenStream) -> Result<TokenStream, Error> {
    let Arguments { system, folder } = syn::parse2(input)?;
    let wrong = |what: String| Error::new(folder.span(), what);
    // Cargo runs the compiler with it, for documentation and its tests too.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let told = folder.value();
    let path = Path::new(&package).join(&told);
    let files = files(&path).map_err(|error| wrong(format!("{}: {error}", path.display())))?;
    if files.is_empty() {
        return Err(wrong(format!("{}: no scenario files (`*.toml`) in it", path.display())));
    }
    let named = named(&files).map_err(wrong)?;
    let system = quote_spanned!(system.span()=> &(#system));
    let tests = named.iter().map(|(name, stem)| {
        let name = ident(name);
        let (test, shown) = (name.to_string(), format!("{told}/{stem}.toml"));
        let file = path.join(format!("{stem}.toml")).display().to_string();
        quote! {
            #[test]
            fn #name() {
                let text = ::std::include_str!(#file);
                ::stormproof_explore::testing::scenario_holds(#system, #test, #shown, text);
            }
        }
    });
    let (all, path) = (ident_of_folder(&told), path.display().to_string());
    let stems = named.values();
    Ok(quote! {
        #(#tests)*

        #[test]
        fn #all() {
            ::stormproof_explore::testing::all_are_named(#path, &[#(#stems),*], ::std::file!());
        }
    })
}

/// The stems of the scenario files of a folder.
fn files(folder: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let mut stems = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            stems.push(stem(&path)?);
        }
    }
    stems.sort();
    Ok(stems)
}

fn stem(path: &PathBuf) -> Result<String, String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.map(str::to_owned).ok_or_else(|| format!("{path:?}: expected a name in UTF-8"))
}

/// Which test is of which file.
fn named(stems: &[String]) -> Result<BTreeMap<String, String>, String> {
    let mut named = BTreeMap::new();
    for stem in stems {
        if let Some(other) = named.insert(name(stem), stem.clone()) {
            return Err(format!("{other:?} and {stem:?} would be one test: `{}`", name(stem)));
        }
    }
    Ok(named)
}

/// A stem as the name of a function.
fn name(stem: &str) -> String {
    let letters = stem.chars().map(|letter| match letter {
        letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
        _ => '_',
    });
    let name: String = letters.collect();
    let begins_well = name.starts_with(|letter: char| letter.is_ascii_alphabetic());
    match begins_well && syn::parse_str::<Ident>(&name).is_ok() {
        true => name,
        // A number or a keyword.
        false => format!("scenario_{name}"),
    }
}

fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

fn ident_of_folder(folder: &str) -> Ident {
    format_ident!("every_file_in_{}_is_a_test", name(folder.trim_matches(['.', '/'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_become_names() {
        let names = ["calm", "A reply-lost.twice", "404", "match", "_"].map(name);
        let expected =
            ["calm", "a_reply_lost_twice", "scenario_404", "scenario_match", "scenario__"];
        assert_eq!(names, expected);
        assert_eq!(
            ident_of_folder("../tests/scenarios/"),
            "every_file_in_tests_scenarios_is_a_test"
        );
    }

    #[test]
    fn two_files_of_one_name_are_told() {
        let stems = ["a-b", "a_b"].map(str::to_owned);
        let told = named(&stems).expect_err("they are one name");
        assert_eq!(told, r#""a-b" and "a_b" would be one test: `a_b`"#);
    }
}
