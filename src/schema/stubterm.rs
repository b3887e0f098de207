//! stub
use super::Definitions;
#[allow(missing_docs)]
pub enum Membership {
    In,
    NotIn,
    Unknown(String),
}
#[allow(missing_docs)]
pub struct ValueSet;
#[allow(missing_docs)]
impl ValueSet {
    pub fn few_codes(&self) -> Option<Vec<&str>> {
        None
    }
}
#[allow(missing_docs)]
impl Definitions {
    pub fn membership(&self, _v: &str, _s: Option<&str>, _c: &str) -> Membership {
        Membership::Unknown("stub".into())
    }
    pub fn value_set(&self, _v: &str) -> Option<&ValueSet> {
        None
    }
}
#[allow(missing_docs)]
impl Definitions {
    pub fn with(mut self, package: &super::Package) -> Definitions {
        for d in &package.definitions {
            let v: serde_json::Value = d.parse().unwrap_or_default();
            if let Ok(Some(line)) = super::condense(&v) {
                self.added.put(std::borrow::Cow::Owned(line), Some(self.core));
            }
        }
        self
    }
}
