//! Faults of disks, clocks, outside programs and neighbours: each has an outcome that `src/store/FAULTS.md` documents, and a
//! test here. Whatever fails, `mixlab` ends by itself, says what failed and what to do, and the same command completes the work
//! when the fault is gone.

mod children;
mod disk;
mod root;
mod shim;
