//! Outputs that appear whole or not at all.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};

use super::shown::Shown;
use super::store::{self, Address, Upload};
use super::{Error, part};

const BUFFER: usize = 1 << 16;

/// Where a stage's output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file, which appears when it is whole.
    File(PathBuf),
    /// A folder.
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
pub(crate) fn abandon_unfinished() {
    let unfinished = UNFINISHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for path in unfinished.iter() {
        let _ = std::fs::remove_file(path);
    }
    store::abandon();
    super::program::abandon();
    std::mem::forget(unfinished);
}

/// Whether the reader of standard output has gone away (`| head`), which is no failure.
pub(crate) fn reader_closed() -> bool {
    READER_CLOSED.load(Ordering::Relaxed)
}

/// A stream of bytes to standard output or to a file that gets its name only in [`Sink::finish`].
pub struct Sink(Inner);

enum Inner {
    Stdout(BufWriter<io::Stdout>),
    Terminal(BufWriter<Shown<io::Stdout>>),
    File(Output),
    /// An object of a bucket, and its address.
    Object(Upload, PathBuf),
}

/// A file that is being written.
struct Output {
    writer: BufWriter<File>,
    /// What it is called until it is whole; `None` for a pipe or a device.
    part: Option<tempfile::TempPath>,
    path: PathBuf,
    /// The file that it will replace.
    old: Option<File>,
    seal: Option<Box<Seal>>,
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
    /// Opens the output before any work is done, so that a wrong path costs nothing. Text on a terminal is shown
    /// [`super::printable`].
    ///
    /// # Errors
    /// The folder is missing or not writable, or (`binary`) standard output is a terminal.
    pub fn open(target: &Target, binary: bool) -> Result<Sink, Error> {
        match target {
            Target::Stdout if binary && io::stdout().is_terminal() => Err(Error::BinaryToTerminal),
            Target::Stdout if io::stdout().is_terminal() => {
                Ok(Sink(Inner::Terminal(BufWriter::with_capacity(BUFFER, Shown::new(io::stdout())))))
            }
            Target::Stdout => Ok(Sink::drawing()),
            Target::File(path) => Sink::create(path),
            Target::Directory(path) => Err(is_a_folder(path)),
        }
    }

    /// Standard output for what drives a terminal on purpose.
    pub(crate) fn drawing() -> Sink {
        Sink(Inner::Stdout(BufWriter::with_capacity(BUFFER, io::stdout())))
    }

    /// Opens a file beside `path` that [`Sink::finish`] renames to `path`. What earlier processes that were killed have
    /// left of their files in that folder goes away.
    ///
    /// # Errors
    /// The folder is missing or not writable, or `path` is a folder or write-protected.
    pub fn create(path: &Path) -> Result<Sink, Error> {
        let fail = |source| Error::Write { path: path.to_path_buf(), source };
        if let Some(address) = Address::of(path) {
            return Ok(Sink(Inner::Object(Upload::start(&address).map_err(fail)?, path.into())));
        }
        // Through a link to the file it names; into a pipe or a device at once, since it cannot be replaced.
        let path = &match path.canonicalize() {
            Ok(path) => path,
            // A link to a file that is not there yet makes it; one that leads in circles leads nowhere.
            Err(problem) if path.is_symlink() => {
                let to = path.parent().unwrap_or(Path::new("")).join(std::fs::read_link(path).map_err(fail)?);
                if to.is_symlink() {
                    return Err(fail(problem));
                }
                to
            }
            Err(_) => path.to_path_buf(),
        };
        let there = std::fs::metadata(path).ok();
        if there.as_ref().is_some_and(std::fs::Metadata::is_dir) {
            return Err(is_a_folder(path));
        }
        if there.as_ref().is_some_and(|there| !there.is_file()) {
            let file = File::options().write(true).open(path).map_err(fail)?;
            let writer = BufWriter::with_capacity(BUFFER, file);
            return Ok(Sink(Inner::File(Output { writer, part: None, path: path.clone(), old: None, seal: None })));
        }
        // A file that must not be written must not be replaced either. Opened to append, it stays as it is.
        let old = there.map(|_| File::options().append(true).open(path)).transpose().map_err(fail)?;
        let name = path.file_name().ok_or_else(|| fail(io::Error::other("has no file name")))?;
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        part::remove_abandoned(folder);
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (file, part) = part::create(folder, name, old.is_some()).map_err(fail)?;
        unfinished.insert(part.to_path_buf());
        let writer = BufWriter::with_capacity(BUFFER, file);
        Ok(Sink(Inner::File(Output { writer, part: Some(part), path: path.clone(), old, seal: None })))
    }

