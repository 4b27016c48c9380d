//! The Bank's accounts, entries, debits and refunds.

use scoped_futures::ScopedFutureExt as _;
use stormproof_system::bank::account::{Account, Status};
use stormproof_system::bank::debit::{self, Charge, Debit};
use stormproof_system::bank::dto::{Movement, PaymentView, RefundRequest, RefundView};
use stormproof_system::bank::ledger::Posting;
use stormproof_system::bank::mapper::{accounts, payments};
use stormproof_system::bank::refund::{self, Refund};
use stormproof_system::error::Error;
use stormproof_system::messages::{DebitRequest, PaymentOutcome};
use stormproof_system::money::{Currency, Money};
use stormproof_system::views::ViewsRequest;

use super::bench::Bench;
use super::orders::{order_id, user_id};

super::checks!("bank":
    an_account_is_opened_once,
    an_account_keeps_how_it_was_opened,
    money_leaves_an_open_account_that_holds_it,
    money_reaches_an_account_that_is_not_closed,
    the_banks_own_accounts_are_out_of_reach,
    a_posting_is_written_once_and_whole,
    a_debit_key_is_claimed_once,
    a_claim_becomes_a_decline,
    a_void_takes_the_key_before_the_debit,
    a_debit_is_refunded_once,
    money_is_viewed_as_the_ledger_has_it,
);

fn aud(minor: i64) -> Money {
    Money::new(minor, Currency::AUD)
}

fn account(owner: &str, minor: i64, status: Status) -> Account {
    Account { owner: user_id(owner), balance: aud(minor), status }
}

async fn open(bench: &Bench, account: &Account) -> bool {
    let opened = bench.once(|transaction| accounts::insert(transaction, account).scope_boxed());
    opened.await.expect("a well-formed account")
}

async fn find(bench: &Bench, owner: &str) -> Option<Account> {
    let owner = &user_id(owner);
    let found = bench.once(|transaction| accounts::find(transaction, owner).scope_boxed()).await;
    found.expect("the row can be read")
}

async fn opening(bench: &Bench, owner: &str) -> Option<Account> {
    let owner = &user_id(owner);
    let found = bench.once(|transaction| accounts::opening(transaction, owner).scope_boxed());
    found.await.expect("the row can be read")
}

async fn set_status(bench: &Bench, owner: &str, status: Status) {
    let owner = &user_id(owner);
    let set =
        bench.once(|transaction| accounts::set_status(transaction, owner, status).scope_boxed());
    set.await.expect("a status");
}

async fn withdraw(bench: &Bench, owner: &str, amount: Money) -> bool {
    let charge = &Charge { account: user_id(owner), amount };
    let paid = bench.once(|transaction| accounts::withdraw(transaction, charge).scope_boxed());
    paid.await.expect("the question is well formed")
}

async fn deposit(bench: &Bench, owner: &str, amount: Money) -> bool {
    let owner = &user_id(owner);
    let paid =
        bench.once(|transaction| accounts::deposit(transaction, owner, amount).scope_boxed());
    paid.await.expect("the question is well formed")
}

async fn an_account_is_opened_once(bench: Bench) {
    let ada = account("ada", 42_00, Status::Open);
    assert!(open(&bench, &ada).await);
    assert!(!open(&bench, &ada).await);
    assert!(!open(&bench, &account("ada", 1, Status::Frozen)).await);
    assert_eq!(find(&bench, "ada").await, Some(ada));
    assert_eq!(find(&bench, "bob").await, None);
    assert_eq!(opening(&bench, "bob").await, None);
}

async fn an_account_keeps_how_it_was_opened(bench: Bench) {
    for status in Status::ALL {
        let owner = status.as_str();
        let opened = account(owner, 42_00, status);
        assert!(open(&bench, &opened).await);
        for next in Status::ALL {
            set_status(&bench, owner, next).await;
            assert_eq!(find(&bench, owner).await, Some(account(owner, 42_00, next)));
            assert_eq!(opening(&bench, owner).await.as_ref(), Some(&opened));
        }
    }
    set_status(&bench, "OPEN", Status::Open).await;
    assert!(withdraw(&bench, "OPEN", aud(42_00)).await);
    assert_eq!(opening(&bench, "OPEN").await, Some(account("OPEN", 42_00, Status::Open)));
}

