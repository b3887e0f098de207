//! The bases of this server's own addresses: an address below one of them names a resource that is
//! stored here.

use url::Url;

/// The bases of this server: that of its configuration, and the one by which a request reached it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnBases<'a> {
    configured: &'a str,
    reached: Option<&'a str>,
}

impl<'a> OwnBases<'a> {
    /// Takes both; the second only if it is another one.
    pub fn new(configured: &'a str, reached: Option<&'a str>) -> Self {
        OwnBases {
            configured,
            reached,
        }
    }

    /// Returns both, as far as there are two.
    pub fn each(self) -> impl Iterator<Item = &'a str> {
        [Some(self.configured), self.reached].into_iter().flatten()
    }

    /// Returns what follows a base in an address below it. The scheme and the host may be in
    /// capitals, the default port may be told, and slashes may be doubled.
    pub fn below(self, address: &str) -> Option<&str> {
        let (origin, path) = parted(address)?;
        self.each().find_map(|base| {
            let (own, own_path) = parted(base)?;
            let rest = below_path(own_path, path)?;
            is_same_origin(own, origin).then_some(rest)
        })
    }

    /// Returns what follows the path of a base in an address that is a path on this server.
    pub fn below_path(self, address: &str) -> Option<&str> {
        let mut paths = self.each().filter_map(|base| Some(parted(base)?.1));
        let is_path = address.starts_with('/');
        paths
            .find_map(|path| below_path(path, address))
            .filter(|_| is_path)
    }
}

/// Parts an address behind its host and port.
fn parted(address: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    address.split_at_checked(scheme.len() + "://".len() + host.len())
}

fn is_same_origin(one: &str, other: &str) -> bool {
    let origin = |text: &str| Url::parse(text).map(|url| url.origin());
    one == other || matches!((origin(one), origin(other)), (Ok(one), Ok(other)) if one == other)
}

fn below_path<'t>(base: &str, path: &'t str) -> Option<&'t str> {
    let mut rest = path;
    for step in base.split('/').filter(|step| !step.is_empty()) {
        rest = rest.trim_start_matches('/').strip_prefix(step)?;
        if !(rest.is_empty() || rest.starts_with(['/', '?', '#'])) {
            return None;
        }
    }
    Some(rest.trim_start_matches('/'))
}

impl<'a> From<&'a str> for OwnBases<'a> {
    fn from(configured: &'a str) -> Self {
        OwnBases::new(configured, None)
    }
}

impl<'a> From<&'a String> for OwnBases<'a> {
    fn from(configured: &'a String) -> Self {
        OwnBases::new(configured, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_below_a_base_in_every_spelling_of_it() {
        let bases = OwnBases::new("http://frist.test/fhir", Some("https://ehr.dk:8443/a/fhir"));
        for (address, expected) in [
            ("http://frist.test/fhir/Patient/7", Some("Patient/7")),
            ("HTTP://Frist.Test:80/fhir/Patient/7", Some("Patient/7")),
            ("http://frist.test//fhir//Patient/7/", Some("Patient/7/")),
            (
                "https://EHR.dk:8443/a/fhir/Patient?a=b",
                Some("Patient?a=b"),
            ),
            ("http://frist.test/fhir?a=b", Some("?a=b")),
            ("http://frist.test/fhir", Some("")),
            ("https://ehr.dk/a/fhir/Patient/7", None),
            ("https://frist.test/fhir/Patient/7", None),
            ("http://frist.test:81/fhir/Patient/7", None),
            ("http://frist.test/fhirs/Patient/7", None),
            ("http://frist.test/FHIR/Patient/7", None),
            ("http://frist.test.example/fhir/Patient/7", None),
            ("/fhir/Patient/7", None),
            ("urn:uuid:7", None),
        ] {
            assert_eq!(bases.below(address), expected, "{address}");
        }
        for (address, expected) in [
            ("/fhir/Patient/7", Some("Patient/7")),
            ("/a/fhir/Patient/7", Some("Patient/7")),
            ("//Patient/7", None),
            ("fhir/Patient/7", None),
        ] {
            assert_eq!(bases.below_path(address), expected, "{address}");
        }
    }
}
