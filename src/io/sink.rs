//! Outputs that appear whole or not at all.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};

use super::Error;

/// Where a stage's output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Stdout,
    File(PathBuf),
    Directory(PathBuf),
}

impl Target {
    /// `None` and `-` are standard output; a trailing `/` or an existing folder is a directory.
    pub fn parse(output: Option<&Path>) -> Target {
        match output {
            None => Target::Stdout,
            Some(path) if path == Path::new("-") => Target::Stdout,
            Some(path) if path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.is_dir() => {
                Target::Directory(path.to_path_buf())
            }
            Some(path) => Target::File(path.to_path_buf()),
        }
    }
}

/// Files that are being written and not yet renamed to their final names.
static UNFINISHED: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);
static READER_CLOSED: AtomicBool = AtomicBool::new(false);

/// Removes every unfinished output and keeps new ones from being made. Called just before a process ends that was
/// interrupted or failed while other threads may still be writing; the lock is never given back, so that nothing can be
/// created or renamed in between.
pub fn abandon_unfinished() {
    let unfinished = UNFINISHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for path in unfinished.iter() {
        let _ = std::fs::remove_file(path);
    }
    std::mem::forget(unfinished);
}

/// Whether the reader of standard output has gone away (`| head`), which is no failure.
pub fn reader_closed() -> bool {
    READER_CLOSED.load(Ordering::Relaxed)
}

/// A stream of bytes to standard output or to a file that gets its name only in [`Sink::finish`].
pub struct Sink(Inner);

enum Inner {
    Stdout(BufWriter<io::Stdout>),
    File {
        writer: Option<BufWriter<File>>,
        temporary: Option<tempfile::TempPath>,
        path: PathBuf,
        seal: Option<Box<Seal>>,
    },
}

type Told = Box<dyn FnOnce([u8; 32]) -> Result<(), Error> + Send>;

/// What is told of the bytes of a file, by their BLAKE3, before it gets its name.
pub(super) struct Seal {
    hasher: blake3::Hasher,
    tell: Told,
}

impl Seal {
    pub(super) fn new(tell: impl FnOnce([u8; 32]) -> Result<(), Error> + Send + 'static) -> Seal {
        Seal { hasher: blake3::Hasher::new(), tell: Box::new(tell) }
    }
}

impl Sink {
    /// Opens the output before any work is done, so that a wrong path costs nothing.
    ///
    /// # Errors
    /// The folder is missing or not writable, or (`binary`) standard output is a terminal.
    pub fn open(target: &Target, binary: bool) -> Result<Sink, Error> {
        match target {
            Target::Stdout if binary && io::stdout().is_terminal() => Err(Error::BinaryToTerminal),
            Target::Stdout => Ok(Sink(Inner::Stdout(BufWriter::with_capacity(1 << 16, io::stdout())))),
            Target::File(path) => Sink::create(path),
            Target::Directory(path) => {
                let source = io::Error::new(io::ErrorKind::IsADirectory, "is a folder, and a file was expected");
                Err(Error::Write { path: path.clone(), source })
            }
        }
    }

