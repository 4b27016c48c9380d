//! A page of HTML: self-contained, readable without scripts, light or dark as its reader likes.
//!
//! Text becomes HTML here and nowhere else, so all of it is escaped.

use std::fmt::Write;

const STYLE: &str = "
:root { color-scheme: light dark; --faint: color-mix(in srgb, CanvasText 15%, Canvas);
  --bad: light-dark(#b00020, #ff8a80); --good: light-dark(#0a6b2d, #7ddc9a);
  --gap: light-dark(#8a5a00, #ffcf6b); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; background: Canvas; color: CanvasText; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
h3 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; } caption { text-align: left; }
th, td { text-align: left; vertical-align: top; padding: .2rem 1.2rem .2rem 0;
  border-bottom: 1px solid var(--faint); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
pre, code { font: 14px/1.4 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--faint); }
.verdict { font-size: 1.3rem; font-weight: 600; }
.broken { color: var(--bad); } .held { color: var(--good); } .gap { color: var(--gap); }
";

/// A page being written, from top to bottom.
pub struct Page(String);

/// A cell of a table.
pub enum Cell {
    Text(String),
    Number(u64),
    /// A number that ought not to be zero, and is.
    Gap(u64),
    /// A number that ought to be zero, and is not.
    Broken(u64),
}

impl Page {
    /// A page with its title as its heading.
    pub fn new(title: &str) -> Page {
        let title = escape(title);
        Page(format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta \
             name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n<main>\n<h1>{title}</h1>\n"
        ))
    }

    pub fn heading(&mut self, text: &str) {
        self.add(format_args!("<h2>{}</h2>\n", escape(text)));
    }

    pub fn subheading(&mut self, text: &str) {
        self.add(format_args!("<h3>{}</h3>\n", escape(text)));
    }

    pub fn paragraph(&mut self, text: &str) {
        self.add(format_args!("<p>{}</p>\n", escape(text)));
    }

    /// A paragraph that catches the eye; `class` is one of the style sheet's.
    pub fn marked(&mut self, class: &'static str, text: &str) {
        self.add(format_args!("<p class=\"{class}\">{}</p>\n", escape(text)));
    }

    /// Text as it is, line by line.
    pub fn verbatim(&mut self, text: &str) {
        self.add(format_args!("<pre>{}</pre>\n", escape(text)));
    }

    /// Closed, until a click opens it, without a script.
    pub fn folded(&mut self, summary: &str, text: &str) {
        let (summary, text) = (escape(summary), escape(text));
        self.add(format_args!(
            "<details><summary>{summary}</summary><pre>{text}</pre></details>\n"
        ));
    }

    /// A table; nothing at all if it has no rows.
    pub fn table<const N: usize>(&mut self, columns: [&str; N], rows: Vec<[Cell; N]>) {
        let Some(first) = rows.first() else {
            self.paragraph("None.");
            return;
        };
        self.0.push_str("<table>\n<thead><tr>");
        let numbers: Vec<bool> = first.iter().map(|cell| !matches!(cell, Cell::Text(_))).collect();
        for (column, number) in columns.iter().zip(numbers) {
            let class = if number { " class=\"number\"" } else { "" };
            self.add(format_args!("<th scope=\"col\"{class}>{}</th>", escape(column)));
        }
        self.0.push_str("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.0.push_str("<tr>");
            for cell in row {
                self.cell(cell);
            }
            self.0.push_str("</tr>\n");
        }
        self.0.push_str("</tbody>\n</table>\n");
    }

    /// The finished page.
    pub fn finish(mut self) -> String {
        self.0.push_str("</main>\n</html>\n");
        self.0
    }

    fn cell(&mut self, cell: Cell) {
        match cell {
            Cell::Text(text) => self.add(format_args!("<td>{}</td>", escape(&text))),
            Cell::Number(number) => {
                self.add(format_args!("<td class=\"number\">{number}</td>"));
            }
            // Colour alone would not reach everybody: the words say it, too.
            Cell::Gap(number) => {
                self.add(format_args!("<td class=\"number gap\">{number} · gap</td>"));
            }
            Cell::Broken(number) => {
                self.add(format_args!("<td class=\"number broken\">{number} · broken</td>"));
            }
        }
    }

    fn add(&mut self, piece: std::fmt::Arguments<'_>) {
        self.0.write_fmt(piece).expect("a string takes all that is written");
    }
}

/// Text as HTML shows it, within elements and within attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Terminals' colours, should a panic's message bring some: HTML has no such letters.
            control if control.is_control() && control != '\n' && control != '\t' => {}
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_escaped() {
        let evil = "<script>alert('\"&\u{1b}[31m</script>";
        let mut page = Page::new(evil);
        page.heading(evil);
        page.subheading(evil);
        page.paragraph(evil);
        page.marked("broken", evil);
        page.verbatim(evil);
        page.folded(evil, evil);
        page.table([evil], vec![[Cell::Text(evil.to_owned())]]);
        let html = page.finish();
        assert!(!html.contains("<script") && !html.contains('\u{1b}'), "{html}");
        let safe = "&lt;script&gt;alert(&#39;&quot;&amp;[31m&lt;/script&gt;";
        assert_eq!(html.matches(safe).count(), 11);
    }

    #[test]
    fn a_page_needs_nothing_from_elsewhere() {
        let html = Page::new("storm").finish();
        for foreign in ["http", "src=", "href=", "@import", "url("] {
            assert!(!html.contains(foreign), "{foreign}");
        }
        assert!(html.contains("color-scheme: light dark"));
    }
}
