//! What makes two models the same: a name, and a digest of all that could give other vectors.

use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::digest::{self, hex};
use super::engine::Engine;
use super::layout::{Found, Part};
use super::prepare;

/// Name and SHA-256 over weights and preprocessing: what must be equal for two vectors to be comparable.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ModelId {
    /// What people call it; two models may share it.
    pub name: String,
    /// What tells them apart.
    pub digest: [u8; 32],
}

impl ModelId {
    /// Reads [`ModelId::full`].
    pub(super) fn parse(full: &str) -> Option<ModelId> {
        let (name, digest) = full.split_once('@')?;
        Some(ModelId { name: name.into(), digest: digest::parse_digest(digest)? })
    }

    /// `name@` and all 64 hex digits, as it stands in footers.
    pub fn full(&self) -> String {
        format!("{}@{}", self.name, hex(&self.digest))
    }
}

impl fmt::Display for ModelId {
    /// `name@` and the first 16 hex digits, as it stands in every row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, &hex(&self.digest)[..16])
    }
}

impl fmt::Debug for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelId({})", self.full())
    }
}

/// `name@` and 16 of the digits of a full identity, as it stands in every row.
pub fn short_id(full: &str) -> String {
    match full.split_once('@') {
        Some((name, digest)) => format!("{name}@{}", digest.chars().take(16).collect::<String>()),
        None => full.to_string(),
    }
}

/// A name as it may stand in tables and on terminals: without the `@` that parts it from the digest, and without what
/// moves a cursor or turns the direction of writing.
pub(super) fn clean(name: &str) -> String {
    let turns = ['\u{200e}', '\u{200f}', '\u{61c}', '\u{2028}', '\u{2029}'];
    let is_bad = |c: char| {
        c == '@'
            || c.is_control()
            || turns.contains(&c)
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    name.chars().map(|c| if is_bad(c) { '_' } else { c }).collect()
}

/// SHA-256 over the weights of the towers, the vocabulary, and what is done to pictures and words before.
pub(super) fn identity(folder: &Path, found: &Found, engine: Engine) -> std::io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut put = |role: &str, bytes: &[u8]| digest_file(&mut hasher, role, bytes);
    let digest = |file: &Path| {
        digest::of_file(&folder.join(file))
            .map_err(|e| std::io::Error::new(e.kind(), format!("{}: {e}", file.display())))
    };
    let weights = |role: &str, part: &Part, put: &mut dyn FnMut(&str, &[u8])| -> std::io::Result<()> {
        put(role, &digest(&part.file)?);
        for name in &part.external {
            prepare::beside(&folder.join(&part.file), name)
                .map_err(|e| std::io::Error::new(e.kind(), format!("{name}: {e}")))?;
            put("weights", &digest(&part.file.with_file_name(name))?);
        }
        put("output", part.output.name.as_bytes());
        Ok(())
    };
    if let Some((part, preprocess)) = &found.image {
        weights("image", part, &mut put)?;
        put("pixels", format!("{preprocess:?}").as_bytes());
    }
    if let Some((part, words)) = &found.text {
        weights("text", part, &mut put)?;
        put("vocabulary", &digest(&words.file)?);
        put("words", format!("{:?} {:?} {:?}", words.cleaning, words.length, words.pad).as_bytes());
    }
    if found.quantised {
        put("engine", format!("{engine:?}").as_bytes());
    }
    Ok(hasher.finalize().into())
}

pub(super) fn digest_file(hasher: &mut Sha256, name: &str, bytes: &[u8]) {
    hasher.update(name.as_bytes());
    hasher.update([0]);
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_print_short_and_full() {
        let id = ModelId { name: "m".into(), digest: [0xab; 32] };
        assert_eq!(id.to_string(), format!("m@{}", "ab".repeat(8)));
        assert_eq!(id.full(), format!("m@{}", "ab".repeat(32)));
    }
}
