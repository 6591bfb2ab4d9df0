//! One failure type at the edge, which knows its exit code.

use std::fmt;
use std::process::ExitCode;

use crate::{augment, convert, embed, export, filter, head, index, io, model, runs, table};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
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

impl Exit {
    pub fn from_clap(error: &clap::Error) -> Exit {
        if error.use_stderr() { Exit::Usage } else { Exit::Done }
    }
}

/// Why a command failed and what to do about it.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub hints: Vec<String>,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Failure {
    /// The command line asks for something that makes no sense.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure { exit: Exit::Usage, hints: vec![hint.into()], source: message.into().into() }
    }

    /// Something else went wrong.
    pub fn failed(message: impl Into<String>, hint: Option<String>) -> Failure {
        Failure { exit: Exit::Failed, hints: hint.into_iter().collect(), source: message.into().into() }
    }
}

macro_rules! failed {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Failure {
                Failure { exit: Exit::Failed, hints: error.hint().into_iter().collect(), source: Box::new(error) }
            }
        }
    )*};
}

failed!(
    augment::Error,
    embed::Error,
    head::Error,
    io::Error,
    table::Error,
    model::Error,
    model::cache::Error,
    convert::Error,
    export::Error,
    runs::Error
);

impl From<index::Error> for Failure {
    fn from(error: index::Error) -> Failure {
        let exit = match error {
            index::Error::EmptyQuery | index::Error::BadTerm { .. } | index::Error::NullQuery => Exit::Usage,
            index::Error::Filter(ref error) if error.is_usage() => Exit::Usage,
            _ => Exit::Failed,
        };
        Failure { exit, hints: error.hint().into_iter().collect(), source: Box::new(error) }
    }
}

impl From<filter::Error> for Failure {
    fn from(error: filter::Error) -> Failure {
        let exit = if error.is_usage() { Exit::Usage } else { Exit::Failed };
        Failure { exit, hints: error.hint().into_iter().collect(), source: Box::new(error) }
    }
}

impl From<rayon::ThreadPoolBuildError> for Failure {
    fn from(error: rayon::ThreadPoolBuildError) -> Failure {
        Failure::failed(error.to_string(), Some("use fewer threads: -j 1".into()))
    }
}
