//! Where bytes come from: standard input, pipes, files; spooled to disk only where they must be seekable.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::Error;
use super::store::{self, Address, Object};

/// What a name leads to.
pub(crate) enum Input {
    Folder,
    /// A file or an object, which can be read at any place.
    File(At),
    /// Standard input, a named pipe, `<(…)`: can be read once, from its beginning.
    Pipe(Box<dyn Read + Send>),
}

/// Opens a file, a pipe, or `-`, and waits for who writes to a pipe: for what somebody named, not for what was found in a
/// folder.
///
/// # Errors
/// It does not exist or cannot be read; standard input is a terminal.
pub(crate) fn open(path: &Path) -> Result<Input, Error> {
    if path == Path::new("-") {
        return match io::stdin().is_terminal() {
            true => Err(Error::StdinIsTerminal),
            false => Ok(Input::Pipe(Box::new(io::stdin()))),
        };
    }
    let read = |source| Error::Read { path: path.to_path_buf(), source };
    if let Some(address) = Address::of(path) {
        if address.is_folder() {
            return Ok(Input::Folder);
        }
        return match Object::open(&address) {
            // Nothing has this name, and something may lie below it.
            Err(e) if e.kind() == io::ErrorKind::NotFound && store::is_prefix(&address) => Ok(Input::Folder),
            object => Ok(Input::File(At::of(object.map_err(read)?))),
        };
    }
    let about = std::fs::metadata(path).map_err(read)?;
    if about.is_dir() {
        return Ok(Input::Folder);
    }
    let file = File::open(path).map_err(read)?;
    match about.is_file() {
        true => At::new(file).map(Input::File).map_err(read),
        false => Ok(Input::Pipe(Box::new(file))),
    }
}

/// Opens a file that was found in a folder or named by one: a pipe or a device there, which could be waited for for ever,
/// is none.
///
/// # Errors
/// It cannot be opened, or is no regular file.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    match std::fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(io::Error::other("not a regular file")),
    }
}

/// As a file, whatever it is: a pipe is copied to an unlinked one.
///
/// # Errors
/// It cannot be read, or is a folder; there is no room in `TMPDIR`.
pub(crate) fn seekable(path: &Path) -> Result<File, Error> {
    match open(path)? {
        Input::File(At { bytes: Bytes::File(file), .. }) => {
            file.try_clone().map_err(|source| Error::Read { path: path.into(), source })
        }
        Input::File(object) => spool(object),
        Input::Pipe(pipe) => spool(pipe),
        Input::Folder => {
            Err(Error::Read { path: path.to_path_buf(), source: io::Error::from(io::ErrorKind::IsADirectory) })
        }
    }
}

/// Reads a text file, or `-`, as a person's editor wrote it: a byte order mark is no part of the text, and UTF-16 with
/// such a mark is text too.
///
/// # Errors
/// It cannot be read, is a folder, or no text.
pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    text_of(path, seekable(path)?)
}

/// As [`read_text`], of a file that was opened; `path` is what to call it.
///
/// # Errors
/// It cannot be read, or is no text.
pub(crate) fn text_of(path: &Path, mut file: File) -> Result<String, Error> {
    let read = |source| Error::Read { path: path.to_path_buf(), source };
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(read)?;
    if let Some(what) = no_text(&bytes) {
        return Err(read(io::Error::other(what)));
    }
    decode(bytes).map_err(|problem| read(io::Error::new(io::ErrorKind::InvalidData, problem)))
}

/// What bytes are that no recoding makes a text.
pub(super) fn no_text(start: &[u8]) -> Option<&'static str> {
    match start {
        [b'P', b'A', b'R', b'1', ..] => Some("is a Parquet table, and a text was expected"),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Some("is an Arrow table, and a text was expected"),
        [b'P', b'K', 3, 4, ..] => Some("is a ZIP archive (.npz, .xlsx, …), and a text was expected"),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Some("is compressed, and a text was expected: `gunzip` or `unzstd` unfolds it")
        }
        _ => None,
    }
}

/// The text of a file's bytes.
///
/// # Errors
/// They are no text.
pub(crate) fn decode(bytes: Vec<u8>) -> Result<String, &'static str> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes[2..].as_chunks::<2>();
        let text = String::from_utf16(&pairs.iter().map(|&pair| unit(pair)).collect::<Vec<_>>());
        text.ok().filter(|_| rest.is_empty()).ok_or("is no sound UTF-16")
    };
    match bytes.as_slice() {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            std::str::from_utf8(rest).map(str::to_string).map_err(|_| "is no text in UTF-8")
        }
        _ => String::from_utf8(bytes).map_err(|_| "is no text in UTF-8"),
    }
}

