//! Which warehouse gives how much. Pure.

use crate::id::{Sku, WarehouseId};

/// Goods at one warehouse; a list of these in (sku, warehouse) order is an allocation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Share {
    pub sku: Sku,
    pub warehouse: WarehouseId,
    pub quantity: i64,
}

/// Plans `wanted` over what is `available` (shares in any order). Each product comes from as few
/// warehouses as possible: from the fullest first, by name among equals. `Err` names the first
/// product of which there is too little, and how much there is.
pub fn plan(wanted: &[(Sku, i64)], available: &[Share]) -> Result<Vec<Share>, (Sku, i64)> {
    let mut allocation = Vec::new();
    for (sku, quantity) in wanted {
        let mut shelves: Vec<&Share> =
            available.iter().filter(|share| share.sku == *sku && share.quantity > 0).collect();
        shelves.sort_by_key(|share| (-share.quantity, &share.warehouse));
        let mut missing = *quantity;
        for shelf in &shelves {
            let taken = shelf.quantity.min(missing);
            if taken > 0 {
                allocation.push(Share { quantity: taken, ..(*shelf).clone() });
                missing -= taken;
            }
        }
        if missing > 0 {
            return Err((sku.clone(), quantity - missing));
        }
    }
    allocation.sort();
    Ok(allocation)
}

/// `sydney 2 teapot, perth 1 mug`.
pub fn words(allocation: &[Share]) -> String {
    let parts = allocation
        .iter()
        .map(|share| format!("{} {} {}", share.warehouse, share.quantity, share.sku));
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(sku: &str, warehouse: &str, quantity: i64) -> Share {
        Share {
            sku: Sku::parse(sku).expect("well formed"),
            warehouse: WarehouseId::parse(warehouse).expect("well formed"),
            quantity,
        }
    }

    #[test]
    fn the_fullest_shelf_gives_first() {
        let shelves =
            [share("tea", "perth", 1), share("tea", "sydney", 3), share("mug", "perth", 9)];
        let tea = Sku::parse("tea").expect("well formed");
        let planned = plan(&[(tea.clone(), 4)], &shelves).expect("enough");
        assert_eq!(words(&planned), "perth 1 tea, sydney 3 tea");
        assert_eq!(
            plan(&[(tea.clone(), 3)], &shelves).map(|all| words(&all)),
            Ok("sydney 3 tea".into())
        );
        assert_eq!(plan(&[(tea.clone(), 5)], &shelves), Err((tea, 4)));
    }
}
