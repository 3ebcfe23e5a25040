//! The tests of the whole.
fn main() {}
