//! W3C trace context: one trace for each subject, whichever service works on it.

use sha2::{Digest, Sha256};

/// A `traceparent` whose trace id is drawn from the subject's name and whose span id from the
/// step's, so that it needs no state and no entropy.
pub fn parent(subject: &str, step: &str) -> String {
    let mut parent = String::with_capacity(55);
    parent.push_str("00-");
    hex(&mut parent, &Sha256::digest(subject)[..16]);
    parent.push('-');
    hex(&mut parent, &Sha256::digest(step)[..8]);
    parent.push_str("-01");
    parent
}

/// Appends `bytes` in lower-case hexadecimal.
pub fn hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).expect("four bits are one digit"));
        }
    }
}
