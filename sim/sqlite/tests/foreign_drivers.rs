//! A process whose drivers were installed by somebody else, and without ours. sqlx takes drivers once
//! per process, so this is the only test of its binary.

use sqlx::any::install_drivers;

#[test]
#[should_panic(expected = "install stormproof_sqlite::DRIVER together with the others")]
fn drivers_of_others_without_ours_are_told() {
    install_drivers(&[]).expect("nobody was here before");
    stormproof_sqlite::install();
}
