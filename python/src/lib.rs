//! The library of the stages, for Python.
//!
//! Hides: how Python's objects become tables and tables Python's objects, who holds the interpreter's lock, and how Ctrl-C
//! reaches a stage. Promises: every function gives the lock back while it works; what fails is an exception that carries the
//! hint; what a run says goes to the logger `pokedex`. The functions of the stages are written in Python over `run`: they take
//! the options of the command line, and do what it does.

mod arrow;
mod classifier;
mod failure;
mod index;
mod model;
mod pictures;
mod watch;

use pyo3::prelude::*;

#[pymodule]
fn _pokedex(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    failure::register(module)?;
    pokedex::model::cache::keep_pictures_of_the_web();
    module.add_class::<arrow::Table>()?;
    module.add_class::<model::Model>()?;
    module.add_class::<model::Vectors>()?;
    module.add_class::<classifier::Classifier>()?;
    module.add_class::<index::Index>()?;
    module.add_function(wrap_pyfunction!(run, module)?)
}

/// Runs a subcommand with the arguments of the command line, in this process; its exit code.
#[pyfunction]
fn run(py: Python<'_>, arguments: Vec<String>) -> PyResult<u8> {
    watch::work(py, |watch| pokedex::cli::call(&arguments, watch))
}
