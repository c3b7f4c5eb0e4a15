//! Integration tests of the ns-3 backend, by topic. Those that need ns-3 print a "skipped" line where there is none.

mod builds;
mod failures;
mod kernels;
mod laws;
mod orphans;
mod stored;
mod support;
mod tcp;
mod tree;
mod truth;
