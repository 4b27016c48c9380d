//! The command `stormproof`: the shop on real machines.

fn main() {}
