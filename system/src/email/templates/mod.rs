//! The mails' words, one file each, and the one layout that they share.
//!
//! A template gives plain text only. The layout makes text and HTML of it, so that the two say the
//! same and no inserted value can miss its escaping.

mod lost;
mod orderfail;
mod ordersuccess;
mod refund;
mod support;

#[cfg(test)]
mod tests;

/// The longest subject, in characters: a header line has its limits (RFC 5322 §2.1.1).
const SUBJECT_MAX: usize = 150;

/// A mail's content, as plain text of any origin.
pub struct Content {
    pub subject: String,
    pub opening: &'static str,
    /// Labelled values.
    pub details: Vec<(&'static str, String)>,
    pub closing: &'static str,
}

impl Content {
    /// The subject: one line, nothing that could begin another header.
    pub fn subject(&self) -> String {
        line(&self.subject).chars().take(SUBJECT_MAX).collect()
    }

    pub fn text(&self) -> String {
        let details: String = self
            .details
            .iter()
            .map(|(label, value)| format!("{label}: {}\n", line(value)))
            .collect();
        format!("{}\n\n{details}\n{}\n\nStormproof\n", self.opening, self.closing)
    }

    pub fn html(&self) -> String {
        let details: String = self
            .details
            .iter()
            .map(|(label, value)| {
                let value = escape(&line(value));
                format!("<tr><th align=\"left\">{}</th><td>{value}</td></tr>\n", escape(label))
            })
            .collect();
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{}</title>\
             </head>\n<body>\n<p>{}</p>\n<table>\n{details}</table>\n<p>{}</p>\n<p>Stormproof</p>\n\
             </body>\n</html>\n",
            escape(&self.subject()),
            escape(self.opening),
            escape(self.closing)
        )
    }
}

/// One line of visible text: control characters, line separators and direction overrides become
/// spaces, runs of spaces one.
fn line(text: &str) -> String {
    let visible = |letter: char| match letter {
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        _ if letter.is_control() => ' ',
        _ => letter,
    };
    let text: String = text.chars().map(visible).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text for use in HTML, in content as well as in a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// `42.00 AUD`.
fn price(amount: crate::money::Money) -> String {
    format!("{amount} {}", amount.currency)
}
