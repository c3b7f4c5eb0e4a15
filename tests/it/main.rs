//! Integration tests of the whole, one binary, modules by topic.

mod check;
mod cli;
mod conformance;
mod corpus;
mod export;
mod external;
mod figure_tables;
mod figures;
mod hostile;
mod import;
mod layers;
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
