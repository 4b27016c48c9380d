//! Email's mails: claimed, sent, shown.

use scoped_futures::ScopedFutureExt as _;
use stormproof_ports::Mail;
use stormproof_ports::time::Time;
use stormproof_system::email::mapper::{self, Sent};

use super::bench::Bench;
use super::orders::order_id;

super::checks!("email":
    a_mail_is_claimed_by_one_replica_at_a_time,
    a_claim_is_given_up_by_its_owner_only,
    a_mail_is_sent_once,
    the_mailbox_is_newest_first,
);

fn mail(words: &str, to: &str) -> Mail {
    Mail {
        message_id: format!("<{words}@shop.example>"),
        to: to.into(),
        subject: format!("About {words}"),
        text: format!("Text of {words}"),
        html: format!("<p>{words}</p>"),
    }
}

async fn claim(bench: &Bench, order: &str, template: &str, node: &str, now: i64) -> bool {
    claim_mail(bench, order, template, &mail(order, "ada@shop.example"), node, now).await
}

/// A claim of ten microseconds.
async fn claim_mail(
    bench: &Bench,
    order: &str,
    template: &str,
    mail: &Mail,
    node: &str,
    now: i64,
) -> bool {
    let (order, now, until) = (&order_id(order), Time(now), Time(now + 10));
    let claimed = bench.once(|transaction| {
        mapper::claim(transaction.sql(), order, template, mail, node, now, until).scope_boxed()
    });
    claimed.await.expect("a well-formed mail")
}

async fn release(bench: &Bench, order: &str, template: &str, node: &str) {
    let order = &order_id(order);
    let released = bench.once(|transaction| {
        mapper::release(transaction.sql(), order, template, node).scope_boxed()
    });
    released.await.expect("the question is well formed");
}

async fn is_sent(bench: &Bench, order: &str, template: &str) -> bool {
    let order = &order_id(order);
    let sent =
        bench.once(|transaction| mapper::is_sent(transaction.sql(), order, template).scope_boxed());
    sent.await.expect("the row can be read")
}

async fn mark_sent(bench: &Bench, order: &str, template: &str, now: i64) -> bool {
    let (order, now) = (&order_id(order), Time(now));
    let marked = bench.once(|transaction| {
        mapper::mark_sent(transaction.sql(), order, template, now).scope_boxed()
    });
    marked.await.expect("the question is well formed")
}

async fn latest(bench: &Bench, to: Option<&str>, limit: i64) -> Vec<Sent> {
    let sent = bench.once(|transaction| match to {
        Some(to) => mapper::latest_to(transaction.sql(), to, limit).scope_boxed(),
        None => mapper::latest(transaction.sql(), limit).scope_boxed(),
    });
    sent.await.expect("the rows can be read").read
}

async fn a_mail_is_claimed_by_one_replica_at_a_time(bench: Bench) {
    let table = [
        ("refund", "replica-1", 0, true, "a new mail"),
        ("refund", "replica-2", 9, false, "another has it"),
        ("lost", "replica-2", 9, true, "another mail"),
        ("refund", "replica-1", 5, true, "its own, left behind by a crash; until 15"),
        ("refund", "replica-2", 14, false, "renewed"),
        ("refund", "replica-2", 15, true, "its time is up"),
        ("refund", "replica-1", 16, false, "taken over"),
    ];
    for (template, node, now, expected, why) in table {
        assert_eq!(claim(&bench, "order-1", template, node, now).await, expected, "{why}");
    }
    assert!(claim(&bench, "order-2", "refund", "replica-1", 0).await, "another order");
    assert!(!is_sent(&bench, "order-1", "refund").await);
    assert_eq!(latest(&bench, None, 9).await, [], "claimed is not sent");
}

async fn a_claim_is_given_up_by_its_owner_only(bench: Bench) {
    assert!(claim(&bench, "order-1", "refund", "replica-1", 0).await);
    assert!(claim(&bench, "order-1", "lost", "replica-1", 0).await);
    release(&bench, "order-1", "refund", "replica-2").await;
    assert!(!claim(&bench, "order-1", "refund", "replica-2", 1).await);
    release(&bench, "order-1", "refund", "replica-1").await;
    assert!(!claim(&bench, "order-1", "lost", "replica-2", 1).await, "that one is not given up");
    assert!(claim(&bench, "order-1", "refund", "replica-2", 1).await);
    // A sent mail stays sent.
    assert!(mark_sent(&bench, "order-1", "refund", 2).await);
    release(&bench, "order-1", "refund", "replica-2").await;
    assert!(!claim(&bench, "order-1", "refund", "replica-1", 99).await);
}

async fn a_mail_is_sent_once(bench: Bench) {
    assert!(!mark_sent(&bench, "order-1", "refund", 1).await, "nobody claimed it");
    assert!(claim(&bench, "order-1", "refund", "replica-1", 0).await);
    assert!(claim(&bench, "order-1", "lost", "replica-1", 0).await);
    assert!(mark_sent(&bench, "order-1", "refund", 5).await);
    assert!(!mark_sent(&bench, "order-1", "refund", 6).await);
    assert!(is_sent(&bench, "order-1", "refund").await);
    for (order, template) in [("order-1", "lost"), ("order-2", "refund")] {
        assert!(!is_sent(&bench, order, template).await);
    }
    for node in ["replica-1", "replica-2"] {
        assert!(!claim(&bench, "order-1", "refund", node, 99).await, "a sent mail is nobody's");
    }
    let expected = Sent {
        order_id: "order-1".into(),
        template: "refund".into(),
        mail: mail("order-1", "ada@shop.example"),
        sent_at: Time(5),
    };
    assert_eq!(latest(&bench, None, 9).await, [expected]);
}

async fn the_mailbox_is_newest_first(bench: Bench) {
    let (ada, bob) = ("ada@shop.example", "bob@shop.example");
    let sent = [
        ("b", "lost", ada, 1),
        ("a", "refund", bob, 3),
        ("c", "lost", ada, 2),
        ("a", "lost", ada, 1),
    ];
    for (order, template, to, at) in sent {
        assert!(claim_mail(&bench, order, template, &mail(order, to), "replica-1", 0).await);
        assert!(mark_sent(&bench, order, template, at).await);
    }
    let table: [(Option<&str>, i64, &[&str]); 5] = [
        (None, 9, &["a refund", "c lost", "a lost", "b lost"]),
        (None, 2, &["a refund", "c lost"]),
        (Some(ada), 9, &["c lost", "a lost", "b lost"]),
        (Some(ada), 1, &["c lost"]),
        (Some("ada"), 9, &[]),
    ];
    for (to, limit, expected) in table {
        let found = latest(&bench, to, limit).await.into_iter();
        let words = found.map(|sent| format!("{} {}", sent.order_id, sent.template));
        assert_eq!(words.collect::<Vec<_>>(), expected, "{limit} to {to:?}");
    }
}
