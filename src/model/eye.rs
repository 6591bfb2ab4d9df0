//! The built-in image tower: one look at a picture, read twice, by who knows things and by who knows Pokémon.
//!
//! A pretrained EfficientNet-Lite0 (Tan and Le 2019) sees the picture. Its own last stages name ordinary things; the words
//! for these, weighted by how likely they are, are the vector of a photograph (ConSE, Norouzi et al. 2014), beside a little
//! of what it looks like. A branch with last stages of its own names species; the vectors of those, weighted alike, are the
//! vector of a Pokémon. How much the picture looks like any species decides between the two. `training/export.py` is
//! the same in Python, and golden values hold both together.
//!
//! Hides: the file, the layers, how they are computed. What engines for any graph do slowly is done here in the order
//! that suits it: pixel after pixel, each with its channels, so that a step that looks at neighbours takes channels at
//! once and all others are products of matrices.

mod colours;
mod layers;
mod network;
mod weights;

use rayon::{ThreadPool, ThreadPoolBuilder};
use safetensors::SafeTensors;

use super::engine::{Batch, Lent, Output, Tower, Use};
use colours::CELLS;
use layers::Map;
use network::Network;
use weights::Weights;

/// What files of such a tower end with.
pub(super) const FILES: &str = "safetensors";

struct Eye {
    network: Network,
    /// Pools of one thread; a single picture may take all processors.
    pools: Option<Lent<ThreadPool>>,
}

/// Loads the tower from the bytes of a file in the safetensors format.
///
/// # Errors
/// What is wrong with them, for a message.
pub(super) fn load(bytes: &[u8], use_: Use) -> Result<Box<dyn Tower>, String> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|_| "it is damaged")?;
    let network = Weights(tensors).network()?;
    Ok(Box::new(Eye { network, pools: (use_ != Use::Once).then(Lent::default) }))
}

impl Tower for Eye {
    fn run(&self, batch: Batch) -> Result<Output, String> {
        let Batch::Pixels { data, shape: [count, channels, side, width] } = batch else {
            return Err("takes pictures only".into());
        };
        if channels != 3 || side != width || data.len() != count * 3 * side * side || side < CELLS || side % CELLS > 0 {
            return Err("takes square pictures of three colours, of a side that 24 divides".into());
        }
        let run = || {
            let vectors = data.chunks_exact(3 * side * side).flat_map(|planes| {
                let (plane, mut pixels) = (side * side, vec![0.0; planes.len()]);
                for (at, pixel) in pixels.chunks_exact_mut(3).enumerate() {
                    pixel.copy_from_slice(&[planes[at], planes[plane + at], planes[2 * plane + at]]);
                }
                self.network.vector(Map { side, data: pixels })
            });
            vectors.collect::<Vec<f32>>()
        };
        let data = match &self.pools {
            None => run(),
            Some(pools) => {
                let pool = || ThreadPoolBuilder::new().num_threads(1).build().map_err(|e| e.to_string());
                pools.to(|pool| pool.install(run), pool)?
            }
        };
        Ok(Output { shape: vec![count, data.len() / count.max(1)], data })
    }

    fn engine(&self) -> String {
        "rten".into()
    }
}

#[cfg(test)]
mod tests {
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    use super::*;

    /// Numbers that differ.
    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + seed * 104_729) % 1000) as f32 / 500.0 - 1.0).collect()
    }

    #[test]
    fn files_that_are_none_or_lack_something_are_refused() {
        let problem = |bytes: &[u8]| load(bytes, Use::Once).err().expect("refused");
        assert_eq!(problem(b""), "it is damaged");
        assert_eq!(problem(&super::super::builtin::IMAGE[..5000]), "it is damaged");
        let none: [(&str, TensorView); 0] = [];
        let empty = safetensors::serialize(none, None).expect("a file");
        assert!(problem(&empty).starts_with("has no `"), "{}", problem(&empty));
        let zeros = [0; 4 * 32];
        let one = TensorView::new(Dtype::F32, vec![32], &zeros).expect("a tensor");
        let other = safetensors::serialize([("shared.0.look.weight", one)], None).expect("a file");
        assert!(problem(&other).contains("is of shape [32], not [32, 9]"), "{}", problem(&other));
    }

    #[test]
    fn a_picture_has_one_vector_whoever_computes_it() {
        let picture = numbers(2 * 3 * 192 * 192, 1);
        let run = |use_: Use| {
            let tower = load(super::super::builtin::IMAGE, use_).expect("the built-in tower");
            let run = |data: &[f32]| {
                tower.run(Batch::Pixels { shape: [data.len() / (3 * 192 * 192), 3, 192, 192], data: data.to_vec() })
            };
            let both = run(&picture).expect("vectors").data;
            let alone = run(&picture[3 * 192 * 192..]).expect("a vector").data;
            assert_eq!(both[both.len() / 2..], alone[..]);
            assert!(tower.run(Batch::Pixels { shape: [1, 3, 10, 10], data: vec![0.0; 300] }).is_err());
            both
        };
        assert_eq!(run(Use::Once), run(Use::Bulk { calls: 2 }));
    }
}
