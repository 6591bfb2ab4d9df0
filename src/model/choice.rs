//! Which engine runs a tower: the one that is asked for, or the one that suits the use; where that one cannot, the other.
//!
//! Hides: what each engine cannot do. Promises: an engine that is known to compute a graph otherwise
//! than ONNX says does not run it.

use std::path::Path;

use super::engine::{Device, Ends, Engine, Tower, Use};
use super::{ort, rten};

/// How a tower is to be run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub engine: Engine,
    pub device: Device,
    pub use_: Use,
    /// Whether what an engine makes of a tower may be kept, for it was made ready in the cache and has run.
    pub keep: bool,
}

impl Choice {
    /// The engine that is tried first: the one that is asked for, or the one that suits the use.
    pub(super) fn first(&self, ends: &Ends) -> Engine {
        match self.engine {
            Engine::Auto if ends.needs_ort.is_some() || self.device != Device::Cpu => Engine::Ort,
            Engine::Auto if self.use_ != Use::Once && ort::library().is_ok() => Engine::Ort,
            Engine::Auto => Engine::Rten,
            engine => engine,
        }
    }
}

/// Loads an ONNX file; where no engine is asked for and the first does not know an operator, by the other.
///
/// # Errors
/// The engine is not there, or cannot load the file.
pub(super) fn load(path: &Path, ends: &Ends, choice: Choice) -> Result<Box<dyn Tower>, String> {
    let by_rten = || match (ends.needs_ort, choice.device) {
        (Some(problem), _) => Err(format!("{problem}; --engine ort")),
        (_, Device::Cuda) => Err("rten computes on processors only; --engine ort".into()),
        _ => rten::load_file(path, ends, choice.use_),
    };
    let by_ort = || ort::load(path, ends, choice.use_, choice.device, choice.keep);
    let other = choice.engine == Engine::Auto && choice.device == Device::Cpu && ends.needs_ort.is_none();
    match choice.first(ends) {
        Engine::Ort if other => by_ort().or_else(|problem| by_rten().map_err(|_| problem)),
        Engine::Ort => by_ort(),
        // The library is looked for, and loaded, only where it is needed: that takes longer than many a tower.
        _ if other => by_rten().or_else(|problem| match ort::library() {
            Ok(_) => by_ort().map_err(|_| problem),
            Err(_) => Err(problem),
        }),
        _ => by_rten(),
    }
}
