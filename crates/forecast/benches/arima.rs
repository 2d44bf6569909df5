//! Filled in by the methods it times.

fn main() {}
