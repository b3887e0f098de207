//! The definitions: the embedded core package is the published one, every structure of it compiles,
//! and the questions that a check asks get the answers of the specification.

#![allow(clippy::unwrap_used)]

mod all;
mod compositions;
mod core;
mod membership;
mod packages;
mod slices;
mod structures;
