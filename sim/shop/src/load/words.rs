//! The report as people read it. Pure.

use super::figures::Report;
use super::ramp::Ramp;
use super::spread::Spread;

/// The whole report, a line a figure.
pub fn words(report: &Report) -> String {
    let by_status: Vec<String> =
        report.by_status.iter().map(|(status, count)| format!("{count} {status}")).collect();
    let mut text = format!(
        "{} orders in {:.1} s, {:.0} orders/s, {} customers: {}\n",
        report.orders,
        report.seconds,
        report.orders_per_second,
        report.customers,
        by_status.join(", "),
    );
    let mut line = |name: &str, figure: String| text += &format!("{name:<14} {figure}\n");
    line("goods", report.goods.words());
    if let Some(sales) = &report.sales {
        line("refused", format!("{} orders found too few units left", sales.refused));
    }
    if let Some(pace) = &report.pace {
        line("arrivals", pace.clone());
        line("begun late", spread(report.begun_late.as_ref()));
    }
    line("under way", format!("{} orders at once at the most", report.under_way_max));
    line("answered", spread(report.answered.as_ref()));
    line("settled", spread(report.settled.as_ref()));
    line("asked again", format!("{} times, same key", report.asked_again));
    let (asked, accepted) = (report.cancels_asked, report.cancels_accepted);
    line("cancels", format!("{asked} asked for, {accepted} accepted"));
    line("promises", format!("{} made, {} kept", report.promises_made, report.promises_kept));
    let (due, made, parked) = (report.refunds_due, report.refunds_made, report.refunds_parked);
    line("refunds", format!("{due} due, {made} made, {parked} wait for people"));
    let differences = report.differences.len();
    line("reconciled", format!("{} orders, {differences} differences", report.compared));
    let commits = report.commits_per_order.map(|commits| format!("{commits:.1}"));
    line("commits/order", commits.unwrap_or_else(|| unmeasured(&report.commits_not_measured)));
    let statements = report.statements_per_order.map(|all| {
        let kinds = report.statements_per_order_by_kind.iter();
        let kinds: Vec<_> = kinds.map(|(kind, count)| format!("{kind} {count:.1}")).collect();
        format!("{all:.1}: {}", kinds.join(", "))
    });
    let statements = statements.unwrap_or_else(|| unmeasured(&report.statements_not_measured));
    line("statem./order", statements);
    if let Some(reference) = &report.reference {
        let runs = reference.runs.iter();
        let runs: Vec<_> =
            runs.map(|it| format!("{:.0} by {}", it.commits_per_second, it.clients)).collect();
        line("reference", format!("commits/s: {} clients", runs.join(", ")));
        if let Some(share) = report.share_of_reference {
            let most = reference.best_commits_per_second
                / report.commits_per_order.unwrap_or(f64::INFINITY);
            let share = share * 100.0;
            line(
                "share",
                format!("{share:.0} % of the {most:.0} orders/s that they are enough for"),
            );
        }
    }
    text += &transactions(report);
    text += &conflicts(report);
    text += &processes(report);
    if let Some(ramp) = &report.ramp {
        text += &steps(ramp);
    }
    text += &passages(report);
    for remark in &report.remarks {
        text += &format!("remark: {remark}\n");
    }
    match report.broken.as_slice() {
        [] => text += "everything holds",
        broken => broken.iter().for_each(|what| text += &format!("BROKEN: {what}\n")),
    }
    text
}

fn unmeasured(why: &str) -> String {
    format!("not measured: {why}")
}

fn spread(spread: Option<&Spread>) -> String {
    spread.map_or("nothing to measure".into(), Spread::to_string)
}

/// A row a database.
fn transactions(report: &Report) -> String {
    if report.transactions.is_empty() {
        return format!(
            "{:<14} {}\n",
            "transactions",
            unmeasured(&report.transactions_not_measured)
        );
    }
    let mut text = format!(
        "  {:<32} {:>9} {:>11} {:>7} {:>9}\n",
        "database", "committed", "rolled back", "%", "deadlocks"
    );
    for (name, it) in &report.transactions {
        let percent = it.rolled_back_percent();
        text += &format!(
            "  {name:<32} {:>9} {:>11} {percent:>7.2} {:>9}\n",
            it.commits, it.rollbacks, it.deadlocks
        );
    }
    text
}

