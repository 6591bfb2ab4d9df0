//! The files of a folder: their names below it, which lead nowhere else, and what is remembered of them in few bytes.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Component, Path};

use super::Digest;

/// Whether a name stays in its folder: it is of plain parts, with one `/` between them.
pub(crate) fn lies_below(file: &str) -> bool {
    let mut parts = Path::new(file).components();
    let mut length = 0;
    let plain = parts.all(|part| match part {
        Component::Normal(part) => {
            length += part.len() + 1;
            true
        }
        _ => false,
    });
    plain && length == file.len() + 1 && !file.contains('\0')
}

pub(super) fn parent(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// The digest of a regular file; of nothing else, not even through a link.
pub(super) fn digest_of(path: &Path) -> Option<Digest> {
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path).ok()?).ok()?;
    Some(*hasher.finalize().as_bytes())
}

pub(super) fn deed(file: &str, content: &Digest) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(content).update(file.as_bytes());
    u128::from_le_bytes(hasher.finalize().as_bytes()[..16].try_into().expect("a part of 32 bytes"))
}

pub(super) fn start(content: &Digest) -> u64 {
    u64::from_le_bytes(content[..8].try_into().expect("a part of 32 bytes"))
}

pub(super) fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Shows every file below a folder by its name below it, links as files; what lies in `hidden` folders too, or not. A
/// folder that cannot be read is an error where it is `strict`: nothing of ours is in it.
pub(super) fn walk(
    folder: &Path,
    strict: bool,
    hidden: bool,
    see: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut waiting = vec![String::new()];
    while let Some(prefix) = waiting.pop() {
        let entries = fs::read_dir(folder.join(&prefix)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = match entries {
            Err(_) if !strict => continue,
            entries => entries?,
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            match entry.file_type()?.is_dir() {
                true if name.starts_with('.') && !hidden => {}
                true => waiting.push(format!("{prefix}{name}/")),
                false => see(&format!("{prefix}{name}"))?,
            }
        }
    }
    Ok(())
}
