//! Where settings come from: a file in TOML, and the environment.
//!
//! Nothing unknown passes: a slip in a key would leave a default where an operator believes
//! otherwise. Mistakes name the file, the line and what was expected, and never repeat a secret.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::registry::{SETTINGS, Setting, find};
use super::{Config, Mistake};

impl Config {
    /// `self`, changed by `file` if there is one, then by the environment.
    ///
    /// # Errors
    /// The first mistake: where it is, and what was expected.
    pub fn read(self, file: Option<&Path>) -> Result<Config, Mistake> {
        let config = match file {
            Some(file) => self.read_file(file)?,
            None => self,
        };
        config.read_environment(|name| std::env::var(name).ok())
    }

    fn read_file(self, file: &Path) -> Result<Config, Mistake> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|error| Mistake(format!("{name}: cannot be read: {error}")))?;
        self.read_text(&name, &text)
    }

    /// `self`, changed by the TOML in `text`, which comes from `file`.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn read_text(mut self, file: &str, text: &str) -> Result<Config, Mistake> {
        let at = |start: usize, what: &str| {
            let before = &text[..start.min(text.len())];
            let line = before.matches('\n').count() + 1;
            Mistake(format!("{file}:{line}: {what}"))
        };
        // Not the error's whole text: it would show the line, and with it perhaps a secret.
        let table = DeTable::parse(text)
            .map_err(|error| at(error.span().unwrap_or_default().start, error.message()))?;
        for (name, value) in table.get_ref() {
            match value.get_ref() {
                DeValue::Table(section) => {
                    for (rest, value) in section {
                        let key = format!("{}.{}", name.get_ref(), rest.get_ref());
                        self.read_value(&key, value)
                            .map_err(|what| at(rest.span().start, &what))?;
                    }
                }
                _ => self
                    .read_value(name.get_ref(), value)
                    .map_err(|what| at(name.span().start, &what))?,
            }
        }
        Ok(self)
    }

    fn read_value(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<(), String> {
        let setting = find(key).ok_or_else(|| unknown(key))?;
        let text = text_of(value.get_ref())
            .ok_or_else(|| format!("{key}: expected a text, a whole number or a list of texts"))?;
        setting.set(self, &text).map_err(|mistake| format!("{key}: {mistake}"))
    }

    /// `self`, changed by the variables that `variable` gives.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn read_environment(
        mut self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Config, Mistake> {
        for setting in SETTINGS {
            let name = setting.environment();
            if let Some(text) = variable(&name) {
                let explain = |mistake: Mistake| Mistake(format!("{name}: {mistake}"));
                setting.set(&mut self, &text).map_err(explain)?;
            }
        }
        Ok(self)
    }
}

/// Variables that other parts of the project read: tests look for real servers with them.
const OTHERS: [&str; 6] =
    ["CONFIG", "DATA", "POSTGRES_URL", "AMQP_URL", "REQUIRE_REAL", "STORM_ORDERS"];

/// Which of `names` look like settings of ours and are none. They are told, not refused: machines
/// set variables too, such as `STORMPROOF_SERVICE_HOST` beside a Kubernetes service of that name.
pub fn strangers(names: impl Iterator<Item = String>) -> Vec<String> {
    let is_known = |rest: &str| {
        let name = format!("STORMPROOF_{rest}");
        OTHERS.contains(&rest) || SETTINGS.iter().any(|setting| setting.environment() == name)
    };
    names
        .filter(|name| name.strip_prefix("STORMPROOF_").is_some_and(|rest| !is_known(rest)))
        .collect()
}

/// The text of a scalar, or of a list of scalars.
fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Array(list) => {
            let texts: Option<Vec<String>> =
                list.iter().map(|item| text_of(item.get_ref())).collect();
            texts.map(|texts| texts.join(","))
        }
        _ => None,
    }
}

