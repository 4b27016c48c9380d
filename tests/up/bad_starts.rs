//! What cannot be run says why in one line on standard error, and exits with 2.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::process::{Folder, Up, run, stormproof};
use crate::servers::free_port;

/// Runs to the end: expects exit code 2, and all of `words` on standard error.
async fn refused(arguments: &[&str], settings: &[(&str, &str)], folder: &Folder, words: &[&str]) {
    let log = folder.path("refused.log");
    let mut command = stormproof(arguments, &log);
    command.envs(settings.iter().copied());
    let (code, said) = run(command, &log).await;
    assert_eq!(code, Some(2), "{arguments:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?}: expected {word:?} in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the test's paths are text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken() {
    let folder = Folder::new("port-taken");
    let taken = TcpListener::bind("127.0.0.1:0").expect("loopback has room");
    let address = taken.local_addr().expect("it is bound").to_string();
    let data = folder.path("data");
    let arguments = ["up", "--data", text(&data), "--listen", &address];
    refused(&arguments, &[], &folder, &["cannot listen on", &address, "--listen"]).await;
    let arguments = ["up", "--data", text(&data), "--listen", "0.0.0.0:0"];
    refused(&arguments, &[], &folder, &["0.0.0.0:0", "loopback"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written() {
    let folder = Folder::new("not-writable");
    fs::write(folder.path("file"), "").expect("the folder can be written");
    // Below a file there is no folder, not even for root.
    let data = folder.path("file/data");
    let arguments = ["up", "--data", text(&data), "--listen", "127.0.0.1:0"];
    refused(&arguments, &[], &folder, &["cannot keep data in", "file/data"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_and_files_that_are_damaged() {
    let folder = Folder::new("damaged");
    let data = folder.path("data");
    let arguments = ["up", "--data", text(&data), "--listen", "127.0.0.1:0"];
    let shop = Up::open(&data, &[]).await;
    refused(&arguments, &[], &folder, &["is in use by another shop", "--data"]).await;
    shop.process.stop().await;

    for file in ["bank.db", "broker.db"] {
        let path = data.join(file);
        let whole = fs::read(&path).expect("the shop made it");
        let mut damaged = whole.clone();
        // Some pages in the middle; the header stays, so that it looks like a database.
        let middle = 4096..whole.len().min(4096 * 5);
        damaged[middle].fill(0xa5);
        fs::write(&path, damaged).expect("the file can be written");
        refused(&arguments, &[], &folder, &[file, "damaged", "begin anew"]).await;
        fs::write(&path, whole).expect("the file can be written");
    }

    let secrets = data.join("secrets.toml");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&secrets), mode(&data)), (0o600, 0o700));
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o644)).expect("ours");
    refused(&arguments, &[], &folder, &["secrets.toml", "0600"]).await;
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).expect("ours");
    // Whole again, it opens: nothing of the refused starts has harmed it.
    Up::open(&data, &[]).await.process.stop().await;
}

/// Told at once, not when patience has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_is_not_there() {
    let folder = Folder::new("not-there");
    let url = format!("http://127.0.0.1:{}", free_port());
    let secrets = [
        ("STORMPROOF_AUTH_CUSTOMER_SECRET", "e4b1f7a06d3c92585e1fa7c0b9d6423817aa"),
        ("STORMPROOF_AUTH_SERVICE_SECRET", "7c0b9d6423817aae4b1f7a06d3c92585e1fa"),
    ];
    let words = ["stormproof: store: unavailable: store refuses"];
    refused(&["reconcile", "--url", &url], &secrets, &folder, &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_secrets_that_are_none() {
    let folder = Folder::new("settings");
    let file = folder.path("shop.toml");
    fs::write(&file, "[saga]\nleese = \"20s\"\n").expect("the folder can be written");
    let with_file = ["serve", "bank", "--config", text(&file)];
    refused(&with_file, &[], &folder, &["shop.toml:2", "saga.leese", "saga.lease"]).await;

    let secret = |value| [("STORMPROOF_AUTH_SERVICE_SECRET", value)];
    let serve = ["serve", "bank"];
    let needs = ["auth.service_secret", "at least 32 random bytes"];
    refused(&serve, &[], &folder, &[needs[0], needs[1], "is not set"]).await;
    refused(&serve, &secret("short"), &folder, &needs).await;
    let known = "services' secret of the seeded world";
    refused(&serve, &secret(known), &folder, &[needs[0], "known to everybody"]).await;
    refused(&["serve", "bakery"], &[], &folder, &["bakery", "warehouse"]).await;
    let level = [("STORMPROOF_LOG_LEVEL", "loud")];
    refused(&["up"], &level, &folder, &["STORMPROOF_LOG_LEVEL", "expected error, warn"]).await;
}
