//! Archives whose pictures are read where they lie: `.zip` and `.cbz`. A picture's path is the archive's and its name within.
//!
//! Nothing is unpacked to disk, and a name leads nowhere else.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use lru::LruCache;
use zip::ZipArchive;
use zip::result::ZipError;

use super::kind::{Kind, MAX_FILE};

/// So many archives are kept open.
const OPEN: NonZeroUsize = NonZeroUsize::new(8).expect("not zero");
/// No picture of more than this is packed so well.
const MOST_PACKED: (u64, u64) = (16 << 20, 200);

/// Those that were read last, each with what tells that it is still the same file.
static ARCHIVES: LazyLock<Mutex<LruCache<PathBuf, (Stamp, Archive)>>> =
    LazyLock::new(|| Mutex::new(LruCache::new(OPEN)));

type Archive = ZipArchive<Shared>;
/// Device, number, length and time of a file.
type Stamp = (u64, u64, u64, i64, i64);

/// A file that several read at once, each from its own place.
#[derive(Clone)]
struct Shared {
    file: Arc<File>,
    at: u64,
    length: u64,
}

impl Read for Shared {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(by) => (self.length, by),
            SeekFrom::Current(by) => (self.at, by),
        };
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "before the file's beginning");
        self.at = from.checked_add_signed(by).ok_or_else(before)?;
        Ok(self.at)
    }
}

/// Whether a file is an archive, by its first bytes.
pub(super) fn is_archive(path: &Path) -> bool {
    let mut start = [0; 4];
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut start, 0));
    read.is_ok() && (start == *b"PK\x03\x04" || start == *b"PK\x05\x06")
}

/// The names of an archive's pictures in bytewise order, and how many of its files lie outside of it.
///
/// # Errors
/// It cannot be read.
pub(super) fn pictures(path: &Path) -> io::Result<(Vec<String>, u64)> {
    let archive = open(path)?;
    let mut outside = 0;
    let mut names: Vec<String> = Vec::new();
    for name in archive.file_names() {
        let name = name.map_err(problem)?;
        let path = Path::new(&*name);
        let is_hidden = name.split('/').any(|part| part.starts_with('.') && part.len() > 1 || part == "__MACOSX");
        if !Kind::Pictures.is_of(path.as_os_str()) || is_hidden && !name.contains("..") {
            continue;
        }
        match path.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
            true => names.push(name.to_string()),
            false => outside += 1,
        }
    }
    names.sort_unstable();
    Ok((names, outside))
}

/// Whether a path leads into an archive.
pub(super) fn is_inside(path: &str) -> bool {
    split(path).is_some()
}

/// The bytes of a picture inside an archive; `None`: the path does not lead into one.
pub(super) fn read(path: &str) -> Option<io::Result<Vec<u8>>> {
    let (archive, name) = split(path)?;
    Some(read_member(&archive, name))
}

/// The archive of a path, and the name within.
fn split(path: &str) -> Option<(PathBuf, &str)> {
    // The system says so where what should be a folder is a file.
    if !matches!(std::fs::metadata(path), Err(e) if e.kind() == io::ErrorKind::NotADirectory) {
        return None;
    }
    let ends = path.match_indices('/').map(|(at, _)| at);
    let (archive, name) = ends.map(|at| (&path[..at], &path[at + 1..])).find(|(file, _)| Path::new(file).is_file())?;
    is_archive(Path::new(archive)).then(|| (archive.into(), name))
}