async fn money_leaves_an_open_account_that_holds_it(bench: Bench) {
    for (owner, status) in [("ada", Status::Open), ("bob", Status::Frozen), ("eve", Status::Closed)]
    {
        assert!(open(&bench, &account(owner, 10_00, status)).await);
    }
    let euro = Money::new(1, Currency::parse("EUR").expect("well formed"));
    let table = [
        ("ada", aud(10_01), false),
        ("ada", euro, false),
        ("bob", aud(1), false),
        ("eve", aud(1), false),
        ("nobody", aud(1), false),
        ("ada", aud(4_00), true),
        ("ada", aud(6_01), false),
        ("ada", aud(6_00), true),
        ("ada", aud(1), false),
    ];
    for (owner, amount, expected) in table {
        assert_eq!(withdraw(&bench, owner, amount).await, expected, "{owner} {amount}");
    }
    assert_eq!(find(&bench, "ada").await, Some(account("ada", 0, Status::Open)));
    assert_eq!(find(&bench, "bob").await, Some(account("bob", 10_00, Status::Frozen)));
}

async fn money_reaches_an_account_that_is_not_closed(bench: Bench) {
    for (owner, status) in [("ada", Status::Open), ("bob", Status::Frozen), ("eve", Status::Closed)]
    {
        assert!(open(&bench, &account(owner, 10_00, status)).await);
    }
    let euro = Money::new(1, Currency::parse("EUR").expect("well formed"));
    let table = [
        ("ada", aud(5), true, 10_05),
        ("bob", aud(5), true, 10_05),
        ("eve", aud(5), false, 10_00),
        ("ada", euro, false, 10_05),
    ];
    for (owner, amount, expected, balance) in table {
        assert_eq!(deposit(&bench, owner, amount).await, expected, "{owner} {amount}");
        assert_eq!(find(&bench, owner).await.map(|it| it.balance.minor), Some(balance));
    }
    assert!(!deposit(&bench, "nobody", aud(5)).await);
}

async fn the_banks_own_accounts_are_out_of_reach(bench: Bench) {
    let balances = "SELECT owner, balance, status FROM accounts ORDER BY owner";
    let before = bench.rows(balances).await;
    assert!(before.contains(&"shop-0 0 INTERNAL".to_owned()), "{before:?}");
    assert!(!open(&bench, &account("shop-0", 1, Status::Open)).await);
    assert_eq!(find(&bench, "shop-0").await, None);
    assert_eq!(opening(&bench, "shop-0").await, None);
    set_status(&bench, "shop-0", Status::Open).await;
    assert!(!withdraw(&bench, "shop-0", aud(0)).await);
    assert!(!deposit(&bench, "shop-0", aud(1)).await);
    assert_eq!(bench.rows(balances).await, before);
    // Only the Bank itself moves them, below zero too: money comes from outside.
    for (internal, minor) in [("outside", -42_00), ("shop-0", 40_00), ("shop-0", 2_00)] {
        let add =
            bench.once(|transaction| accounts::add(transaction, internal, minor).scope_boxed());
        add.await.expect("the account is there");
    }
    let after = bench.rows(balances).await;
    assert!(after.contains(&"outside -4200 INTERNAL".to_owned()), "{after:?}");
    assert!(after.contains(&"shop-0 4200 INTERNAL".to_owned()), "{after:?}");
    assert_eq!(after.len(), before.len());
}

async fn a_posting_is_written_once_and_whole(bench: Bench) {
    let post = async |id: &str, from: &str, minor| {
        let posting = &Posting::transfer(id, from, "shop-0", minor);
        bench.once(|transaction| accounts::post(transaction, posting).scope_boxed()).await
    };
    post("t-1", "ada", 42_00).await.expect("a new transaction");
    let again = post("t-1", "ada", 1).await;
    assert!(matches!(again, Err(Error::Unavailable(_))), "{again:?}");
    // The half that would fit is not kept either.
    assert!(post("t-1", "bob", 1).await.is_err());
    let entries =
        bench.rows("SELECT transaction_id, account, amount FROM entries ORDER BY account");
    assert_eq!(entries.await, ["t-1 ada -4200", "t-1 shop-0 4200"]);
}

fn request(order: &str, account: &str, minor: i64) -> DebitRequest {
    let order_id = order_id(order);
    let key = debit::key(&order_id);
    DebitRequest { key, order_id, account: user_id(account), amount: aud(minor) }
}

