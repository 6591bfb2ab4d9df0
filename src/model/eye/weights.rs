//! The network of a file in the safetensors format.
//!
//! Hides: what the tensors are called, and in which types they are kept. Promises: a file that is not of such a network is
//! an error that names the tensor.

use safetensors::{Dtype, SafeTensors};

use super::colours::Colours;
use super::layers::{Block, Layer, Neighbours};
use super::network::{FINE, MIDDLE, Network, Numbers, SHARED, STAGES};

const STEM: usize = 32;

/// The columns of a matrix, one after another.
fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| matrix.iter().skip(column).step_by(columns).copied()).collect()
}

/// The tensors of a file, taken one by one.
pub(super) struct Weights<'a>(pub(super) SafeTensors<'a>);

impl Weights<'_> {
    /// The numbers of a tensor of this shape.
    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let tensor = self.0.tensor(name).map_err(|_| format!("has no `{name}`"))?;
        if tensor.shape() != shape {
            return Err(format!("its `{name}` is of shape {:?}, not {shape:?}", tensor.shape()));
        }
        match tensor.dtype() {
            Dtype::F32 => Ok(tensor.data().as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect()),
            Dtype::I8 => Ok(tensor.data().iter().map(|x| f32::from(x.cast_signed())).collect()),
            other => Err(format!("its `{name}` is of {other:?}")),
        }
    }

    /// The matrix of a layer [out, inner], whole numbers times a scale for each output, and what is added.
    fn matrix(&self, name: &str, out: usize, inner: usize) -> Result<(Vec<f32>, Vec<f32>), String> {
        let mut weight = self.numbers(&format!("{name}.weight"), &[out, inner])?;
        let scale = self.numbers(&format!("{name}.scale"), &[out])?;
        weight
            .chunks_exact_mut(inner.max(1))
            .zip(&scale)
            .for_each(|(row, scale)| row.iter_mut().for_each(|x| *x *= scale));
        Ok((weight, self.numbers(&format!("{name}.bias"), &[out])?))
    }

    fn layer(&self, name: &str, out: usize, inner: usize) -> Result<Layer, String> {
        if out == 0 || inner == 0 {
            return Err(format!("its `{name}` is empty"));
        }
        let (weight, bias) = self.matrix(name, out, inner)?;
        Ok(Layer::new(&weight, inner, bias))
    }

    fn convolution(&self, name: &str, [cin, out, kernel, stride]: [usize; 4]) -> Result<Layer, String> {
        let layer = self.layer(name, out, cin * kernel * kernel)?;
        Ok(Layer { kernel, stride, bounded: true, ..layer })
    }

    fn neighbours(&self, name: &str, channels: usize, kernel: usize, stride: usize) -> Result<Neighbours, String> {
        let taps = kernel * kernel;
        let (weight, bias) = self.matrix(name, channels, taps)?;
        let weight = transposed(&weight, taps);
        Ok(Neighbours { weight, bias, kernel, stride })
    }

    /// The blocks of some stages, and how many channels come out of them.
    fn stages(
        &self,
        name: &str,
        stages: std::ops::Range<usize>,
        mut cin: usize,
    ) -> Result<(Vec<Block>, usize), String> {
        let mut blocks = Vec::new();
        for (kernel, stride, expansion, out, repeats) in STAGES[stages].iter().copied() {
            for i in 0..repeats {
                let name = format!("{name}.{}", blocks.len());
                let (wide, stride) = (cin * expansion, if i == 0 { stride } else { 1 });
                let widen = match expansion {
                    1 => None,
                    _ => Some(self.convolution(&format!("{name}.widen"), [cin, wide, 1, 1])?),
                };
                let look = self.neighbours(&format!("{name}.look"), wide, kernel, stride)?;
                let narrow = self.layer(&format!("{name}.narrow"), out, wide)?;
                blocks.push(Block { widen, look, narrow, skip: stride == 1 && cin == out });
                cin = out;
            }
        }
        Ok((blocks, cin))
    }

    pub(super) fn network(&self) -> Result<Network, String> {
        let rows = |name: &str| self.0.tensor(name).map(|t| t.shape().first().copied().unwrap_or(0)).unwrap_or(0);
        let outputs = |layer: &str| rows(&format!("{layer}.bias"));
        let (dimension, features, read) = (outputs("words"), outputs("things.head"), outputs("creatures.head"));
        let [fine, middle, coarse] = [FINE, MIDDLE, SHARED].map(|stages| STAGES[stages - 1].3);
        let (narrow, wide) = (outputs("creatures.fine"), outputs("creatures.middle"));
        let (shared, _) = self.stages("shared", 0..SHARED, STEM)?;
        let (things, last) = self.stages("things", SHARED..STAGES.len(), coarse)?;
        let (creatures, _) = self.stages("creatures", SHARED..STAGES.len(), coarse)?;
        let (looks, species, classes) = (outputs("look"), outputs("species"), outputs("classes"));
        let hues = rows("colours.mean");
        let vectors = self.layer("species", species, dimension)?;
        let (anchors, _) = self.matrix("species", species, dimension)?;
        let species_out = Layer::new(&transposed(&anchors, dimension), species, vec![0.0; dimension]);
        let number = |name: &str| self.numbers(name, &[1]).map(|n| n[0]);
        Ok(Network {
            stem: self.convolution("stem", [3, STEM, 3, 2])?,
            shared,
            things,
            things_head: self.convolution("things.head", [last, features, 1, 1])?,
            classes: self.layer("classes", classes, features)?,
            words: self.layer("words", dimension, classes)?,
            look: self.layer("look", looks, features)?,
            look_out: self.layer("look.out", dimension, looks)?,
            colours: Colours {
                lab: self.numbers("colours.lab", &[hues, 3])?,
                mean: self.numbers("colours.mean", &[hues])?,
                spread: self.numbers("colours.spread", &[hues])?,
                words: self.layer("colours.words", dimension, hues)?,
            },
            fine: self.convolution("creatures.fine", [fine, narrow, 3, 2])?,
            middle: self.convolution("creatures.middle", [narrow + middle, wide, 3, 2])?,
            merge: self.layer("creatures.merge", coarse, wide)?,
            creatures,
            creatures_head: self.convolution("creatures.head", [last, read, 1, 1])?,
            creature: self.layer("creatures.out", dimension, read)?,
            known: self.layer("creatures.known", 1, read)?,
            species: vectors,
            species_out,
            axis: self.numbers("axis", &[dimension])?,
            numbers: Numbers {
                temperature: number("temperature")?,
                classes: number("classes.best")? as usize,
                look: number("look.share")?,
                colours: number("colours.share")?,
                scene_doubt: number("scene.doubt")?,
                readout_scale: number("readout.scale")?,
                readout_keep: number("readout.keep")?,
                known: [number("known.gain")?, number("known.slope")?, number("known.offset")?],
                sure: [number("sure.gain")?, number("sure.slope")?, number("sure.odds")?, number("sure.offset")?],
                sure_middle: number("sure.middle")?,
                sure_step: number("sure.step")?,
            },
        })
    }
}
