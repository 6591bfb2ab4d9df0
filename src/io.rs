//! Bytes in and out of the process, modelled once.
//!
//! Hides: what `-` means, what lies in a bucket and not on a disk, where a pipe that must be seekable is spooled, how a file appears whole or not at all,
//! what a run may touch in a folder that it writes, and how a folder becomes a sorted list of image files. Promises: a
//! [`Sink`] that is dropped, or a process that is interrupted, leaves no half-written file behind; a [`Folder`] replaces
//! and removes nothing but what it made; a [`Listing`] has the same order on every machine.

mod archive;
mod folder;
mod kind;
mod listing;
mod map;
mod part;
mod paths;
mod program;
mod shown;
mod sink;
mod spool;
mod store;

pub use folder::Digest;
pub(crate) use folder::{Folder, JOURNAL, Record, Within, lies_below};
pub use kind::Kind;
pub(crate) use listing::{Entry, Listing};
pub(crate) use map::{map, map_file};
pub(crate) use part::keep_attributes;
pub(crate) use paths::{
    escape_bytes, exists, find_image, has_image_extension as is_picture_name, local_file, read_image, table_path,
};
pub(crate) use program::{Program, end};
pub(crate) use shown::{cell, printable};
pub use sink::{Sink, Target};
pub(crate) use sink::{abandon_unfinished, reader_closed, write_file};
pub(crate) use spool::{At, Input, decode, open, open_file, read_text, seekable, spool, text_of};
pub(crate) use store::{Shelf, is_address, keep_pictures, matching, root_certificates, sayable};

use std::path::{Path, PathBuf};

use spool::no_text;

/// What can go wrong between the process and the file system.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
pub enum Error {
    /// A file or folder could not be opened or read.
    #[error("{}: cannot read: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// A file could not be created, written or renamed.
    #[error("{}: cannot write: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    /// Standard input broke, or there was no room to spool it.
    #[error("standard input: {0}")]
    Stdin(std::io::Error),
    /// A table that must be read twice, or from its end, found no room on the disk.
    #[error("temporary file in {}: {source}", std::env::temp_dir().display())]
    Temporary { source: std::io::Error },
    /// Standard output broke for another reason than a reader that went away.
    #[error("standard output: {0}")]
    Stdout(std::io::Error),
    /// Binary data would have been written to a terminal.
    #[error("standard output: refusing to write a binary table to a terminal")]
    BinaryToTerminal,
    /// Standard input is a terminal, so nobody is going to send a table.
    #[error("standard input: is a terminal, and a table or a list of paths was expected")]
    StdinIsTerminal,
    /// Two files would get the same key.
    #[error("{key}: two files would get this key: {} and {}", first.display(), second.display())]
    DuplicateKey { key: String, first: PathBuf, second: PathBuf },
    /// Files in a folder that is to be written, at names that are wanted, or anywhere.
    #[error("{}: holds files that no earlier run made, or that were changed since: {}{}", folder.display(),
        files.join(", "), if *more > 0 { format!(" and {more} more") } else { String::new() })]
    Foreign {
        folder: PathBuf,
        files: Vec<String>,
        /// So many are not named.
        more: usize,
        /// Whether the command has a flag `--force`.
        force: bool,
    },
    /// An input could be overwritten before it is read, or be what an earlier run wrote.
    #[error("{}: lies in the folder that is being written", path.display())]
    InputInside { path: PathBuf },
    /// A link in a folder that is written leads anywhere.
    #[error("{}: is a link, and below a folder that is written none is followed", path.display())]
    Link { path: PathBuf },
    /// A file's name would leave its folder.
    #[error("{file}: would be written outside the folder")]
    Outside { file: String },
    /// Two runs write one folder.
    #[error("{}: another run is writing here", folder.display())]
    Busy { folder: PathBuf },
    /// A line of a list of paths is empty or names a folder.
    #[error("{path}: {problem}")]
    BadListEntry { path: String, problem: &'static str },
}

crate::failure::hinted!(Error);

impl Error {
    /// A failure of a temporary file.
    pub(crate) fn temporary(source: std::io::Error) -> Error {
        Error::Temporary { source }
    }

    /// What the user can do about it, as a command to paste or a sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Read { path, source } if source.kind() == std::io::ErrorKind::NotFound => Some(what_is_there(path)),
            Error::Read { path, source } if source.kind() == std::io::ErrorKind::IsADirectory => {
                Some(format!("a table is needed: pokedex embed {} -o embeddings.parquet", path.display()))
            }
            Error::Write { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = folder.map_or("FOLDER".into(), |folder| folder.display().to_string());
                Some(format!("create the folder first: mkdir -p {folder}"))
            }
            Error::Write { path, source }
                if source.kind() == std::io::ErrorKind::PermissionDenied && path.is_file() =>
            {
                Some(format!(
                    "it is write-protected, or its folder is: choose another name, or chmod u+w {}",
                    path.display()
                ))
            }
            Error::Write { source, .. } | Error::Stdout(source)
                if source.kind() == std::io::ErrorKind::FileTooLarge =>
            {
                Some(
                    "the shell or the system limits the size of files: `ulimit -f unlimited`, or write to another disk"
                        .into(),
                )
            }
            Error::Foreign { force: true, .. } => Some(
                "choose an empty folder, or --force: it replaces what is in the way, and removes nothing else".into(),
            ),
            Error::Foreign { .. } => Some("choose another folder, or move these files away".into()),
            Error::InputInside { .. } => Some("choose another folder".into()),
            Error::Link { .. } => Some("remove the link, or choose another folder with -o".into()),
            Error::Outside { .. } => Some("keys are relative paths without `..`; rename the row".into()),
            Error::Busy { .. } => Some("wait until it is done, or choose another folder with -o".into()),
            Error::BinaryToTerminal => Some(
                "write to a file with `-o FILE.parquet`, or look at it with `… | pokedex export - --format csv`".into(),
            ),
            Error::StdinIsTerminal => {
                Some("pipe something in: `find . -name '*.png' | pokedex scan - -o manifest.parquet`".into())
            }
            Error::DuplicateKey { .. } => {
                Some("give the folders separately named parents, or scan their common parent folder instead".into())
            }
            Error::Temporary { .. } => {
                Some("point TMPDIR at a disk with room, or use --stdout-format arrow in pipes".into())
            }
            Error::Write { source, .. } | Error::Stdout(source) if source.kind() == std::io::ErrorKind::StorageFull => {
                Some("free some space, or write to another disk".into())
            }
            Error::Read { source, .. } if source.kind() == std::io::ErrorKind::InvalidData => {
                Some("a text in UTF-8 is expected: `iconv -f LATIN1 -t UTF-8 FILE` converts others".into())
            }
            _ => None,
        }
    }
}

/// What helps who named a file that is not there: the first folder of its path that is missing, or a look around.
fn what_is_there(path: &Path) -> String {
    if is_address(path) {
        return "check the spelling, and AWS_ENDPOINT_URL where the bucket is not Amazon's".into();
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.and_then(|folder| folder.ancestors().filter(|f| !f.as_os_str().is_empty() && !f.exists()).last()) {
        Some(missing) => format!("there is no folder {}", missing.display()),
        None => format!("check the spelling: ls {}", folder.unwrap_or(Path::new(".")).display()),
    }
}
