//! `POST /views`: what a service says of the orders that it knows, page by page, for the Store's
//! reconciliation.
//!
//! Warehouse, Bank and DeliveryCo each have the route; what a view holds is in their own `dto`.
//! `store/reconciliation/` compares.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::id;

/// The scope that the route needs: it reads, and opens nothing else.
pub const SCOPE: &str = "reconcile";

/// The longest page.
pub const ORDERS_MAX: i64 = 100;

/// Which page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewsRequest {
    /// Only orders after this one; empty: from the first.
    pub after: String,
    /// At most so many: 1 to 100.
    pub limit: i64,
}

/// The views of the first orders of the page that the service knows, in order of their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Views<T> {
    pub views: Vec<T>,
}

impl ViewsRequest {
    /// The page, if it is one that may be asked for.
    pub fn parse(self) -> Result<ViewsRequest, Error> {
        if !self.after.is_empty() {
            id::check("after", &self.after)?;
        }
        if (1..=ORDERS_MAX).contains(&self.limit) {
            return Ok(self);
        }
        Err(Error::invalid(format!("limit: expected 1 to {ORDERS_MAX}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_pages_may_be_asked_for() {
        for (after, limit, is_page) in
            [("", 1, true), ("o", 100, true), ("", 0, false), ("", 101, false), ("a b", 1, false)]
        {
            let page = ViewsRequest { after: after.into(), limit };
            assert_eq!(page.parse().is_ok(), is_page, "{limit} after {after:?}");
        }
    }
}
