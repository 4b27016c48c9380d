//! Measures the seeded world beside two peers, and writes `sim/figures/peers.md`.
//!
//! With a word as its argument it measures only whoever has it in its name, and writes nothing.

mod figures;
mod measure;
mod page;
mod traffic;
mod worlds;

use std::io::{self, Write as _};
use std::{env, fs};

/// That of `cargo sim`; everyone here has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The page, as it lies beside this package.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../figures/peers.md");

fn main() -> Result<(), String> {
    let only = env::args().nth(1);
    let figures = figures::all(only.as_deref().unwrap_or_default(), &mut say)?;
    if only.is_some() {
        say(&page::tables(&figures));
        return Ok(());
    }
    let page = page::page(&figures)?;
    fs::write(PAGE, &page).map_err(|error| format!("cannot write {PAGE}: {error}"))?;
    say(&page);
    Ok(())
}

/// Prints a line. That nobody reads it is no reason to stop.
fn say(line: &str) {
    writeln!(io::stdout(), "{line}").ok();
}