/// The keys that look most like the unknown one, for whoever slipped.
fn unknown(key: &str) -> String {
    let section = key.split('.').next().unwrap_or_default();
    let mut alike: Vec<&str> = SETTINGS
        .iter()
        .map(|setting: &Setting| setting.key)
        .filter(|known| known.split('.').next() == Some(section))
        .collect();
    if alike.is_empty() {
        alike = SETTINGS
            .iter()
            .map(|setting| setting.key.split('.').next().unwrap_or_default())
            .collect();
        alike.dedup();
    }
    format!("there is no setting {key}: expected one of {}", alike.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::registry::document;

    fn read(text: &str) -> Result<Config, String> {
        Config::default().read_text("shop.toml", text).map_err(|mistake| mistake.0)
    }

    #[test]
    fn later_wins() {
        let config = read("[saga]\nlease = \"30s\"\nbatch = 3\n").expect("well formed");
        let environment = |name: &str| (name == "STORMPROOF_SAGA_BATCH").then(|| "5".to_owned());
        let config = config.read_environment(environment).expect("well formed");
        assert_eq!((config.shop.saga.lease.as_secs(), config.shop.saga.batch), (30, 5));
    }

    #[test]
    fn a_mistake_names_its_place_and_what_was_expected() {
        let table = [
            ("nod = \"a\"", "shop.toml:1: there is no setting nod: expected one of node, listen,"),
            (
                "[saga]\n\nleese = \"1s\"",
                "shop.toml:3: there is no setting saga.leese: expected one of saga.lease,",
            ),
            (
                "[saga]\nlease = \"1 s\"",
                "shop.toml:2: saga.lease: \"1 s\": expected a length of time such as",
            ),
            ("[saga]\nlease = true", "shop.toml:2: saga.lease: expected a text,"),
            ("[saga]\nbatch = 0", "shop.toml:2: saga.batch: \"0\": expected a whole number, 1 to"),
            ("listen = \"here\"", "shop.toml:1: listen: \"here\": expected an address such as"),
            (
                "[peers]\nbank = [\"bank:1\"]",
                "shop.toml:2: peers.bank: \"bank:1\": expected URLs such as",
            ),
            ("[log]\nlevel = \"3\"", "shop.toml:2: log.level: \"3\": expected error, warn,"),
        ];
        for (text, expected) in table {
            let mistake = read(text).expect_err(text);
            assert!(mistake.starts_with(expected), "{mistake}\nexpected {expected}");
        }
    }

    #[test]
    fn a_mistake_beside_a_secret_does_not_repeat_it() {
        for text in ["[auth]\nservice_secret = \"hush", "[auth]\nservice_secret = [\"hush\", 1.5]"]
        {
            let mistake = read(text).expect_err(text);
            assert!(mistake.starts_with("shop.toml:2: ") && !mistake.contains("hush"), "{mistake}");
        }
    }

    #[test]
    fn the_document_is_a_file_that_changes_nothing_and_shows_no_secret() {
        let mut config =
            read("[peers]\nbank = [\"http://a:1\", \"http://b:2\"]").expect("well formed");
        config.shop.auth.service_secret = b"hush".to_vec();
        config.broker.url = "amqp://ada:hush@host".into();
        let text = document(&config);
        assert!(!text.contains("hush") && !format!("{config:?}").contains("hush"), "{text}");
        let again = read(&text).expect("the document is well formed");
        assert_eq!(document(&again), text);
    }

    #[test]
    fn a_slip_in_a_variable_is_noticed() {
        let names = ["STORMPROOF_SAGA_LEESE", "STORMPROOF_SAGA_LEASE", "STORMPROOF_DATA", "PATH"];
        assert_eq!(strangers(names.map(str::to_owned).into_iter()), ["STORMPROOF_SAGA_LEESE"]);
    }

    #[test]
    fn names_are_distinct_in_file_and_environment() {
        let mut names: Vec<String> = SETTINGS.iter().map(Setting::environment).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), SETTINGS.len());
    }
}
