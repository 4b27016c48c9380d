//! A load's report as its command gives it: printed, in words or as JSON, and written as a page.

use std::path::PathBuf;
use std::process::ExitCode;

use super::figures::Report;
use super::page;
use super::words::words;

/// How the report is given.
#[derive(clap::Args, Clone, Debug)]
pub struct Output {
    /// One JSON object instead of words.
    #[arg(long)]
    json: bool,
    /// Writes the report as a page with plots, too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Output {
    /// Gives `report`. The exit code: 1 if something does not hold.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn give(
        &self,
        report: &Report,
        print: impl FnOnce(&str) -> Result<(), String>,
    ) -> Result<ExitCode, String> {
        let words = words(report);
        if let Some(file) = &self.html {
            let written = std::fs::write(file, page::page(report, &words));
            written.map_err(|error| format!("--html {}: {error}", file.display()))?;
        }
        print(&match self.json {
            true => serde_json::to_string_pretty(report).expect("figures have string keys only"),
            false => words,
        })?;
        Ok(ExitCode::from(u8::from(!report.broken.is_empty())))
    }
}
