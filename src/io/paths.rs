//! Paths as they stand in tables: as text, whatever bytes they are of, and the image files that they name.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::archive;
use super::kind::{Kind, MAX_FILE};
use super::store::{self, Address};

/// Reads an image file, whose path may stand as in a table, or an object of a bucket or the web.
///
/// # Errors
/// It cannot be read, is too long, or is a folder, a pipe or a device (opening which could block for ever).
pub(crate) fn read_image(path: &str) -> io::Result<Vec<u8>> {
    if let Some(address) = Address::parse(path) {
        return store::read(&address);
    }
    match std::fs::metadata(local(path)) {
        Ok(about) if !about.is_file() => return Err(io::Error::other("not a regular file")),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
            if let Some(bytes) = archive::read(local(path)) {
                return bytes;
            }
        }
        _ => {}
    }
    let file = open_escaped(path)?;
    let size = file.metadata()?.len();
    if size > MAX_FILE {
        return Err(io::Error::other(format!("{} MB are too much for an image", size / 1_000_000)));
    }
    let mut bytes = Vec::with_capacity(size as usize + 1);
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file of this machine that a path in a table names, whether or not it is there; `None`: it is an object of a bucket or
/// of the web.
pub(crate) fn local_file(path: &str) -> Option<PathBuf> {
    if Address::parse(path).is_some() {
        return None;
    }
    let path = local(path);
    let escaped = !Path::new(path).exists() && path.contains('%');
    Some(if escaped { bytes_to_path(&unescape(path)) } else { path.into() })
}

/// The image file that a path in a table names, as an absolute path.
///
/// # Errors
/// There is no such file; it is a folder, a pipe or a device, or has the extension of something else.
pub(crate) fn find_image(path: &str) -> io::Result<PathBuf> {
    let path = local(path);
    let mut file = std::path::absolute(path)?;
    if !file.exists() && path.contains('%') {
        file = std::path::absolute(bytes_to_path(&unescape(path)))?;
    }
    match std::fs::metadata(&file)? {
        about if !about.is_file() => Err(io::Error::other("not a regular file")),
        _ if file.extension().is_some() && !has_image_extension(file.as_os_str()) => {
            Err(io::Error::other("its name is not that of an image"))
        }
        _ => Ok(file),
    }
}

/// Whether there is a file at a path as it stands in a table.
pub(crate) fn exists(path: &str) -> bool {
    let path = local(path);
    Path::new(path).is_file()
        || path.contains('%') && bytes_to_path(&unescape(path)).is_file()
        || archive::is_inside(path)
}

/// What a path in a table names: where nothing is there, `%XX` is taken for the byte it stands for.
pub(crate) fn table_path(path: &str) -> PathBuf {
    let path = local(path);
    let plain = PathBuf::from(path);
    if path.contains('%') && !plain.exists() { bytes_to_path(&unescape(path)) } else { plain }
}

/// Opens a path as it stands in a table; where no such file exists, `%XX` is taken for the byte it stands for.
///
/// # Errors
/// The file cannot be opened either way.
pub(super) fn open_escaped(path: &str) -> io::Result<File> {
    let path = local(path);
    match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound && path.contains('%') => {
            File::open(bytes_to_path(&unescape(path))).map_err(|_| e)
        }
        result => result,
    }
}

/// Bytes as text: what is not UTF-8 becomes `%XX`, so that every name can stand in a table.
pub(crate) fn escape_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

pub(super) fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    out
}

pub(super) fn bytes_to_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// The path of a URI of this machine's files, which file managers and Daft write; its `%XX` are those of paths here.
pub(super) fn local(path: &str) -> &str {
    let rest = path.strip_prefix("file://").map(|rest| rest.strip_prefix("localhost").unwrap_or(rest));
    rest.filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

pub(crate) fn has_image_extension(name: &OsStr) -> bool {
    Kind::Pictures.is_of(name)
}
