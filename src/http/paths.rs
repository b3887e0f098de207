//! The paths of the server: those below the base of FHIR, and the few beside it.

/// The path of the guide's package.
pub(super) const PACKAGE: &str = "/package.tgz";
/// The path of the OpenAPI document.
pub(super) const OPENAPI: &str = "/openapi.json";
/// The path at which subscribers listen, below the base.
pub(super) const WEBSOCKET: &str = "/_websocket";
/// The paths beside the base, each of which can be looked at and no more.
const BESIDE: [&str; 6] = ["/", "/livez", "/readyz", "/metrics", PACKAGE, OPENAPI];

/// Returns the part of a path that follows `/fhir`, if it is below it.
pub(super) fn below_base(path: &str) -> Option<&str> {
    path.strip_prefix("/fhir")
        .filter(|below| below.is_empty() || below.starts_with('/'))
}

/// Returns true for a path beside the base that names something.
pub(super) fn is_beside_base(path: &str) -> bool {
    BESIDE.contains(&path)
}

/// Returns the address at which a client of a server with that base listens.
pub(super) fn websocket_url(base_url: &str) -> String {
    let rest = base_url.strip_prefix("http").unwrap_or(base_url);
    format!("ws{rest}{WEBSOCKET}")
}

/// Returns the name of the upstream that notifies at a path.
pub(super) fn notifying(path: &str) -> Option<&str> {
    let name = path
        .strip_prefix("/upstreams/")?
        .strip_suffix("/notified")?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}
