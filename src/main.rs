//! The program `frist`.

fn main() {}
