//! What fails, as exceptions.

use pokedex::Failure;
use pokedex::failure::Kind;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt};
use pyo3::prelude::*;
use pyo3::types::PyType;

mod exceptions {
    use super::PyException;

    pyo3::create_exception!(
        pokedex,
        PokedexError,
        PyException,
        "Data, a file, a model or the system failed; `hint` says what helps."
    );
    pyo3::create_exception!(pokedex, UsageError, PokedexError, "What was asked for makes no sense, whatever the data.");
}

/// Puts the exceptions into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let (error, usage) =
        (module.py().get_type::<exceptions::PokedexError>(), module.py().get_type::<exceptions::UsageError>());
    error.setattr("hint", module.py().None())?;
    module.add("PokedexError", error)?;
    module.add("UsageError", usage)
}

/// The exception of a failure: its words, and its hints as `hint`.
pub(crate) fn raise(py: Python<'_>, failure: Failure) -> PyErr {
    let kind: Bound<'_, PyType> = match failure.kind {
        Kind::Usage => py.get_type::<exceptions::UsageError>(),
        Kind::Failed => py.get_type::<exceptions::PokedexError>(),
        Kind::Cancelled => return PyKeyboardInterrupt::new_err(()),
    };
    let hint = failure.hints.join("\n");
    let text = match hint.is_empty() {
        true => failure.to_string(),
        false => format!("{failure}\nhint: {hint}"),
    };
    let error = PyErr::from_type(kind, (text,));
    if !hint.is_empty() {
        // An exception without its hint is better than none.
        let _ = error.value(py).setattr("hint", hint);
    }
    error
}