async fn claim(bench: &Bench, request: &DebitRequest, id: &str) -> bool {
    let claimed = bench.once(|transaction| payments::claim(transaction, request, id).scope_boxed());
    claimed.await.expect("a well-formed debit")
}

async fn bury(bench: &Bench, key: &str, order: &str) -> bool {
    let order = &order_id(order);
    let buried = bench.once(|transaction| payments::bury(transaction, key, order).scope_boxed());
    buried.await.expect("a well-formed key")
}

async fn debit_of(bench: &Bench, key: &str) -> Option<(Debit, Option<Refund>)> {
    let found = bench.once(|transaction| payments::debit(transaction, key).scope_boxed()).await;
    found.expect("the row can be read")
}

/// What `request` is after its claim.
fn debited(request: &DebitRequest, id: &str) -> Debit {
    Debit {
        key: request.key.clone(),
        order_id: request.order_id.clone(),
        charge: Some(Charge { account: request.account.clone(), amount: request.amount }),
        outcome: PaymentOutcome::Debited,
        transaction_id: Some(id.into()),
        reason: None,
    }
}

async fn a_debit_key_is_claimed_once(bench: Bench) {
    let first = request("order-1", "ada", 42_00);
    assert_eq!(debit_of(&bench, &first.key).await, None);
    assert!(claim(&bench, &first, "t-1").await);
    assert!(!claim(&bench, &first, "t-2").await);
    assert!(!claim(&bench, &request("order-1", "bob", 1), "t-3").await);
    // One debit for each order, whatever the key.
    assert!(!claim(&bench, &DebitRequest { key: "another".into(), ..first.clone() }, "t-4").await);
    assert!(claim(&bench, &request("order-2", "ada", 1), "t-5").await);
    assert_eq!(debit_of(&bench, &first.key).await, Some((debited(&first, "t-1"), None)));
    assert_eq!(debit_of(&bench, "another").await, None);
}

async fn a_claim_becomes_a_decline(bench: Bench) {
    let (first, second) = (request("order-1", "ada", 42_00), request("order-2", "ada", 1));
    assert!(claim(&bench, &first, "t-1").await);
    assert!(claim(&bench, &second, "t-2").await);
    let key = first.key.as_str();
    let declined =
        bench.once(|transaction| payments::decline(transaction, key, "too poor").scope_boxed());
    declined.await.expect("the key is there");
    let expected = Debit {
        outcome: PaymentOutcome::Declined,
        transaction_id: None,
        reason: Some("too poor".into()),
        ..debited(&first, "")
    };
    assert_eq!(debit_of(&bench, key).await, Some((expected, None)));
    assert_eq!(debit_of(&bench, &second.key).await, Some((debited(&second, "t-2"), None)));
    assert!(!claim(&bench, &first, "t-3").await);
}

async fn a_void_takes_the_key_before_the_debit(bench: Bench) {
    let (first, second) = (request("order-1", "ada", 42_00), request("order-2", "ada", 1));
    assert!(bury(&bench, &first.key, "order-1").await);
    assert!(!bury(&bench, &first.key, "order-1").await);
    assert!(!bury(&bench, "another", "order-1").await);
    assert!(!claim(&bench, &first, "t-1").await);
    let tombstone = Debit {
        charge: None,
        outcome: PaymentOutcome::Voided,
        transaction_id: None,
        ..debited(&first, "")
    };
    assert_eq!(debit_of(&bench, &first.key).await, Some((tombstone, None)));
    assert!(claim(&bench, &second, "t-2").await);
    assert!(!bury(&bench, &second.key, "order-2").await);
    assert_eq!(debit_of(&bench, &second.key).await, Some((debited(&second, "t-2"), None)));
}

