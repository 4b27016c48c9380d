//! What a load is asked: how much is ordered, by whom, how fast.

use std::time::Duration;

use stormproof_faults::units::Length;
use stormproof_system::store::orders::LINES_MAX;

use super::arrivals::Arrivals;
use super::goods::{OwnGoods, Supply};
use super::pace::{ORDERS_MAX, RATE_MAX, Rates, Stage};
use super::{Load, Plan};

/// How much is ordered, by whom, how fast.
#[derive(clap::Args, Clone, Debug)]
pub struct LoadArguments {
    /// How many orders.
    #[arg(long, default_value_t = 200, conflicts_with = "ramp",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(ORDERS_MAX)))]
    orders: u32,
    /// Orders a second, each placed when it is due, whatever is still under way; as fast as possible
    /// if not given.
    #[arg(long, value_name = "ORDERS/S", group = "pace",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(RATE_MAX)))]
    rate: Option<u32>,
    /// One rate after the other, both ends in it, until one step beyond the first that the shop does
    /// not follow.
    #[arg(long, value_name = "FROM..TO:STEP", group = "pace")]
    ramp: Option<Rates>,
    /// How long each step of a ramp offers orders.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "ramp",
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    step_for: u64,
    /// The shop does not follow a step whose p99 settled is above this: 500ms, 2s.
    #[arg(long, value_name = "TIME", default_value = "1s", requires = "ramp",
        value_parser = length)]
    settled_within: Duration,
    /// How arrivals at a rate are spread.
    #[arg(long, value_name = "even|poisson", default_value = "even", requires = "pace")]
    arrivals: Arrivals,
    /// How many customers, in a ramp of each step; one for every eight orders if not given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    customers: Option<u32>,
    /// Lines of an order, each of a unit of another product.
    #[arg(long, default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=number(LINES_MAX)))]
    lines: u32,
    /// Products of the load's own, for a shop that gets some; 1 if not given. Orders take them in turn.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(PRODUCTS_MAX)))]
    products: Option<u32>,
    /// Warehouses over which the units of each of these products are spread; 1 if not given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(WAREHOUSES_MAX)))]
    warehouses: Option<u32>,
    /// Units of each of these products; as many as there are orders if not given. Whoever finds too few left
    /// is refused, which is not a failure.
    #[arg(long, value_name = "UNITS",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(ORDERS_MAX)))]
    stock: Option<u32>,
    /// Of a hundred orders, how many are cancelled: half of them at once, half when all are placed.
    #[arg(long, value_name = "PERCENT", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(0..=100))]
    cancel_percent: u32,
    /// Orders under way at once, at the most; at a rate 4096 if not given, else 32.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    at_once: Option<u32>,
    /// Seconds to wait until all orders are settled.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    patience: u64,
}

/// More products, warehouses, and shelves of them, each of which is a request, are a slip of the keyboard.
const PRODUCTS_MAX: u32 = 10_000;
const WAREHOUSES_MAX: u32 = 100;
const SHELVES_MAX: u32 = 100_000;

fn number(count: usize) -> i64 {
    i64::try_from(count).expect("a limit for people")
}

/// `500ms`, `2s`.
fn length(text: &str) -> Result<Duration, String> {
    text.parse().map(|Length(length)| length)
}

/// Requests under way at once, if nobody says how many.
const AS_FAST_AS_POSSIBLE: u32 = 32;
const AT_A_RATE: u32 = 4096;

/// The Store shows a customer so many orders at most.
const ORDERS_SHOWN: u32 = 100;

