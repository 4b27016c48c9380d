//! The seeded world: the shop on simulated nodes, network, broker and disks, with faults to fail
//! it and invariants to judge it.
//!
//! [`world`] is generic and knows nothing of shops; [`shop`] brings the workload, the invariants
//! and the story's last line. [`simulate`](shop::simulate) runs one scenario under one seed.

#[cfg(not(madsim))]
compile_error!(
    "this package needs `--cfg madsim`, which .cargo/config.toml sets; an environment RUSTFLAGS \
     replaces it: unset RUSTFLAGS or add `--cfg madsim` to it"
);

pub mod outcome;
pub mod shop;
pub mod world;
