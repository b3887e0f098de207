//! The support that the integration tests share.

pub(crate) mod deadline_cases;
pub(crate) mod facade;
pub(crate) mod people;
pub(crate) mod person;
pub(crate) mod profile;
pub(crate) mod rules;
pub(crate) mod surrounded;
