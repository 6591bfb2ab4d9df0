//! A repo at a revision, and what is checked of every name that it or a server gives.

use super::error::Error;
use super::short_names::SHORT_NAMES;

/// A repo at a revision, as given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    /// `ORG/NAME`.
    pub id: String,
    /// A branch, tag or commit.
    pub revision: String,
    /// What to call the model if nobody says otherwise.
    pub name: String,
}

impl Repo {
    /// Reads `ORG/NAME` or a short name, either with or without `@REVISION`.
    ///
    /// # Errors
    /// The short name is not known, or it cannot be a repo or a revision.
    pub fn parse(given: &str) -> Result<Repo, Error> {
        let bad = |problem| Error::BadRepo { given: given.into(), problem };
        let (repo, revision) = given.split_once('@').unwrap_or((given, "main"));
        let id = match SHORT_NAMES.iter().find(|(name, ..)| *name == repo) {
            Some((_, id, _)) => id,
            None if !repo.contains('/') && !repo.is_empty() => return Err(Error::ShortName { given: repo.into() }),
            None => repo,
        };
        let (org, name) = id.split_once('/').ok_or_else(|| bad("it has the form ORG/NAME"))?;
        if !is_repo_part(org) || !is_repo_part(name) {
            return Err(bad("ORG and NAME have letters, digits, -, _ and . only"));
        }
        if !is_revision(revision) {
            return Err(bad("a revision has letters, digits, -, _, . and / only"));
        }
        let name = if repo == id { name } else { repo };
        Ok(Repo { id: id.into(), revision: revision.into(), name: name.into() })
    }

    /// Its folder in the cache. The hub allows no `--` in names.
    pub(super) fn folder(&self) -> String {
        format!("models--{}", self.id.replace('/', "--"))
    }
}

pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn is_repo_part(part: &str) -> bool {
    let edge = |c: char| c == '-' || c == '.';
    is_plain(part)
        && !part.is_empty()
        && !part.contains("--")
        && !part.contains("..")
        && part.trim_matches(edge) == part
}

/// A revision becomes the name of a file in the cache.
fn is_revision(revision: &str) -> bool {
    revision.split('/').all(|part| is_plain(part) && !part.is_empty() && !part.starts_with(['.', '-']))
        && !revision.contains("..")
}

pub(super) fn is_hash(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a path that a server gave stays below the folder that it is joined to.
pub(super) fn is_below(path: &str) -> bool {
    path.len() <= 1024
        && !path.chars().any(|c| c.is_control() || c == '\\')
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::super::short_names::nearest_short_name;
    use super::*;

    #[test]
    fn repos_and_revisions_are_read() {
        let repo = Repo::parse("Xenova/clip-vit-base-patch32@refs/pr/1").expect("a repo");
        assert_eq!((repo.id.as_str(), repo.revision.as_str()), ("Xenova/clip-vit-base-patch32", "refs/pr/1"));
        assert_eq!(
            (repo.name.as_str(), repo.folder().as_str()),
            ("clip-vit-base-patch32", "models--Xenova--clip-vit-base-patch32")
        );
        let repo = Repo::parse("clip-vit-b32").expect("a short name");
        assert_eq!((repo.id.as_str(), repo.name.as_str()), ("Xenova/clip-vit-base-patch32", "clip-vit-b32"));
        for bad in [
            "a/b/c", "/b", "a/", "../b", "a/..", "a/b@", "a/b@../c", "a/b@/etc", "a/b@x//y", "a/b c", "a--b/c", "",
            "a/b@.git",
        ] {
            assert!(matches!(Repo::parse(bad), Err(Error::BadRepo { .. })), "{bad}");
        }
    }

    #[test]
    fn short_names_are_repos_and_misspelt_ones_are_recognised() {
        for (name, repo, _) in SHORT_NAMES {
            assert_eq!(Repo::parse(name).expect("a short name").id, repo);
            assert!(Place::new(name).is_ok(), "{name}");
        }
        assert_eq!(nearest_short_name("clip-vit-b23"), Some("clip-vit-b32"));
        assert_eq!(nearest_short_name("clip-vit-base-patch16"), Some("clip-vit-b16"));
        assert_eq!(nearest_short_name("dino2-small"), Some("dinov2-small"));
        assert_eq!(nearest_short_name("resnet"), None);
    }

    #[test]
    fn no_path_of_a_server_leads_out() {
        for good in ["config.json", "onnx/model.onnx", "a/.b/c..d"] {
            assert!(is_below(good), "{good}");
        }
        for bad in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\0b", "a\nb", "..\\x"] {
            assert!(!is_below(bad), "{bad}");
        }
    }
}
