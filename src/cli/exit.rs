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

impl Exit {
    /// All ends, and what they mean.
    pub(super) const ALL: [(Exit, &str); 5] = [
        (Exit::Done, "done"),
        (Exit::Failed, "failed: data, a file, a model or the system"),
        (Exit::Usage, "wrong usage: what was asked for makes no sense, whatever the data"),
        (Exit::Skipped, "done, but inputs were skipped"),
        (Exit::Found, "check found something wrong with a data set"),
    ];
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
