//! Integration tests of the whole, one binary, modules by topic.

mod cli;
mod conformance;
mod export;
mod figures;
mod import;
mod layers;
mod program;
mod resume;
mod spec_workload;
mod store;
mod supervision;
mod tcp;
mod twins;
