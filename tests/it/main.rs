//! Integration tests of the whole, one binary, modules by topic.

#[path = "../../backends/contract/tests/support/cases.rs"]
mod cases;
mod check;
mod cli;
mod conformance;
mod corpus;
mod export;
mod external;
#[cfg(target_os = "linux")]
mod faults;
mod figure_tables;
mod figures;
mod hostile;
mod import;
mod layers;
mod losses;
mod probe;
mod program;
mod python;
mod report;
mod resume;
mod schema;
mod settings;
mod signals;
mod spec_workload;
mod store;
mod supervision;
mod tcp;
mod torture;
mod train;
mod twins;
