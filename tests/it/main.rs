//! The integration tests, one binary: through the public interface, with the real store in a temporary folder.

mod deadlines;
mod support;
mod tidy;
mod validation;
