//! A body compressed with gzip while it is sent.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The compression of one body.
#[derive(Debug)]
pub(super) struct Packer(GzEncoder<Vec<u8>>);

impl Default for Packer {
    fn default() -> Self {
        Packer(GzEncoder::new(Vec::new(), Compression::fast()))
    }
}

impl Packer {
    /// Returns as much of the compressed body as is ready, and by what it goes on.
    pub(super) fn part(
        mut self,
        plain: &[u8],
        has_ended: bool,
    ) -> io::Result<(Vec<u8>, Option<Self>)> {
        self.0.write_all(plain)?;
        if has_ended {
            return Ok((self.0.finish()?, None));
        }
        let ready = std::mem::take(self.0.get_mut());
        Ok((ready, Some(self)))
    }
}
