//! Mails as files: where there is no mail server, they can still be opened.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;
use lettre::message::Mailbox;
use stormproof_ports::{CallError, Mail, Mailer};
use tokio::task::spawn_blocking;

use super::compose::{MailerError, compose, sender};

/// A folder with one `.eml` file for each `Message-ID`: a mail that is sent twice is there once.
#[derive(Clone)]
pub struct Maildrop {
    folder: Arc<Path>,
    from: Mailbox,
    /// Numbers the files that are being written, so that two of one mail do not meet.
    written: Arc<AtomicU64>,
}

impl Maildrop {
    /// Makes the folder if there is none. `from`: the sender of every mail, such as
    /// `Desk <desk@example.org>`.
    ///
    /// # Errors
    /// If the folder cannot be made, or nothing can be written into it, or `from` is no sender.
    pub fn open(folder: &Path, from: &str) -> Result<Maildrop, MailerError> {
        let from = sender(from)?;
        let failed = |error| MailerError::Folder(folder.display().to_string(), error);
        fs::create_dir_all(folder).map_err(failed)?;
        let probe = folder.join(format!(".probe-{}", std::process::id()));
        File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(failed)?;
        Ok(Maildrop { folder: folder.into(), from, written: Arc::default() })
    }

    /// Where the mail with this `Message-ID` lies, once it is sent.
    pub fn file(&self, message_id: &str) -> PathBuf {
        self.folder.join(file_name(message_id))
    }

    async fn keep(&self, mail: Mail) -> Result<(), CallError> {
        let file = self.file(&mail.message_id);
        let message = compose(mail, &self.from).map_err(CallError::Unavailable)?;
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let draft = self.folder.join(format!(".draft-{}-{number}", std::process::id()));
        let folder = self.folder.clone();
        let write = move || {
            let written = write(&folder, &draft, &file, &message.formatted());
            if written.is_err() {
                fs::remove_file(&draft).ok();
            }
            written
        };
        // The name changes as the last step but one; what fails may have come that far.
        let written = spawn_blocking(write).await.expect("writing a file does not panic");
        written.map_err(|error| CallError::Unknown(format!("the mail may not last: {error}")))
    }
}

impl Mailer for Maildrop {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), CallError>> {
        Box::pin(self.keep(mail))
    }
}

/// Whole or not at all, and for good: the content is on the disk before it has its name, and the
/// name is on the disk before anybody hears of it.
fn write(folder: &Path, draft: &Path, file: &Path, content: &[u8]) -> io::Result<()> {
    let mut open = File::create(draft)?;
    open.write_all(content)?;
    open.sync_all()?;
    fs::rename(draft, file)?;
    File::open(folder)?.sync_all()
}

/// One name for each `Message-ID`, and no two alike: every byte that is not plain is spelt out.
fn file_name(message_id: &str) -> String {
    let mut name = String::new();
    for byte in message_id.trim_start_matches('<').trim_end_matches('>').bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'+' | b'@' => name.push(byte.into()),
            b'.' if !name.is_empty() => name.push('.'),
            _ => name.push_str(&format!("={byte:02x}")),
        }
    }
    name + ".eml"
}
