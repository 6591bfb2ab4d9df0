//! Why a database cannot be used, and whether a new one ends it.

use std::io::ErrorKind;

use rusqlite::ErrorCode;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("there is no cache")]
    Missing,
    #[error("the cache is damaged")]
    Damaged,
    #[error("the cache is of another version of pokedex")]
    OtherVersion,
    #[error("this is no cache")]
    Foreign,
    #[error("other processes are using the cache")]
    InUse,
    #[error("{0}")]
    File(#[from] std::io::Error),
    #[error("{0}")]
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Problem {
        use ErrorCode::{
            DatabaseBusy, DatabaseCorrupt, DatabaseLocked, FileLockingProtocolFailed, NotADatabase, Unknown,
        };
        match error.sqlite_error_code() {
            // The unknown: a statement that does not fit the tables, or a header that makes no sense.
            Some(DatabaseCorrupt | NotADatabase | Unknown) => Problem::Damaged,
            Some(DatabaseBusy | DatabaseLocked | FileLockingProtocolFailed) => Problem::InUse,
            _ => Problem::Database(error),
        }
    }
}

impl Problem {
    /// Whether a new database ends it.
    pub(super) fn is_curable(&self) -> bool {
        matches!(self, Problem::Missing | Problem::Damaged | Problem::OtherVersion | Problem::Foreign)
    }

    /// Whether it comes of a folder in which this user may not write, or of a limit of nothing.
    pub(super) fn is_wanted(&self) -> bool {
        match self {
            Problem::Missing => true,
            Problem::File(e) => matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem),
            Problem::Database(e) => {
                use ErrorCode::{CannotOpen, PermissionDenied, ReadOnly};
                matches!(e.sqlite_error_code(), Some(CannotOpen | PermissionDenied | ReadOnly))
            }
            _ => false,
        }
    }
}
