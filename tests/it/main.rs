//! The scenario suite.
fn main() {}
