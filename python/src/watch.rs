//! Work without the interpreter's lock, watched from Python: what is said is logged, and Ctrl-C stops it.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use pokedex::progress::Progress;
use pokedex::{Failure, notes};
use pyo3::prelude::*;

use crate::failure::raise;

/// So often Python is asked whether somebody pressed Ctrl-C: its lock may be far away.
const ASK: Duration = Duration::from_millis(100);

/// Does some work without the lock.
///
/// # Errors
/// It fails, as an exception; or a signal's handler raised one meanwhile.
pub(crate) fn work<T: Send>(py: Python<'_>, work: impl FnOnce(&mut Watch) -> Result<T, Failure> + Send) -> PyResult<T> {
    let (result, interrupted) = py.detach(|| {
        let mut watch = Watch { asked: Cell::new(Instant::now()), interrupted: RefCell::new(None) };
        let result = work(&mut watch);
        for line in notes::take() {
            watch.warn(&line);
        }
        (result, watch.interrupted.into_inner())
    });
    match interrupted {
        Some(error) => Err(error),
        None => result.map_err(|failure| raise(py, failure)),
    }
}

/// Somebody in Python who watches a stage.
pub(crate) struct Watch {
    asked: Cell<Instant>,
    /// What a signal's handler raised.
    interrupted: RefCell<Option<PyErr>>,
}

impl Watch {
    fn log(&self, level: &str, message: &str) {
        Python::attach(|py| {
            let logger = py.import("logging").and_then(|logging| logging.call_method1("getLogger", ("pokedex",)));
            // A message that cannot be logged is no reason to fail.
            let _ = logger.and_then(|logger| logger.call_method1(level, ("%s", message)));
        });
    }
}

impl Progress for Watch {
    fn warn(&self, message: &str) {
        self.log("warning", message);
    }

    fn hint(&self, hint: &str) {
        self.log("warning", &format!("hint: {hint}"));
    }

    fn note(&self, message: &str) {
        self.log("debug", message);
    }

    fn done(&self, message: &str) {
        self.log("info", message);
    }

    fn is_cancelled(&self) -> bool {
        if self.interrupted.borrow().is_some() {
            return true;
        }
        if self.asked.get().elapsed() < ASK {
            return false;
        }
        self.asked.set(Instant::now());
        let raised = Python::attach(|py| py.check_signals()).err();
        let is_cancelled = raised.is_some();
        *self.interrupted.borrow_mut() = raised;
        is_cancelled
    }
}
