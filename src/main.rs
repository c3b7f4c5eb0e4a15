//! mixlab.
fn main() {}
