//! Integration tests of the whole, one binary, modules by topic.

mod cli;
mod conformance;
mod layers;
mod program;
mod resume;
