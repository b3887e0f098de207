//! A large page in XML on its way to the client: what is held of it is its JSON and one part.

use std::fmt;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::body_parts::{Broken, NextPart};
use super::packer::Packer;
use crate::interactions::Server;
use crate::xml::{BundleParts, Layout, Unwritable};

/// The size in JSON from which a Bundle is written part by part. What is smaller, and any other
/// resource, is written whole: a resource is no larger than the body in which it came.
const PAGE_BYTES_MIN: usize = 256 * 1024;

/// A page whose parts were found to be writable, and are written while they are sent.
pub(super) struct XmlPage {
    server: Arc<Server>,
    json: Vec<u8>,
    parts: BundleParts,
    packer: Option<Packer>,
}

impl XmlPage {
    /// Makes a page of a large Bundle; gives back what is none.
    ///
    /// # Errors
    /// The reason why XML cannot hold it, found before anything is sent.
    pub(super) fn of(
        server: &Arc<Server>,
        json: Vec<u8>,
        layout: Layout,
    ) -> Result<Result<Self, Vec<u8>>, (Vec<u8>, Unwritable)> {
        if json.len() < PAGE_BYTES_MIN {
            return Ok(Err(json));
        }
        match BundleParts::of(server.validator.definitions(), &json, layout) {
            Ok(Some(parts)) => Ok(Ok(XmlPage {
                server: Arc::clone(server),
                json,
                parts,
                packer: None,
            })),
            Ok(None) => Ok(Err(json)),
            Err(why) => Err((json, why)),
        }
    }

    /// Returns the same page, compressed while it is sent.
    pub(super) fn packed(self) -> Self {
        XmlPage {
            packer: Some(Packer::default()),
            ..self
        }
    }

    fn written_part(mut self) -> Result<(Vec<u8>, Option<Self>), Broken> {
        let part = self
            .parts
            .next(self.server.validator.definitions(), &self.json)
            .map_err(|why| Broken(format!("a page in XML: {why}")))?;
        let has_ended = self.parts.length() == 0;
        let part = part.unwrap_or_default();
        let part = match self.packer.take() {
            None => part,
            Some(packer) => {
                let (ready, packer) = packer
                    .part(&part, has_ended)
                    .map_err(|error| Broken(error.to_string()))?;
                self.packer = packer;
                ready
            }
        };
        Ok((part, (!has_ended).then_some(self)))
    }
}

impl fmt::Debug for XmlPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XmlPage").finish_non_exhaustive()
    }
}

impl NextPart for XmlPage {
    async fn next_part(self) -> Result<(Vec<u8>, Option<Self>), Broken> {
        spawn_blocking(|| self.written_part())
            .await
            .map_err(|_| Broken("its writer panicked".into()))?
    }

    fn length(&self) -> Option<u64> {
        self.packer.is_none().then(|| self.parts.length())
    }
}