    /// Opens the new file `part`, which [`Sink::finish`] renames to `path`, replacing what is there, be it a link, and giving
    /// it the mode, owner and attributes of `old`.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(super) fn staged(part: PathBuf, path: &Path, old: Option<File>, seal: Option<Seal>) -> Result<Sink, Error> {
        let fail = |source| Error::Write { path: path.to_path_buf(), source };
        let mode = if old.is_some() { 0o600 } else { 0o666 };
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let file = File::options().read(true).write(true).create_new(true).mode(mode).open(&part).map_err(fail)?;
        let part = tempfile::TempPath::try_from_path(&part).map_err(fail)?;
        unfinished.insert(part.to_path_buf());
        let writer = BufWriter::with_capacity(BUFFER, file);
        Ok(Sink(Inner::File(Output { writer, part: Some(part), path: path.into(), old, seal: seal.map(Box::new) })))
    }

    /// What an error of writing here is called.
    pub(crate) fn failure(&self) -> impl Fn(io::Error) -> Error + use<> {
        let path = match &self.0 {
            Inner::File(output) => Some(output.path.clone()),
            Inner::Object(_, path) => Some(path.clone()),
            Inner::Stdout(_) | Inner::Terminal(_) => None,
        };
        move |source| match &path {
            Some(path) => Error::Write { path: path.clone(), source },
            None => Error::Stdout(source),
        }
    }

    /// Hands the last bytes to the system: what can fail for want of room has failed after this.
    ///
    /// # Errors
    /// They could not be written.
    fn complete(&mut self) -> Result<(), Error> {
        let failed = self.failure();
        self.flush().map_err(failed)
    }

    /// Flushes, and gives a file its name: from here on, and not before, the output exists. It has the mode and owner
    /// of the file that it replaces.
    ///
    /// # Errors
    /// The last bytes could not be written (a full disk), or the rename failed.
    pub fn finish(self) -> Result<(), Error> {
        Sink::finish_all([self])
    }

    /// As [`Sink::finish`], of files that belong together: none gets its name before all are whole, and the last is named
    /// last.
    ///
    /// # Errors
    /// As [`Sink::finish`].
    pub fn finish_all(sinks: impl IntoIterator<Item = Sink>) -> Result<(), Error> {
        let mut sinks: Vec<Sink> = sinks.into_iter().collect();
        sinks.iter_mut().try_for_each(Sink::complete)?;
        // Held to the end, so that an interrupt finds either all named or none.
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for sink in &mut sinks {
            if let Inner::Object(upload, path) = &mut sink.0 {
                upload.finish().map_err(|source| Error::Write { path: path.clone(), source })?;
            }
            let Inner::File(Output { writer, part, path, old, seal }) = &mut sink.0 else { continue };
            let Some(part) = part.take() else { continue };
            let fail = |source| Error::Write { path: path.clone(), source };
            if let Some(old) = old {
                part::keep_attributes(old, writer.get_ref()).map_err(fail)?;
            }
            if let Some(seal) = seal.take() {
                (seal.tell)(*seal.hasher.finalize().as_bytes())?;
            }
            unfinished.remove(&*part);
            part.persist(&*path).map_err(|e| fail(e.error))?;
        }
        Ok(())
    }

    /// Maps what was written so far, to be read before the file has its name.
    ///
    /// # Errors
    /// It is standard output, a pipe, or cannot be read.
    pub(crate) fn map(&mut self) -> Result<bytes::Bytes, Error> {
        self.complete()?;
        match &self.0 {
            Inner::File(Output { writer, path, .. }) => {
                super::map_file(writer.get_ref()).map_err(|source| Error::Read { path: path.clone(), source })
            }
            Inner::Object(_, path) => {
                Err(Error::Read { path: path.clone(), source: io::ErrorKind::Unsupported.into() })
            }
            Inner::Stdout(_) | Inner::Terminal(_) => Err(Error::Stdout(io::ErrorKind::Unsupported.into())),
        }
    }

    /// What to call this output in a message.
    pub fn name(&self) -> String {
        match &self.0 {
            Inner::Stdout(_) | Inner::Terminal(_) => "standard output".into(),
            Inner::File(output) => output.path.display().to_string(),
            Inner::Object(_, path) => path.display().to_string(),
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Inner::File(Output { part: Some(part), .. }) = &self.0 {
            // The lock is never given back once the process is about to end; the file is removed all the same.
            if let Ok(mut unfinished) = UNFINISHED.try_lock() {
                unfinished.remove(&**part);
            }
        }
    }
}

fn is_a_folder(path: &Path) -> Error {
    let source = io::Error::new(io::ErrorKind::IsADirectory, "is a folder, and a file was expected");
    Error::Write { path: path.to_path_buf(), source }
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
            Inner::Terminal(writer) => writer.write(bytes).map_err(note_closed),
            Inner::File(Output { writer, seal, .. }) => {
                let written = writer.write(bytes)?;
                if let Some(seal) = seal {
                    seal.hasher.update(&bytes[..written]);
                }
                Ok(written)
            }
            Inner::Object(upload, _) => upload.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Inner::Stdout(writer) => writer.flush().map_err(note_closed),
            Inner::Terminal(writer) => writer.flush().map_err(note_closed),
            Inner::File(output) => output.writer.flush(),
            Inner::Object(upload, _) => upload.flush(),
        }
    }
}

/// Writes a whole file so that it appears at once, making missing folders.
///
/// # Errors
/// The folder cannot be made or the file cannot be written.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
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
