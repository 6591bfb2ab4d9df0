//! The hash by which the hub calls a file, of bytes as they come.

use std::io::{self, Write};

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::Remote;
use crate::model::hex;

/// The hash by which the hub calls a file.
pub(super) enum Hasher {
    Large(Sha256),
    /// Git hashes a header with the size before the bytes.
    Git {
        size: u64,
        sha: Sha1,
    },
}

impl Hasher {
    pub(super) fn new(file: &Remote) -> Hasher {
        let mut hasher = match file.hash.len() {
            64 => Hasher::Large(Sha256::new()),
            _ => Hasher::Git { size: file.size, sha: Sha1::new() },
        };
        hasher.reset();
        hasher
    }

    pub(super) fn reset(&mut self) {
        match self {
            Hasher::Large(sha) => *sha = Sha256::new(),
            Hasher::Git { size, sha } => *sha = Sha1::new_with_prefix(format!("blob {size}\0")),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Large(sha) => sha.update(bytes),
            Hasher::Git { sha, .. } => sha.update(bytes),
        }
    }

    pub(super) fn finish(&self) -> String {
        match self {
            Hasher::Large(sha) => hex(&sha.clone().finalize()),
            Hasher::Git { sha, .. } => hex(&sha.clone().finalize()),
        }
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_are_hashed_as_git_does() {
        let hash = "ce013625030ba8dba906f756967f9e9ca394464a".to_string();
        let mut hasher = Hasher::new(&Remote { path: "a".into(), size: 6, hash: hash.clone() });
        hasher.update(b"hello\n");
        assert_eq!(hasher.finish(), hash);
    }
}
