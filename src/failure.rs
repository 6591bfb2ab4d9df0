//! Why something could not be done, and what to do about it: what every stage gives back in the place of a result.
//!
//! Modules have errors of their own, of which programs can tell one from another; here they become one type that knows
//! whose fault it is and what would mend it. It knows no exit codes: a door decides what it does with a failure.

use std::fmt;

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What is asked for makes no sense, whatever the data.
    Usage,
    /// Data, a file, a model or the system.
    Failed,
    /// Whoever asked wanted it no longer: [`Progress::is_cancelled`](crate::progress::Progress::is_cancelled).
    Cancelled,
}

/// Why something failed, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    /// Whose fault it is; a door makes its exit code or status of it.
    pub kind: Kind,
    /// Commands that one can paste, or sentences.
    pub hints: Vec<String>,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}

impl Failure {
    /// What is asked for makes no sense.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure { kind: Kind::Usage, hints: vec![hint.into()], source: message.into().into() }
    }

    /// Something else went wrong.
    pub fn failed(message: impl Into<String>, hint: Option<String>) -> Failure {
        Failure { kind: Kind::Failed, hints: hint.into_iter().collect(), source: message.into().into() }
    }

    /// It was given up half-way, as was wished.
    pub fn cancelled() -> Failure {
        Failure { kind: Kind::Cancelled, hints: Vec::new(), source: "cancelled".into() }
    }

    /// The error of a module, where it is one of this type.
    pub fn cause<E: std::error::Error + 'static>(&self) -> Option<&E> {
        self.source.downcast_ref()
    }
}

/// An error of a module that knows what the user can do about it.
pub trait Hinted: std::error::Error + Send + Sync + 'static {
    /// A command that one can paste, or a sentence.
    fn hint(&self) -> Option<String>;

    /// Whether it is the question that makes no sense, and not the data.
    fn is_usage(&self) -> bool {
        false
    }
}

impl<E: Hinted> From<E> for Failure {
    fn from(error: E) -> Failure {
        let kind = if error.is_usage() { Kind::Usage } else { Kind::Failed };
        Failure { kind, hints: error.hint().into_iter().collect(), source: Box::new(error) }
    }
}

/// Makes an error with a method `hint`, and perhaps one `is_usage`, one that becomes a [`Failure`].
macro_rules! hinted {
    ($error:ty $(, $is_usage:ident)?) => {
        impl $crate::failure::Hinted for $error {
            fn hint(&self) -> Option<String> {
                <$error>::hint(self)
            }
            $(
                fn is_usage(&self) -> bool {
                    <$error>::$is_usage(self)
                }
            )?
        }
    };
}
pub(crate) use hinted;

impl From<rayon::ThreadPoolBuildError> for Failure {
    fn from(error: rayon::ThreadPoolBuildError) -> Failure {
        Failure::failed(error.to_string(), Some("use fewer threads: -j 1".into()))
    }
}
