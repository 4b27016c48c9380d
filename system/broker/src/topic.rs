//! Patterns of topic bindings: words between dots, `*` for one word, `#` for any number of them.
//!
//! Which queue a match leads to is `exchange`'s affair.

use std::str::Split;

/// A binding pattern such as `email.*` or `delivery.update.#`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    text: String,
    /// How much of the text every matching key begins with; all of it if there is no wildcard. Most
    /// bindings of an exchange are told apart by it, without a look at words.
    literal: usize,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Pattern {
        let mut literal = 0;
        for word in words(text) {
            if word == "*" || word == "#" {
                // The dot before a `#` may be missing in the key.
                let literal = usize::saturating_sub(literal, 1);
                return Pattern { text: text.to_owned(), literal };
            }
            literal += word.len() + 1;
        }
        Pattern { text: text.to_owned(), literal: text.len() }
    }

    /// Whether `key` matches, in time proportional to the product of both lengths at worst.
    pub(super) fn matches(&self, key: &str) -> bool {
        if self.literal == self.text.len() {
            return self.text == key;
        }
        key.as_bytes().starts_with(&self.text.as_bytes()[..self.literal])
            && matches(words(&self.text), words(key))
    }
}

type Words<'a> = std::iter::Flatten<std::option::IntoIter<Split<'a, char>>>;

/// The words of `text`. The empty key has none; `a.` has two, the second empty, as in RabbitMQ.
fn words(text: &str) -> Words<'_> {
    (!text.is_empty()).then(|| text.split('.')).into_iter().flatten()
}

/// Greedy with one step back: after a mismatch the latest `#` takes one word more. An earlier `#`
/// never needs to take more, since the latest could take those words as well.
fn matches<'a>(mut pattern: Words<'a>, mut key: Words<'a>) -> bool {
    let mut latest_hash: Option<(Words<'a>, Words<'a>)> = None;
    loop {
        let key_before = key.clone();
        match (pattern.next(), key.next()) {
            (Some("#"), _) => {
                key = key_before.clone();
                latest_hash = Some((pattern.clone(), key_before));
            }
            (Some("*"), Some(_)) => {}
            (Some(expected), Some(word)) if expected == word => {}
            (None, None) => return true,
            _ => {
                let Some((after, taken)) = &mut latest_hash else { return false };
                if taken.next().is_none() {
                    return false;
                }
                pattern = after.clone();
                key = taken.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pattern, keys that match, keys that do not.
    const TABLE: &[(&str, &[&str], &[&str])] = &[
        (
            "payment.charge",
            &["payment.charge"],
            &["payment", "payment.charges", "payment.charge.x", ""],
        ),
        ("email.*", &["email.receipt", "email."], &["email", "email.a.b", "mail.receipt"]),
        ("*.update", &["delivery.update", ".update"], &["update", "a.b.update"]),
        ("*", &["a"], &["", "a.b", "."]),
        ("*.*", &["a.b", "."], &["a", "a.b.c"]),
        ("delivery.update.#", &["delivery.update", "delivery.update.a.b"], &["delivery.updates"]),
        ("#", &["", "a", "a.b.c", "."], &[]),
        ("#.#", &["", "a", "a.b"], &[]),
        ("a.#.b", &["a.b", "a.x.b", "a.x.b.y.b", "a..b"], &["a", "b", "a.x", "a.b.c"]),
        ("#.b.#.c", &["b.c", "a.b.b.x.c", "b.c.c"], &["c.b", "b", "a.c"]),
        ("a.*.#", &["a.b", "a.b.c.d"], &["a"]),
        ("#.*", &["a", "a.b"], &[""]),
        ("*.#.x", &["a.x", "x.x", "a.b.x"], &["x"]),
        ("a.*.b", &["a.x.b", "a..b"], &["a.b", "a.x.y.b"]),
        ("a*.b#", &["a*.b#"], &["ax.b"]),
        ("", &[""], &["a"]),
    ];

    #[test]
    fn patterns_match_as_the_table_says() {
        for (text, matching, others) in TABLE {
            let pattern = Pattern::new(text);
            for key in *matching {
                assert!(pattern.matches(key), "{text:?} must match {key:?}");
            }
            for key in *others {
                assert!(!pattern.matches(key), "{text:?} must not match {key:?}");
            }
        }
    }

    /// Every pattern and key of up to four words, against the definition written as a recursion.
    #[test]
    fn short_patterns_agree_with_the_definition() {
        fn defined(pattern: &[&str], key: &[&str]) -> bool {
            match (pattern, key) {
                ([], _) => key.is_empty(),
                (["#", rest @ ..], _) => (0..=key.len()).any(|n| defined(rest, &key[n..])),
                ([one, rest @ ..], [word, words @ ..]) => {
                    (*one == "*" || one == word) && defined(rest, words)
                }
                _ => false,
            }
        }
        fn lists<'a>(alphabet: &[&'a str]) -> Vec<Vec<&'a str>> {
            let mut all = vec![vec![]];
            let mut start = 0;
            for _ in 0..4 {
                let end = all.len();
                for shorter in start..end {
                    for word in alphabet {
                        all.push([all[shorter].as_slice(), &[*word]].concat());
                    }
                }
                start = end;
            }
            all
        }
        for pattern in lists(&["a", "b", "*", "#"]) {
            let parsed = Pattern::new(&pattern.join("."));
            for key in lists(&["a", "b"]) {
                let text = key.join(".");
                assert_eq!(parsed.matches(&text), defined(&pattern, &key), "{pattern:?} {key:?}");
            }
        }
    }
}
