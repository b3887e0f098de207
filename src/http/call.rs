//! A request as it came over the wire, with all that its answer depends on.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};

use crate::interactions::{Context, Server};

/// Names and values, percent-decoded.
pub(super) type Parameters = Vec<(String, String)>;

/// A request with its body, ready for the blocking part.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    /// The parameters of the address, but those that every request may have.
    pub(super) query: Parameters,
    /// The parameters that every request may have: they say how the answer is written, and so do
    /// the links to its further pages.
    pub(super) general: Parameters,
    pub(super) headers: HeaderMap,
    /// As it was before it was compressed.
    pub(super) body: Bytes,
    pub(super) context: Context,
    /// The server that is asked, by whose definitions a body in XML is read.
    pub(super) server: Arc<Server>,
}

impl Call {
    /// Returns the base of the addresses that the answer gives.
    pub(super) fn base_url<'a>(&'a self, server: &'a Server) -> &'a str {
        server.base_of(&self.context)
    }
}
