//! What tells versions of an object apart.

use serde::{Deserialize, Serialize};

/// What a server calls a version of a picture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) etag: Option<String>,
    pub(super) modified: Option<String>,
}

impl Version {
    /// Whether it can be told from another.
    pub(super) fn is_told(&self) -> bool {
        self.etag.is_some() || self.modified.is_some()
    }
}
