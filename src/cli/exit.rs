//! How a command ends, for the shell.

use std::process::ExitCode;

use crate::failure::Kind;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    /// Done, but inputs were skipped.
    Skipped = 3,
    /// Something is wrong with a data set.
    Found = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Exit {
        match kind {
            Kind::Usage => Exit::Usage,
            Kind::Failed | Kind::Cancelled => Exit::Failed,
        }
    }
}

impl Exit {
    /// After an answer of the parser of the command line.
    pub(super) fn from_clap(error: &clap::Error) -> Exit {
        if error.use_stderr() { Exit::Usage } else { Exit::Done }
    }
}
