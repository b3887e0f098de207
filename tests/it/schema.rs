//! The definitions: the embedded core package is what was published, every structure of it compiles, and the questions that a check
//! asks get the answers of the specification.

mod core;
mod membership;
mod structures;
