//! The files beside an index: whatever they hold, they are opened and searched, or refused.
#![no_main]

use std::path::Path;
use std::sync::Once;

use libfuzzer_sys::fuzz_target;
use pokedex::index::{Annoy, Graph, Metric, Packed};

/// Panics that the program turns into errors are none here either.
static GUARD: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    GUARD.call_once(|| pokedex::guard::install(|| ()));
    let Some((&kind, bytes)) = bytes.split_first() else { return };
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    match kind % 5 {
        0 => {
            if let Ok(packed) = Packed::new("fuzz".into(), bytes) {
                let _ = packed.row_of("b");
                let _ = packed.is_intact();
                let vectors = packed.vectors();
                assert!((0..packed.len()).all(|row| vectors.row(row).len() == packed.dimension()));
            }
        }
        1 => {
            let _ = Graph::read("fuzz".into(), bytes, "identity");
        }
        metric => {
            let metric = [Metric::Angular, Metric::Euclidean, Metric::Dot][usize::from(metric) - 2];
            if let Ok(annoy) = Annoy::new(Path::new("fuzz"), bytes, 3, metric) {
                let _ = annoy.search(&[0.1, 0.2, 0.3], 3, None, None);
            }
        }
    }
});