impl LoadArguments {
    /// The load; `own_goods`: there are goods and accounts of its own. `seed` is what arrivals by chance
    /// are drawn from.
    ///
    /// # Errors
    /// If it cannot be, and what was expected.
    pub fn load(&self, own_goods: bool, seed: u64) -> Result<Load, String> {
        let has_rate = self.rate.is_some() || self.ramp.is_some();
        let stages = self.stages(seed)?;
        let orders = stages.iter().map(|(stage, _)| stage.orders).sum();
        let own_goods = match own_goods {
            true => Some(self.own_goods(orders)?),
            false => self.nothing_of_its_own().map(|()| None)?,
        };
        Ok(Load {
            stages,
            lines: self.lines,
            ramp: self.ramp.is_some().then_some(self.settled_within),
            pace: has_rate.then(|| self.pace(seed)),
            own_goods,
            plan: Plan {
                cancel_percent: self.cancel_percent,
                at_once: self.at_once(),
                looks_at_once: self.looks_at_once(),
                patience: Duration::from_secs(self.patience),
            },
        })
    }

    fn own_goods(&self, orders: u32) -> Result<OwnGoods, String> {
        let products = self.products.unwrap_or(1);
        let warehouses = self.warehouses.unwrap_or(1);
        let units_of_each = self.stock.unwrap_or(orders.max(warehouses));
        if products < self.lines {
            return Err(format!(
                "--lines {}: expected {products} at most, for each is of another of the --products",
                self.lines
            ));
        }
        if units_of_each < warehouses {
            return Err(format!(
                "--stock {units_of_each}: expected at least {warehouses}, one unit for each of the \
                 --warehouses"
            ));
        }
        if products * warehouses > SHELVES_MAX {
            return Err(format!(
                "--products {products} in --warehouses {warehouses}: {} shelves, expected {SHELVES_MAX} \
                 at most",
                products * warehouses
            ));
        }
        Ok(OwnGoods { products, supply: Supply { units_of_each, warehouses } })
    }

    fn nothing_of_its_own(&self) -> Result<(), String> {
        let own = [
            ("--products", self.products),
            ("--warehouses", self.warehouses),
            ("--stock", self.stock),
        ];
        match own.iter().find(|(_, given)| given.is_some()) {
            Some((name, _)) => {
                Err(format!("{name}: this shop sells what it has; expected one that is served"))
            }
            None => Ok(()),
        }
    }

    /// How arrivals at a rate are spread, in words.
    fn pace(&self, seed: u64) -> String {
        self.arrivals.words(seed)
    }

    /// Orders under way at once, at the most.
    fn at_once(&self) -> usize {
        let usual = if self.rate.is_some() || self.ramp.is_some() {
            AT_A_RATE
        } else {
            AS_FAST_AS_POSSIBLE
        };
        usize::try_from(self.at_once.unwrap_or(usual)).expect("32 bits are a size")
    }

    /// Requests under way at once that place no orders.
    fn looks_at_once(&self) -> usize {
        self.at_once().min(usize::try_from(AS_FAST_AS_POSSIBLE).expect("32 bits are a size"))
    }

    /// The parts of the load, one after the other, each with its number of customers.
    ///
    /// # Errors
    /// If they cannot be, and what was expected.
    fn stages(&self, seed: u64) -> Result<Vec<(Stage, u32)>, String> {
        let length = Duration::from_secs(self.step_for);
        let stages = match (self.ramp, self.rate) {
            (Some(rates), _) => {
                let seconds = u32::try_from(self.step_for).unwrap_or(u32::MAX);
                let orders =
                    rates.all().map(|rate| u64::from(rate) * u64::from(seconds)).sum::<u64>();
                if orders > u64::from(ORDERS_MAX) {
                    return Err(format!(
                        "--ramp with --step-for {seconds}: {orders} orders, expected {ORDERS_MAX} at \
                         most"
                    ));
                }
                Stage::ramp(rates, length, self.arrivals, seed)
            }
            (None, Some(rate)) => {
                vec![Stage::at_a_rate(self.orders, rate, self.arrivals, seed)]
            }
            (None, None) => vec![Stage::as_fast_as_possible(self.orders)],
        };
        if stages.is_empty() {
            return Err(
                "--ramp: by chance there is no order at all: expected a longer --step-for".into()
            );
        }
        let with_customers = |stage: Stage| {
            let customers = self.customers.unwrap_or(stage.orders.div_ceil(8));
            let least = stage.orders.div_ceil(ORDERS_SHOWN);
            match customers < least {
                true => Err(format!(
                    "--customers {customers}: expected at least {least}, for the Store shows each its \
                     newest {ORDERS_SHOWN} orders"
                )),
                false => Ok((stage, customers)),
            }
        };
        stages.into_iter().map(with_customers).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: LoadArguments,
    }