/// A row for each name whose transactions were undone in favour of others, and one for the rest.
fn conflicts(report: &Report) -> String {
    let named = &report.named_transactions;
    let (rows, rest): (Vec<_>, Vec<_>) = named.iter().partition(|it| it.conflicted());
    let committed: u64 = rest.iter().map(|it| it.committed).sum();
    let line = |figure: &str| format!("{:<14} {figure}\n", "conflicts");
    if named.is_empty() {
        return line(&unmeasured("no replica told what became of its transactions"));
    }
    if rows.is_empty() {
        let names = rest.len();
        return line(&format!("none: {committed} transactions of {names} names committed"));
    }
    let mut text = format!(
        "  {:<32} {:>9} {:>11} {:>7} {:>9}\n",
        "transaction", "committed", "conflicts", "%", "given up"
    );
    for it in rows {
        let name = format!("{} {}", it.service, it.transaction);
        text += &format!(
            "  {name:<32} {:>9} {:>11} {:>7.2} {:>9}\n",
            it.committed, it.conflicts, it.undone_percent, it.given_up
        );
    }
    text + &format!("  {:<32} {committed:>9} {:>11}\n", format!("{} others", rest.len()), 0)
}

/// A row a process.
fn processes(report: &Report) -> String {
    if report.processes.is_empty() {
        return format!("{:<14} {}\n", "processor", unmeasured(&report.processes_not_measured));
    }
    let mut text =
        format!("  {:<32} {:>11} {:>11} {:>9}\n", "process", "processor s", "ms/order", "most MiB");
    let mut sum = 0.0;
    for it in &report.processes {
        let most = it.resident_mib_max.map_or("-".to_owned(), |most| format!("{most:.0}"));
        text += &format!(
            "  {:<32} {:>11.1} {:>11.2} {most:>9}\n",
            it.name, it.processor_seconds, it.processor_ms_per_order
        );
        sum += it.processor_ms_per_order;
    }
    text + &format!("  {:<32} {:>11} {sum:>11.2}\n", "all of them", "")
}

/// A row a step.
fn steps(ramp: &Ramp) -> String {
    let mut text = format!(
        "\nthe ramp, orders/s and ms\n{:>8} {:>8}  {:>12} {:>8}  {:>11} {:>8}\n",
        "offered", "brought", "answered p50", "p99", "settled p50", "p99"
    );
    let ms = |spread: Option<&Spread>, of: fn(&Spread) -> f64| {
        spread.map_or("-".to_owned(), |spread| format!("{:.1}", of(spread)))
    };
    for step in &ramp.steps {
        let (answered, settled) = (step.answered.as_ref(), step.settled.as_ref());
        text += &format!(
            "{:>8.1} {:>8.1}  {:>12} {:>8}  {:>11} {:>8}\n",
            step.offered,
            step.brought,
            ms(answered, |it| it.p50_ms),
            ms(answered, |it| it.p99_ms),
            ms(settled, |it| it.p50_ms),
            ms(settled, |it| it.p99_ms),
        );
    }
    text += &match &ramp.knee {
        Some(knee) => format!("knee at {} orders/s: {}", knee.rate, knee.why),
        None => "no knee: the shop follows to the end of the ramp".to_owned(),
    };
    text + &format!("; the most it brought: {:.0} orders/s\n\n", ramp.brought_max)
}

/// A row for each status and the next.
fn passages(report: &Report) -> String {
    let row = |name: &str, orders: &str, spread: &Spread| {
        format!("  {name:<32} {orders:>7} {:>9.1} {:>9.1}\n", spread.p50_ms, spread.p99_ms)
    };
    let mut text =
        format!("  {:<32} {:>7} {:>9} {:>9}\n", "each step", "orders", "p50 ms", "p99 ms");
    for passage in &report.passages {
        let name = format!("{} to {}", passage.from, passage.to);
        text += &row(&name, &passage.orders.to_string(), &passage.took);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::named_transactions::NamedTransactions;
    use super::*;

    fn report(conflicts: &[(&str, u64)]) -> String {
        let named = |(name, conflicts): &(&str, u64)| NamedTransactions {
            service: "store".into(),
            transaction: (*name).to_owned(),
            committed: 30,
            conflicts: *conflicts,
            undone_percent: *conflicts as f64,
            ..NamedTransactions::default()
        };
        let named_transactions = conflicts.iter().map(named).collect();
        words(&Report { named_transactions, ..Report::default() })
    }

    #[test]
    fn only_names_with_conflicts_have_a_row() {
        let text = report(&[("place_order", 2), ("find_order", 0), ("list_orders", 0)]);
        let rows: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(rows.contains(&vec!["store", "place_order", "30", "2", "2.00", "0"]), "{text}");
        assert!(rows.contains(&vec!["2", "others", "60", "0"]), "{text}");
        assert!(!text.contains("find_order"), "{text}");
    }

    #[test]
    fn that_nothing_conflicted_is_a_line_and_not_that_nobody_was_asked() {
        let text = report(&[("place_order", 0), ("find_order", 0)]);
        let line = "conflicts      none: 60 transactions of 2 names committed\n";
        assert!(text.contains(line), "{text}");
        let text = report(&[]);
        assert!(text.contains("conflicts      not measured: no replica told"), "{text}");
    }
}
