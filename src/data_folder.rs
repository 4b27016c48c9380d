//! The data folder: one process at a time works in it, and its secrets are its owner's alone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stormproof_ports::Rng as _;
use stormproof_ports::trace::hex;

use stormproof_bindings::rng::SystemRng;

/// An open data folder.
pub struct DataFolder {
    folder: PathBuf,
    /// Held as long as the process lives; the system lets it go with us, however we end.
    _lock: File,
}

/// Where they are kept.
const SECRETS: &str = "secrets.toml";

/// What is drawn once for each shop.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    pub customer: String,
    pub service: String,
    /// Of the demo's logins.
    pub password: String,
}

impl DataFolder {
    /// Makes the folder if it is not there, and takes it.
    ///
    /// # Errors
    /// If it cannot be written, or another process has it.
    pub fn open(folder: &Path) -> Result<DataFolder, String> {
        let name = folder.display();
        let failed = |error: io::Error| format!("cannot keep data in {name}: {error}");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let folder = folder.canonicalize().map_err(failed)?;
        // Inside a checkout it is not part of it.
        if !folder.join(".gitignore").exists() {
            fs::write(folder.join(".gitignore"), "*\n").map_err(failed)?;
        }
        let options = OpenOptions::new().read(true).write(true).create(true).clone();
        let lock = options.open(folder.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(DataFolder { folder, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(format!(
                "the data folder {} is in use by another shop; stop it, or choose another with \
                 --data",
                folder.display()
            )),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file or folder of this name.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder's secrets, drawn at the first call.
    ///
    /// # Errors
    /// If they cannot be read or written, or if others than the owner may read them.
    pub fn secrets(&self) -> Result<Secrets, String> {
        if let Some(secrets) = secrets_in(&self.folder)? {
            return Ok(secrets);
        }
        let path = self.path(SECRETS);
        let secrets = Secrets { customer: draw(32), service: draw(32), password: draw(6) };
        self.keep(&path, &secrets).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(secrets)
    }

    /// Whole or not at all: half a file would be another secret.
    fn keep(&self, path: &Path, secrets: &Secrets) -> io::Result<()> {
        let text = toml::to_string(secrets).expect("three texts are TOML");
        let draft = self.path("secrets.draft");
        let options =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).clone();
        let mut file = options.open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(&self.folder)?.sync_all()
    }
}

/// The secrets of the shop that keeps its data in `folder`, open or not; none if there is no shop.
///
/// # Errors
/// If they cannot be read, or if others than the owner may read them.
pub fn secrets_in(folder: &Path) -> Result<Option<Secrets>, String> {
    let path = folder.join(SECRETS);
    let failed = |what: String| format!("{}: {what}", path.display());
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    let metadata = fs::metadata(&path).map_err(|error| failed(error.to_string()))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(failed("others may read it; expected the mode 0600".into()));
    }
    // Not the parser's whole words, which would show the line.
    let secrets = toml::from_str(&text).map_err(|error| failed(error.message().to_owned()))?;
    Ok(Some(secrets))
}

/// So many random bytes, in hexadecimal.
fn draw(count: usize) -> String {
    let mut bytes = vec![0; count];
    SystemRng.fill("secret", &mut bytes);
    let mut text = String::new();
    hex(&mut text, &bytes);
    text
}
