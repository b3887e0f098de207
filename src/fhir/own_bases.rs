//! The bases of this server's own addresses: an address below one of them names a resource that is
//! stored here.

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

    /// Returns what follows a base in an address below it.
    pub fn below(self, address: &str) -> Option<&str> {
        let mut bases = [Some(self.configured), self.reached].into_iter().flatten();
        bases.find_map(|base| address.strip_prefix(base)?.strip_prefix('/'))
    }
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
