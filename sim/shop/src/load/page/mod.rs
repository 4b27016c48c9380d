//! The report as a page: one file that needs nothing else, no script, nothing fetched. Pure.

mod plots;

use std::fmt::Write as _;

use super::figures::Report;
use super::named_transactions::NamedTransactions;
use super::spread::Spread;
use crate::html::Escaped;
use plots::{Bar, Series, bars, lines};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;\
    padding:0 1rem;color:#222}pre{background:#f4f4f4;padding:1rem;overflow:auto;font-size:13px}\
    figure{margin:1.5rem 0}figcaption{font-weight:600}svg{width:100%;height:auto}\
    svg text{font:12px system-ui,sans-serif;fill:#444}.broken{color:#b00020}";

/// The whole page; `words` is the report as it is printed.
pub fn page(report: &Report, words: &str) -> String {
    let mut plots = String::new();
    for plot in [ramp, percentiles, passages, conflicts, processors] {
        plots += &plot(report);
    }
    let verdict = match report.broken.is_empty() {
        true => "<p>Every promise was kept, and all books agree.</p>".to_owned(),
        false => report.broken.iter().fold(String::new(), |mut text, what| {
            write!(text, "<p class=\"broken\">Broken: {}</p>", Escaped(what))
                .expect("it is memory");
            text
        }),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>The shop under load</title>\
         <style>{STYLE}</style></head>\n<body><h1>The shop under load</h1>\n\
         <p>Ordered: {}.</p>\n{verdict}\n{plots}<h2>All figures</h2>\n<pre>{}</pre></body></html>\n",
        Escaped(&report.goods.words()),
        Escaped(words)
    )
}

/// Two plots over what was offered; nothing without a ramp.
fn ramp(report: &Report) -> String {
    let Some(ramp) = &report.ramp else { return String::new() };
    let over_offered = |of: fn(&super::ramp::RampStep) -> Option<f64>| {
        ramp.steps.iter().filter_map(|step| Some((step.offered, of(step)?))).collect()
    };
    let brought = [
        Series { name: "offered", points: over_offered(|step| Some(step.offered)) },
        Series { name: "brought", points: over_offered(|step| Some(step.brought)) },
    ];
    let settled = [
        Series { name: "p50", points: over_offered(|step| Some(step.settled.as_ref()?.p50_ms)) },
        Series { name: "p99", points: over_offered(|step| Some(step.settled.as_ref()?.p99_ms)) },
    ];
    let knee = match &ramp.knee {
        Some(knee) => format!("Knee at {} orders/s: {}", knee.rate, knee.why),
        None => "No knee: the shop follows to the end of the ramp".to_owned(),
    };
    format!(
        "<h2>The ramp</h2><p>{}</p>{}{}",
        Escaped(&knee),
        lines("Orders a second, offered and brought", "offered, orders/s", &brought),
        lines("Settled, in ms", "offered, orders/s", &settled)
    )
}

fn percentiles(report: &Report) -> String {
    let rows = [("answered", &report.answered), ("settled", &report.settled)];
    let bars_of = |(name, spread): (&str, &Option<Spread>)| {
        let spread = spread.as_ref()?;
        let Spread { p50_ms, p90_ms, p99_ms, max_ms } = spread;
        let all = [("p50", p50_ms), ("p90", p90_ms), ("p99", p99_ms), ("max", max_ms)];
        Some(all.map(|(of, ms)| Bar { name: format!("{name} {of}"), values: vec![*ms] }))
    };
    let all: Vec<Bar> = rows.into_iter().filter_map(bars_of).flatten().collect();
    bars("Latency, in ms, from when an order was due", &[], &all)
}

fn passages(report: &Report) -> String {
    let bar = |it: &super::timelines::Passage| Bar {
        name: format!("{} to {} ({})", it.from, it.to, it.orders),
        values: vec![it.took.p50_ms, it.took.p99_ms],
    };
    let all: Vec<Bar> = report.passages.iter().map(bar).collect();
    bars("Time in each step of an order, in ms", &["p50", "p99"], &all)
}

/// Nothing where none conflicted.
fn conflicts(report: &Report) -> String {
    let bar = |it: &NamedTransactions| Bar {
        name: format!("{} {} ({})", it.service, it.transaction, it.conflicts + it.given_up),
        values: vec![it.undone_percent],
    };
    let conflicted = report.named_transactions.iter().filter(|it| it.conflicted());
    let all: Vec<Bar> = conflicted.map(bar).collect();
    bars("Transactions undone in favour of others, of a hundred", &[], &all)
}

fn processors(report: &Report) -> String {
    let bar = |it: &super::figures::ProcessFigures| Bar {
        name: it.name.clone(),
        values: vec![it.processor_ms_per_order],
    };
    let all: Vec<Bar> = report.processes.iter().map(bar).collect();
    bars("Processor for an order, in ms", &[], &all)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::goods::Goods;
    use super::super::ramp::{Knee, Ramp, RampStep};
    use super::super::timelines::Passage;
    use super::*;

    fn report() -> Report {
        let spread = Spread { p50_ms: 1.0, p90_ms: 2.0, p99_ms: 3.0, max_ms: 4.0 };
        let step = |rate: u32| RampStep {
            rate,
            orders: 10,
            offered: rate.into(),
            brought: rate.into(),
            answered: Some(spread.clone()),
            settled: Some(spread.clone()),
        };
        let mut ramp = Ramp::new(Duration::from_secs(1));
        ramp.ends_with(step(10));
        ramp.ends_with(step(20));
        ramp.knee = Some(Knee { rate: 20, why: "<script>knee</script>".into() });
        let passage = Passage {
            from: "<script>from</script>".into(),
            to: "\"'&".into(),
            orders: 3,
            took: spread.clone(),
        };
        let conflicts = NamedTransactions {
            service: "store".into(),
            transaction: "<script>name</script>".into(),
            conflicts: 2,
            given_up: 1,
            ..NamedTransactions::default()
        };
        Report {
            goods: Goods { lines_per_order: 2, products: 3, supply: None },
            ramp: Some(ramp),
            named_transactions: vec![conflicts, NamedTransactions::default()],
            settled: Some(spread),
            passages: vec![passage],
            broken: vec!["<script>broken</script>".into()],
            ..Report::default()
        }
    }

    /// Names come from outside: from a command line, from the shop.
    #[test]
    fn all_text_is_escaped() {
        let page = page(&report(), "<script>words</script> & more");
        assert!(!page.contains("<script"), "{page}");
        for text in ["knee", "from", "name", "broken", "words"] {
            assert!(
                page.contains(&format!("&lt;script&gt;{text}&lt;/script&gt;")),
                "{text}: {page}"
            );
        }
        assert!(page.contains("to &quot;&#39;&amp; (3)"), "{page}");
        assert!(page.contains("<p>Ordered: 2 lines an order, of 3 products that"), "{page}");
        assert!(page.contains("&lt;/script&gt; (3)"), "{page}");
    }

    #[test]
    fn a_page_needs_nothing_from_elsewhere() {
        let page = page(&report(), "");
        assert_eq!(page.matches("<svg").count(), 5, "{page}");
        for word in ["http:", "https:", "src=", "href=", "@import", "url("] {
            assert!(!page.contains(word), "{word}: {page}");
        }
    }

    #[test]
    fn a_report_of_nothing_is_a_page_as_well() {
        let page = page(&Report::default(), "");
        assert!(page.ends_with("</html>\n") && !page.contains("NaN") && !page.contains("inf"));
    }
}
