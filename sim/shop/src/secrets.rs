//! What no event, message or mail may hold, and the search for it.

/// What every password begins with, so that one search finds any of them where it must not be.
pub const PASSWORD_MARK: &str = "pass-phrase-of-";

/// A password, a token (JSON, in base64), a hash.
const SECRETS: [(&str, &str); 3] =
    [("a password", PASSWORD_MARK), ("a token", "eyJ"), ("a password's hash", "$argon2")];

/// Texts that leave a service other than to the one they belong to, and the tables that hold them.
pub const TEXTS: [(&str, &str); 3] = [
    ("the outbox", "SELECT body FROM outbox"),
    ("the audit trail", "SELECT subject || ' ' || to_state FROM audit"),
    ("the alerts", "SELECT text FROM alerts"),
];

/// What a text has in it if a secret is.
pub fn marks() -> Vec<&'static str> {
    SECRETS.iter().map(|(_, mark)| *mark).collect()
}

/// The secrets in a text, each as a sentence that names the place.
pub fn in_text(place: &str, text: &str) -> Vec<String> {
    let found = SECRETS.iter().filter(|(_, mark)| text.contains(mark));
    found.map(|(secret, _)| format!("{secret} was written into {place}")).collect()
}