    fn read(line: &str, own_goods: bool) -> Result<Load, String> {
        let words = std::iter::once("load").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.arguments.load(own_goods, 1)
    }

    #[test]
    fn what_is_wrong_is_said_with_what_was_expected() {
        let table = [
            ("--rate 5 --ramp 1..2:1", "cannot be used with"),
            ("--ramp 1..2:1 --orders 5", "cannot be used with"),
            ("--ramp 20", "FROM..TO:STEP"),
            ("--rate 0", "1..=100000"),
            ("--arrivals poisson", "required"),
            ("--arrivals often --rate 5", "expected even or poisson"),
            ("--settled-within 1s", "--ramp"),
            ("--ramp 1..2:1 --settled-within 1", "such as \"250ms\""),
            ("--ramp 1..2:1 --step-for 0", "1..=3600"),
            ("--ramp 1000..90000:1000 --step-for 3600", "1000000 at most"),
            ("--customers 1 --orders 101", "at least 2"),
            ("--customers 1 --ramp 20..30:10", "at least 2"),
            ("--lines 0", "1..=50"),
            ("--lines 51 --products 60", "1..=50"),
            ("--lines 2", "--lines 2: expected 1 at most"),
            ("--lines 4 --products 3", "--lines 4: expected 3 at most"),
            ("--products 0", "1..=10000"),
            ("--products 10001", "1..=10000"),
            ("--warehouses 0", "1..=100"),
            ("--warehouses 101", "1..=100"),
            ("--products 10000 --warehouses 11", "110000 shelves, expected 100000 at most"),
            ("--stock 0", "1..=1000000"),
            ("--stock 1000001", "1..=1000000"),
            ("--stock 4 --warehouses 5", "--stock 4: expected at least 5"),
        ];
        let mistake = |line: &str, own_goods| {
            let why = read(line, own_goods).err();
            why.unwrap_or_else(|| panic!("{line}: expected a mistake"))
        };
        for (line, expected) in table {
            let why = mistake(line, true);
            assert!(why.contains(expected), "{line}: {why}");
        }
        for option in ["--products", "--warehouses", "--stock"] {
            let why = mistake(&format!("{option} 5"), false);
            assert!(why.starts_with(option) && why.contains("sells what it has"), "{why}");
        }
    }

    #[test]
    fn goods_are_as_many_as_asked_for_and_enough_for_all_if_nothing_is_said() {
        let goods = |line| read(line, true).expect("nothing is wrong with it").own_goods;
        let expected = |products, units_of_each, warehouses| {
            Some(OwnGoods { products, supply: Supply { units_of_each, warehouses } })
        };
        assert_eq!(goods(""), expected(1, 200, 1));
        assert_eq!(goods("--ramp 4..12:4 --step-for 2"), expected(1, 48, 1));
        assert_eq!(goods("--orders 5 --products 50 --warehouses 9"), expected(50, 9, 9));
        assert_eq!(goods("--products 7 --lines 7 --stock 3"), expected(7, 3, 1));
        let load = read("--lines 50", false).expect("the shop says how many products it has");
        assert_eq!((load.lines, load.own_goods), (50, None));
    }

    #[test]
    fn a_load_has_one_part_and_a_ramp_one_for_each_rate() {
        let orders = |line| {
            let stages = read(line, true).expect("nothing is wrong with it").stages;
            stages
                .into_iter()
                .map(|(stage, customers)| (stage.orders, customers))
                .collect::<Vec<_>>()
        };
        assert_eq!(orders(""), [(200, 25)]);
        assert_eq!(orders("--rate 5 --orders 9"), [(9, 2)]);
        assert_eq!(orders("--ramp 4..12:4 --step-for 2"), [(8, 1), (16, 2), (24, 3)]);
    }
}