fn read_member(path: &Path, name: &str) -> io::Result<Vec<u8>> {
    let mut archive = open(path)?;
    let mut member = archive.by_name(name).map_err(problem)?;
    let (size, packed) = (member.size(), member.compressed_size());
    if size > MAX_FILE {
        return Err(io::Error::other(format!("{} MB are too much for an image", size / 1_000_000)));
    }
    if size > MOST_PACKED.0 && size / MOST_PACKED.1 > packed {
        return Err(io::Error::other(format!(
            "it unpacks to {} times its size, as no picture does",
            size / packed.max(1)
        )));
    }
    // What it says of its size need not be true.
    let mut bytes = Vec::with_capacity(size.min(MOST_PACKED.0) as usize);
    member.by_ref().take(size + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != size {
        return Err(io::Error::other("it does not unpack to the size that its archive says"));
    }
    Ok(bytes)
}

/// Opens an archive, or takes it from those that are open; a copy shares what was read of it.
fn open(path: &Path) -> io::Result<Archive> {
    let about = std::fs::metadata(path)?;
    let stamp = (about.dev(), about.ino(), about.len(), about.mtime(), about.mtime_nsec());
    let mut archives = ARCHIVES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known, archive)) = archives.get(path)
        && *known == stamp
    {
        return Ok(archive.clone());
    }
    let file = Arc::new(File::open(path)?);
    let archive = ZipArchive::new(Shared { file, at: 0, length: about.len() }).map_err(problem)?;
    archives.put(path.into(), (stamp, archive.clone()));
    Ok(archive)
}

/// What the archive's reader says, in our words.
fn problem(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(e) => e,
        ZipError::FileNotFound => io::Error::new(io::ErrorKind::NotFound, "it is not in the archive"),
        ZipError::UnsupportedArchive(what) => io::Error::other(format!("the archive cannot be read: {what}")),
        other => io::Error::other(format!("the archive is damaged: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(folder: &Path, files: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.join("a.zip");
        let mut writer = ZipWriter::new(File::create(&path).expect("writable"));
        for (name, bytes) in files {
            writer.start_file(*name, SimpleFileOptions::default()).expect("a name");
            writer.write_all(bytes).expect("written");
        }
        writer.finish().expect("finished");
        path
    }

    #[test]
    fn pictures_are_listed_and_read_in_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files: [(&str, &[u8]); 7] = [
            ("b/two.PNG", b"two"),
            ("a.jpg", b"one"),
            ("notes.txt", b"none"),
            ("__MACOSX/._a.jpg", b"none"),
            (".hidden/c.png", b"none"),
            ("../out.png", b"none"),
            ("empty.png", b""),
        ];
        let path = archive(folder.path(), &files);
        assert!(is_archive(&path));
        assert_eq!(pictures(&path).expect("read"), (vec!["a.jpg".into(), "b/two.PNG".into(), "empty.png".into()], 1));
        let inside = |name: &str| read(&format!("{}/{name}", path.display()));
        assert_eq!(inside("b/two.PNG").expect("inside").expect("read"), b"two");
        assert_eq!(inside("none.png").expect("inside").expect_err("missing").kind(), io::ErrorKind::NotFound);
        assert!(read(&folder.path().join("c.zip/a.jpg").display().to_string()).is_none(), "there is no such file");
        // Another archive of the same name is another archive.
        archive(folder.path(), &[("a.jpg", b"changed")]);
        assert_eq!(inside("a.jpg").expect("inside").expect("read"), b"changed");
    }

    #[test]
    fn bombs_are_refused_before_there_is_room_for_them() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = archive(folder.path(), &[("bomb.png", &vec![0; 20 << 20])]);
        let error = read(&format!("{}/bomb.png", path.display())).expect("inside").expect_err("a bomb").to_string();
        assert!(
            error.starts_with("it unpacks to ") && error.ends_with(" times its size, as no picture does"),
            "{error}"
        );
        // Cut short, or with other bytes anywhere, it is an error or a picture.
        let path = archive(folder.path(), &[("a.png", b"some bytes of a picture"), ("b.png", b"some more")]);
        let whole = std::fs::read(&path).expect("read");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            std::fs::write(&path, if at % 2 == 0 { &bytes[..] } else { &whole[..at] }).expect("written");
            if let Ok((names, _)) = pictures(&path) {
                for name in names {
                    let _ = read(&format!("{}/{name}", path.display()));
                }
            }
        }
    }
}
