//! What the integration tests share.

pub(crate) mod deadline_cases;
pub(crate) mod person;
pub(crate) mod rules;
