//! What may be told of the machine: nothing of where things lie on it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Fault, Refusal};
use crate::failure::Failure;
use crate::table::column;

/// Characters of a message; the names of all columns of a wide table have fewer.
const LONGEST: usize = 4000;

/// Takes from texts where on the machine something lies.
pub(super) struct Discreet {
    /// The folders below which paths may be told, as they are written and as they are.
    roots: Vec<PathBuf>,
}

impl Discreet {
    pub(super) fn new(index: Option<&Path>, images: &[PathBuf]) -> Discreet {
        let folder = index.and_then(Path::parent).map(Path::to_path_buf);
        let here = std::env::current_dir().ok();
        let roots = images.iter().cloned().chain(folder).chain(here);
        let roots = roots.flat_map(|root| [root.canonicalize().ok(), std::path::absolute(&root).ok()]);
        let mut roots: Vec<PathBuf> = roots.flatten().filter(|root| root.parent().is_some()).collect();
        // The innermost first: what is told is as short as it can be.
        roots.sort_by_key(|root| std::cmp::Reverse(root.components().count()));
        roots.dedup();
        Discreet { roots }
    }

    /// A path of a table as it may be told: relative, or its last part.
    pub(super) fn path(&self, path: &str) -> String {
        let local = path.strip_prefix("file://").unwrap_or(path);
        if !local.starts_with('/') && !local.starts_with('~') {
            return path.into();
        }
        let below = self.roots.iter().find_map(|root| Path::new(local).strip_prefix(root).ok());
        let name = || local.rsplit('/').next().unwrap_or_default().to_string();
        below.map(|below| below.display().to_string()).filter(|below| !below.is_empty()).unwrap_or_else(name)
    }

    /// A text that was made here, in which every absolute path is told as [`Discreet::path`] does.
    pub(super) fn text(&self, text: &str) -> String {
        let ends = |c: char| c.is_whitespace() || [':', ',', ';', '\'', '"', '(', ')', '`', '='].contains(&c);
        let mut out = String::with_capacity(text.len());
        for part in text.split_inclusive(ends) {
            let word = part.trim_end_matches(ends);
            match word.starts_with('/') && word.len() > 1 || word.starts_with("~/") {
                true => out.push_str(&self.path(word)),
                false => out.push_str(word),
            }
            out.push_str(&part[word.len()..]);
        }
        out
    }

    /// A cell of a table.
    pub(super) fn cell(&self, name: &str, value: Value) -> Value {
        match value {
            Value::String(path) if name == column::PATH => Value::String(self.path(&path)),
            Value::String(text) if name == column::ERROR => Value::String(self.text(&text)),
            value => value,
        }
    }

    /// A failure, for whoever asked; what it repeats of a question may be long.
    pub(super) fn refusal(&self, fault: Fault, failure: &Failure) -> Refusal {
        let told = |text: &str| {
            let text = self.text(text);
            match text.char_indices().nth(LONGEST) {
                None => text,
                Some((end, _)) => format!("{}…", &text[..end]),
            }
        };
        Refusal { fault, message: told(&failure.to_string()), hint: failure.hints.first().map(|hint| told(hint)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_tells_where_on_the_machine_something_lies() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("it is there");
        let discreet = Discreet::new(None, std::slice::from_ref(&root));
        let within = root.join("a/b.jpg").display().to_string();
        assert_eq!(discreet.path(&within), "a/b.jpg");
        assert_eq!(discreet.path("/home/ash/secret/c.jpg"), "c.jpg");
        assert_eq!(discreet.path("file:///home/ash/c.jpg"), "c.jpg");
        assert_eq!(discreet.path("photos/c.jpg"), "photos/c.jpg");
        assert_eq!(discreet.text(&format!("cannot read {within}: gone")), "cannot read a/b.jpg: gone");
        assert_eq!(discreet.text("/etc/ssl/x.pem: is none (/tmp/y)"), "x.pem: is none (y)");
        assert_eq!(discreet.text("3 / 4 and 1/2"), "3 / 4 and 1/2");
    }
}