async fn a_debit_is_refunded_once(bench: Bench) {
    let (first, second) = (request("order-1", "ada", 42_00), request("order-2", "ada", 42_00));
    let refund_of = |request: &DebitRequest, minor| RefundRequest {
        key: refund::key(&request.order_id),
        debit_key: request.key.clone(),
        order_id: request.order_id.clone(),
        amount: aud(minor),
    };
    let refund = async |request: &RefundRequest, id: &str| {
        let refunded = bench
            .once(|transaction| payments::insert_refund(transaction, request, id).scope_boxed());
        refunded.await
    };
    for (request, id) in [(&first, "t-1"), (&second, "t-2")] {
        assert!(claim(&bench, request, id).await);
    }
    let (whole, other) = (refund_of(&first, 42_00), refund_of(&second, 1));
    assert!(refund(&whole, "t-3").await.expect("the first refund"));
    let same_key = RefundRequest { debit_key: other.debit_key.clone(), ..whole.clone() };
    let same_debit = RefundRequest { key: other.key.clone(), ..whole.clone() };
    for again in [&whole, &same_key, &same_debit] {
        assert!(!refund(again, "t-4").await.expect("it is asked well"), "{again:?}");
    }
    let nothing = refund(&RefundRequest { amount: aud(0), ..other }, "t-4").await;
    assert!(matches!(nothing, Err(Error::Unavailable(_))), "{nothing:?}");
    let made = Refund { amount: aud(42_00), transaction_id: "t-3".into() };
    assert_eq!(debit_of(&bench, &first.key).await, Some((debited(&first, "t-1"), Some(made))));
    assert_eq!(debit_of(&bench, &second.key).await, Some((debited(&second, "t-2"), None)));
}

async fn money_is_viewed_as_the_ledger_has_it(bench: Bench) {
    let (first, second) = (request("order-1", "ada", 42_00), request("order-2", "ada", 1_00));
    for (request, id) in [(&first, "t-1"), (&second, "t-2")] {
        assert!(claim(&bench, request, id).await);
    }
    assert!(bury(&bench, "DEBIT-order-3", "order-3").await);
    let refund = &RefundRequest {
        key: refund::key(&first.order_id),
        debit_key: first.key.clone(),
        order_id: first.order_id.clone(),
        amount: aud(42_00),
    };
    let refunded =
        bench.once(|transaction| payments::insert_refund(transaction, refund, "t-3").scope_boxed());
    refunded.await.expect("the first refund");
    for (id, from, to) in [("t-1", "ada", "shop-0"), ("t-3", "shop-0", "ada")] {
        let posting = &Posting::transfer(id, from, to, 42_00);
        let posted = bench.once(|transaction| accounts::post(transaction, posting).scope_boxed());
        posted.await.expect("a new transaction");
    }
    // The second debit moved less than it says, and half of it went nowhere.
    let half = "INSERT INTO entries (transaction_id, account, amount) VALUES ('t-2', 'ada', -50)";
    assert_eq!(bench.execute(half).await.ok(), Some(1));

    let views = async |after: &str, limit| {
        let page = &ViewsRequest { after: after.into(), limit };
        let views = bench.once(|transaction| payments::views(transaction, page).scope_boxed());
        let views = views.await.expect("the rows can be read");
        assert_eq!(views.last, views.read.last().map(|view| view.order_id.to_string()));
        views.read
    };
    let movement = |id: &str, posted, sum| Movement { transaction_id: id.into(), posted, sum };
    let view = |request: &DebitRequest, movement| PaymentView {
        order_id: request.order_id.clone(),
        outcome: PaymentOutcome::Debited,
        account: Some(request.account.clone()),
        amount: Some(request.amount),
        movement: Some(movement),
        refund: None,
    };
    let back = RefundView { amount: aud(42_00), movement: movement("t-3", 42_00, 0) };
    let tombstone = PaymentView {
        order_id: order_id("order-3"),
        outcome: PaymentOutcome::Voided,
        account: None,
        amount: None,
        movement: None,
        refund: None,
    };
    let first = PaymentView { refund: Some(back), ..view(&first, movement("t-1", -42_00, 0)) };
    let all = [first, view(&second, movement("t-2", -50, -50)), tombstone];
    assert_eq!(views("", 9).await, all);
    assert_eq!(views("", 2).await, all[..2]);
    assert_eq!(views("order-1", 1).await, all[1..2]);
    assert_eq!(views("order-3", 9).await, []);
    // One that cannot be read is left out, and said to be.
    let broken = "UPDATE debits SET order_id = 'order 2' WHERE order_id = 'order-2'";
    assert_eq!(bench.execute(broken).await.ok(), Some(1));
    let page = &ViewsRequest { after: String::new(), limit: 9 };
    let found = bench.once(|transaction| payments::views(transaction, page).scope_boxed());
    let found = found.await.expect("the others can be read");
    assert_eq!((found.read.len(), found.unreadable.len()), (2, 1));
    assert_eq!(found.unreadable[0].key, "order 2");
}
