//! Which engines a model is compared in.

use pokedex::model::{Engine, onnx_runtime};

/// The one in the binary, and ONNX Runtime where it is found, or has to be.
pub fn engines() -> Vec<Engine> {
    match onnx_runtime() {
        Ok(_) => vec![Engine::Rten, Engine::Ort],
        Err(problem) => {
            assert!(std::env::var_os("POKEDEX_REQUIRE_ORT").is_none(), "{problem}");
            vec![Engine::Rten]
        }
    }
}
