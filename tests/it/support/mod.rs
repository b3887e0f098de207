//! What the integration tests share.

pub(crate) mod deadline_cases;
pub(crate) mod rules;
