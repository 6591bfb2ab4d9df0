//! The one trait behind which inference engines stand, and what both must know of a graph.

use std::sync::{Mutex, PoisonError};

use super::onnx::Kind;

/// Which engine runs a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Engine {
    /// ONNX Runtime for many inputs where it is installed, else rten
    #[default]
    Auto,
    /// The engine in the binary
    Rten,
    /// ONNX Runtime, a shared library that must be installed
    Ort,
}

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
#[expect(missing_docs, reason = "the help shows a value's name, which says all")]
pub enum Device {
    #[default]
    Cpu,
    /// An NVIDIA GPU, through a GPU build of ONNX Runtime
    Cuda,
}

/// How a tower is going to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// For a few inputs: what counts is the start, and one call may take all processors.
    Once,
    /// For many inputs, by so many calls at once, each on one processor.
    Bulk {
        /// How many calls run at once.
        calls: usize,
    },
}

/// What each call needs one of to itself, as many as calls have ever run at once.
pub(super) struct Lent<T>(Mutex<Vec<T>>);

impl<T> Default for Lent<T> {
    fn default() -> Lent<T> {
        Lent(Mutex::default())
    }
}

impl<T> Lent<T> {
    /// Lends one to a call; it is made where none is idle.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn to<R>(
        &self,
        call: impl FnOnce(&T) -> R,
        make: impl FnOnce() -> Result<T, String>,
    ) -> Result<R, String> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let lent = idle.map_or_else(make, Ok)?;
        let result = call(&lent);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(lent);
        Ok(result)
    }
}

/// One call's input.
pub(super) enum Batch {
    /// `[batch, channels, height, width]` or with the channels last, normalised.
    Pixels { data: Vec<f32>, shape: [usize; 4] },
    /// `[batch, tokens]`: ids, and 1 where there is one, 0 where there is padding.
    Tokens { ids: Vec<i32>, mask: Vec<i32>, shape: [usize; 2] },
}

/// Pixels for a graph that takes whole numbers.
pub(super) fn bytes_of(pixels: &[f32]) -> Vec<u8> {
    pixels.iter().map(|pixel| pixel.round().clamp(0.0, 255.0) as u8).collect()
}

/// What a graph's input is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Pixels,
    Ids,
    Mask,
    /// Which of two sentences a token belongs to: always the first.
    Types,
}

/// A graph's ends: its inputs by name, and the output that holds the vectors.
#[derive(Debug, Clone)]
pub(super) struct Ends {
    pub inputs: Vec<(String, Role, Kind)>,
    pub output: String,
    /// Why rten must not run it, if so.
    pub needs_ort: Option<&'static str>,
    /// Must ONNX Runtime be kept from joining a border to the step after it?
    pub keeps_borders: bool,
}

impl Ends {
    /// The ends of a graph of one input.
    pub(super) fn single(input: &str, role: Role, output: &str) -> Ends {
        let kind = if role == Role::Pixels { Kind::Float32 } else { Kind::Int32 };
        let inputs = vec![(input.into(), role, kind)];
        Ends { inputs, output: output.into(), needs_ort: None, keeps_borders: false }
    }
}

/// A loaded network. Callers may run several batches at once; a row's vector does not depend on how many.
pub(super) trait Tower: Send + Sync {
    /// Runs a batch and gives its output as the graph has it.
    ///
    /// # Errors
    /// What the engine says, for a message.
    fn run(&self, batch: Batch) -> Result<Output, String>;

    /// Which engine this is, with its version.
    fn engine(&self) -> String;
}

/// What a network gave: numbers, the last axis of `shape` running fastest.
#[derive(Debug)]
pub(super) struct Output {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

impl Output {
    /// One vector a row: of `[batch, dimension]` all, of `[batch, tokens, dimension]` the first token, which stands for
    /// the whole in the models that have no projection, of `[batch, channels, height, width]` the mean over the
    /// picture.
    ///
    /// # Errors
    /// It has another shape, or is not of so many rows.
    pub(super) fn into_rows(self, batch: usize) -> Result<Vec<f32>, String> {
        let Output { shape, data } = self;
        match shape[..] {
            [rows, ..] if rows != batch => Err(format!("gave an output of shape {shape:?} for {batch} at once")),
            [_, _] => Ok(data),
            [_, tokens, dimension] if tokens > 0 && dimension > 0 => {
                Ok(data.chunks_exact(tokens * dimension).flat_map(|row| &row[..dimension]).copied().collect())
            }
            [_, _, height, width] if height > 0 && width > 0 => {
                let mean = |plane: &[f32]| {
                    let sum: f64 = plane.iter().map(|x| f64::from(*x)).sum();
                    (sum / plane.len() as f64) as f32
                };
                Ok(data.chunks_exact(height * width).map(mean).collect())
            }
            _ => Err(format!("gave an output of shape {shape:?}, not [batch, dimension]")),
        }
    }
}