/// Copies a stream to an unlinked temporary file.
///
/// # Errors
/// The stream breaks, or there is no room in `TMPDIR`.
pub(crate) fn spool(mut input: impl Read) -> Result<File, Error> {
    let mut spool = || {
        let mut file = tempfile::tempfile()?;
        io::copy(&mut input, &mut file)?;
        file.rewind()?;
        Ok(file)
    };
    spool().map_err(Error::temporary)
}

/// A file, or an object of a bucket, that several may read at once, each from a place of its own.
#[derive(Debug, Clone)]
pub(crate) struct At {
    bytes: Bytes,
    place: u64,
    length: u64,
}

#[derive(Debug, Clone)]
enum Bytes {
    File(Arc<File>),
    Object(Object),
    /// Part of the program.
    Own(&'static [u8]),
}

impl At {
    /// What is part of the program.
    pub(crate) fn own(bytes: &'static [u8]) -> At {
        At { bytes: Bytes::Own(bytes), place: 0, length: bytes.len() as u64 }
    }

    fn of(object: Object) -> At {
        At { place: 0, length: object.len(), bytes: Bytes::Object(object) }
    }

    /// # Errors
    /// Its length cannot be found out.
    pub(crate) fn new(file: File) -> io::Result<At> {
        let length = file.metadata()?.len();
        Ok(At { bytes: Bytes::File(Arc::new(file)), place: 0, length })
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// A reader that begins at this place.
    pub(crate) fn from(&self, place: u64) -> At {
        At { place, ..self.clone() }
    }

    /// So many bytes, or fewer where the file ends.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn part(&self, place: u64, length: usize) -> io::Result<Vec<u8>> {
        if let Bytes::Object(object) = &self.bytes {
            return object.part(place, length as u64);
        }
        let there = usize::try_from(self.length.saturating_sub(place)).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(length.min(there));
        self.from(place).take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// As [`At::part`]; what is in memory is not copied.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn shared(&self, place: u64, length: usize) -> io::Result<bytes::Bytes> {
        match &self.bytes {
            Bytes::Own(bytes) => Ok(bytes::Bytes::from_static(part_of(bytes, place, length))),
            _ => self.part(place, length).map(Into::into),
        }
    }
}

/// So many bytes from a place on, or fewer where they end.
fn part_of(bytes: &[u8], place: u64, length: usize) -> &[u8] {
    let rest = usize::try_from(place).ok().and_then(|place| bytes.get(place..)).unwrap_or_default();
    &rest[..length.min(rest.len())]
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &self.bytes {
            Bytes::File(file) => file.read_at(buffer, self.place)?,
            Bytes::Object(object) => object.read_at(buffer, self.place)?,
            Bytes::Own(bytes) => part_of(bytes, self.place, buffer.len()).read(buffer)?,
        };
        self.place += read as u64;
        Ok(read)
    }
}

impl Seek for At {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.place.checked_add_signed(offset),
        };
        self.place = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lose_their_byte_order_mark() {
        for bytes in [&b"id:25\n"[..], b"\xef\xbb\xbfid:25\n", b"\xff\xfei\0d\0:\x002\x005\0\n\0"] {
            assert_eq!(decode(bytes.to_vec()).as_deref(), Ok("id:25\n"));
        }
        assert_eq!(decode(b"\xfe\xff\0a\0b".to_vec()).as_deref(), Ok("ab"));
        for bytes in [&b"\xff\xfea"[..], b"\xff\xfe\0\xd8", b"\x89PNG"] {
            assert!(decode(bytes.to_vec()).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn readers_of_one_file_have_places_of_their_own() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        io::Write::write_all(&mut file, b"0123456789").expect("writable");
        let at = At::new(file).expect("a file");
        let (mut a, mut b) = (at.from(2), at.from(7));
        let mut two = [0; 2];
        a.read_exact(&mut two).expect("there");
        assert_eq!(&two, b"23");
        b.read_exact(&mut two).expect("there");
        assert_eq!(&two, b"78");
        a.read_exact(&mut two).expect("there");
        assert_eq!(&two, b"45");
        assert_eq!(at.part(8, 1 << 40).expect("there"), b"89");
    }
}
