//! The files that tell of a model, beside its weights: read without what editors put there, and not without end.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

/// What tells of a model, without the byte order mark that editors on Windows put there.
///
/// # Errors
/// It cannot be read, or is larger than any such file is.
pub(super) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    const MOST: u64 = 256 << 20;
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(std::io::Error::other("is larger than 256 MB, as no such file is"));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    Ok(bytes)
}

/// A file of a folder; `None` where there is none.
pub(super) fn json(folder: &Path, file: &str) -> Result<Option<Value>, String> {
    match read(&folder.join(file)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| format!("{file}: {e}")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("{file}: {e}")),
    }
}