    /// Opens a file beside `path` that [`Sink::finish`] renames to `path`.
    ///
    /// # Errors
    /// The folder is missing or not writable.
    pub fn create(path: &Path) -> Result<Sink, Error> {
        let fail = |source| Error::Write { path: path.to_path_buf(), source };
        // Through a link to the file it names; into a pipe or a device at once, since it cannot be replaced.
        let path = &path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if std::fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
            let file = File::options().write(true).open(path).map_err(fail)?;
            let writer = Some(BufWriter::with_capacity(1 << 16, file));
            return Ok(Sink(Inner::File { writer, temporary: None, path: path.clone(), seal: None }));
        }
        let name = path.file_name().ok_or_else(|| fail(io::Error::other("has no file name")))?;
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // Long names are cut: with what is added they would be too long for the file system.
        let prefix = format!(".{}.", name.to_string_lossy().chars().take(40).collect::<String>());
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".part");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let temporary = builder.tempfile_in(folder).map_err(|e| fail(e.kind().into()))?;
        let (file, temporary) = temporary.into_parts();
        unfinished.insert(temporary.to_path_buf());
        let writer = Some(BufWriter::with_capacity(1 << 16, file));
        Ok(Sink(Inner::File { writer, temporary: Some(temporary), path: path.to_path_buf(), seal: None }))
    }

    /// Opens the new file `part`, which [`Sink::finish`] renames to `path`, replacing what is there, be it a link.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(super) fn staged(part: PathBuf, path: &Path, seal: Option<Seal>) -> Result<Sink, Error> {
        let fail = |source| Error::Write { path: path.to_path_buf(), source };
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let file = File::options().read(true).write(true).create_new(true).open(&part).map_err(fail)?;
        let temporary = tempfile::TempPath::try_from_path(&part).map_err(fail)?;
        unfinished.insert(temporary.to_path_buf());
        drop(unfinished);
        if let Some(old) = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file) {
            file.set_permissions(old.permissions()).map_err(fail)?;
        }
        let writer = Some(BufWriter::with_capacity(1 << 16, file));
        Ok(Sink(Inner::File { writer, temporary: Some(temporary), path: path.to_path_buf(), seal: seal.map(Box::new) }))
    }

    /// Flushes, and gives a file its name: from here on, and not before, the output exists.
    ///
    /// # Errors
    /// The last bytes could not be written (a full disk), or the rename failed.
    pub fn finish(mut self) -> Result<(), Error> {
        match &mut self.0 {
            Inner::Stdout(writer) => writer.flush().map_err(note_closed).map_err(Error::Stdout),
            Inner::File { writer, temporary, path, seal } => {
                let fail = |source| Error::Write { path: path.clone(), source };
                let writer = writer.take().expect("only finish takes the writer, and finish consumes the sink");
                writer.into_inner().map_err(|e| fail(e.into_error()))?;
                if let Some(seal) = seal.take() {
                    (seal.tell)(*seal.hasher.finalize().as_bytes())?;
                }
                let mut unfinished = UNFINISHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                let Some(temporary) = temporary.take() else { return Ok(()) };
                unfinished.remove(&*temporary);
                temporary.persist(&*path).map_err(|e| fail(e.error))
            }
        }
    }

    /// Maps what was written so far, to be read before the file has its name.
    ///
    /// # Errors
    /// It is standard output, a pipe, or cannot be read.
    pub fn map(&mut self) -> Result<bytes::Bytes, Error> {
        self.flush().map_err(|source| Error::Write { path: self.name().into(), source })?;
        match &self.0 {
            Inner::File { writer: Some(writer), path, .. } => {
                super::map_file(writer.get_ref()).map_err(|source| Error::Read { path: path.clone(), source })
            }
            _ => Err(Error::Stdout(io::ErrorKind::Unsupported.into())),
        }
    }

    /// What to call this output in a message.
    pub fn name(&self) -> String {
        match &self.0 {
            Inner::Stdout(_) => "standard output".into(),
            Inner::File { path, .. } => path.display().to_string(),
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Inner::File { temporary: Some(temporary), .. } = &self.0 {
            // The lock is never given back once the process is about to end; the file is removed all the same.
            if let Ok(mut unfinished) = UNFINISHED.try_lock() {
                unfinished.remove(&**temporary);
            }
        }
    }
}

fn note_closed(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        READER_CLOSED.store(true, Ordering::Relaxed);
    }
    error
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Inner::Stdout(writer) => writer.write(bytes).map_err(note_closed),
            Inner::File { writer, seal, .. } => {
                let written = writer.as_mut().expect("finish consumes the sink").write(bytes)?;
                if let Some(seal) = seal {
                    seal.hasher.update(&bytes[..written]);
                }
                Ok(written)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Inner::Stdout(writer) => writer.flush().map_err(note_closed),
            Inner::File { writer, .. } => writer.as_mut().expect("finish consumes the sink").flush(),
        }
    }
}

/// Writes a whole file so that it appears at once, making missing folders.
///
/// # Errors
/// The folder cannot be made or the file cannot be written.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fail = |source| Error::Write { path: path.to_path_buf(), source };
    let mut sink = match (Sink::create(path), path.parent()) {
        (Err(Error::Write { source, .. }), Some(folder)) if source.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(folder).map_err(fail)?;
            Sink::create(path)?
        }
        (sink, _) => sink?,
    };
    sink.write_all(bytes).map_err(fail)?;
    sink.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_that_is_dropped_leaves_nothing_and_keeps_the_old_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("out.txt");
        std::fs::write(&path, "old").expect("writable");
        let mut sink = Sink::create(&path).expect("writable");
        sink.write_all(b"half").expect("writable");
        drop(sink);
        assert_eq!(std::fs::read_to_string(&path).expect("readable"), "old");
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
    }

    #[test]
    fn a_finished_sink_replaces_the_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("out.txt");
        std::fs::write(&path, "old").expect("writable");
        let mut sink = Sink::create(&path).expect("writable");
        sink.write_all(b"new").expect("writable");
        sink.finish().expect("renamed");
        assert_eq!(std::fs::read_to_string(&path).expect("readable"), "new");
    }

    #[test]
    fn a_trailing_slash_or_an_existing_folder_is_a_directory() {
        assert_eq!(Target::parse(Some(Path::new("out/"))), Target::Directory("out/".into()));
        assert_eq!(Target::parse(Some(Path::new("."))), Target::Directory(".".into()));
        assert_eq!(Target::parse(Some(Path::new("-"))), Target::Stdout);
        assert_eq!(Target::parse(None), Target::Stdout);
        assert_eq!(Target::parse(Some(Path::new("out.parquet"))), Target::File("out.parquet".into()));
    }
}
