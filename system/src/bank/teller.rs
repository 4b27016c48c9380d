//! The Bank's counter: opening accounts, looking at them, freezing and closing them.

use scoped_futures::ScopedFutureExt;
use stormproof_messaging::{Transaction, transact};
use stormproof_ports::story::Fact;

use super::account::{Account, Status};
use super::ledger::{CURRENCY, OUTSIDE, Posting};
use super::mapper::accounts;
use crate::context::Context;
use crate::error::{Error, Kind};
use crate::id::{self, UserId};

/// The largest opening balance in minor units; the sum of very many of them still fits 64 bits.
const OPENING_MAX: i64 = 1_000_000_000_000;

/// Opens `account`. A repeat does nothing and is answered alike; another account of the same owner
/// is refused.
pub async fn open(context: &Context, account: &Account) -> Result<(), Error> {
    if !(0..=OPENING_MAX).contains(&account.balance.minor) {
        return Err(Error::invalid(format!("balance.minor: expected 0 to {OPENING_MAX}")));
    }
    if account.balance.currency != CURRENCY {
        return Err(Error::invalid(format!("balance.currency: expected {CURRENCY}")));
    }
    transact(&context.ports, "open_account", |transaction| {
        open_in(transaction, account).scope_boxed()
    })
    .await
}

async fn open_in(transaction: &mut Transaction<'_>, account: &Account) -> Result<(), Error> {
    if !accounts::insert(transaction, account).await? {
        return match accounts::opening(transaction, &account.owner).await? {
            Some(opened) if opened == *account => Ok(()),
            _ => Err(Error::rejected(Kind::KeyReused, "the owner has another account")),
        };
    }
    let minor = account.balance.minor;
    if minor > 0 {
        let id = id::fresh(transaction.ports());
        let posting = Posting::transfer(&id, OUTSIDE, account.owner.as_str(), minor);
        accounts::post(transaction, &posting).await?;
        accounts::add(transaction, OUTSIDE, -minor).await?;
    }
    transaction.tell(Fact::new("account", account.status.as_str(), "", ""));
    Ok(())
}

/// The account of `owner`.
pub async fn find(context: &Context, owner: &UserId) -> Result<Account, Error> {
    transact(&context.ports, "find_account", |transaction| {
        find_in(transaction, owner).scope_boxed()
    })
    .await
}

/// Gives the account of `owner` another status; its money stays where it is.
pub async fn set_status(
    context: &Context,
    owner: &UserId,
    status: Status,
) -> Result<Account, Error> {
    transact(&context.ports, "set_account_status", |transaction| {
        async move {
            let account = find_in(transaction, owner).await?;
            if account.status != status {
                accounts::set_status(transaction, owner, status).await?;
                transaction.tell(Fact::new("account", status.as_str(), "", ""));
            }
            Ok(Account { status, ..account })
        }
        .scope_boxed()
    })
    .await
}

async fn find_in(transaction: &mut Transaction<'_>, owner: &UserId) -> Result<Account, Error> {
    let found = accounts::find(transaction, owner).await?;
    found.ok_or_else(|| Error::rejected(Kind::NotFound, "the owner has no account"))
}
