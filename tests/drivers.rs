//! sqlx takes its `Any` drivers once per process, and this binary needs that of the simulated world next to
//! those of real machines. Whichever test comes first would install its own; so all are installed before
//! any test begins.

use sqlx::any::install_drivers;
use stormproof_sqlite::{DRIVER, drivers_of_others};

/// Run by the loader, before `main`.
#[used]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_os = "macos"), unsafe(link_section = ".init_array"))]
static INSTALL: extern "C" fn() = install;

extern "C" fn install() {
    install_drivers(&[DRIVER, sqlx_postgres::any::DRIVER]).ok();
}

#[test]
fn drivers_of_others_are_seen() {
    assert_eq!(drivers_of_others(), ["postgres"]);
}
