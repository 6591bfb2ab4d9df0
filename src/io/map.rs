//! Files that are looked at where they lie.

use std::fs::File;
use std::path::Path;

/// Maps a file; an empty one gives no bytes.
///
/// # Errors
/// The file cannot be opened or mapped (a folder, a pipe).
pub(crate) fn map(path: &Path) -> std::io::Result<bytes::Bytes> {
    map_file(&File::open(path)?)
}

/// As [`map`], of an open file.
///
/// # Errors
/// The file cannot be mapped.
#[expect(
    unsafe_code,
    reason = "a mapped file must not shrink while it is used; our files are replaced, never rewritten"
)]
pub(crate) fn map_file(file: &File) -> std::io::Result<bytes::Bytes> {
    if file.metadata()?.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    // SAFETY: what is mapped is only read. Should another program change the file meanwhile, numbers change under our
    // hands, and whoever uses them checks them; should it cut the file short, the process ends by a signal.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(bytes::Bytes::from_owner(map))
}
