//! The built-in text tower, computed from its numbers where they lie in the program; and the numbers, for who computes it
//! elsewhere: a page without a server.
//!
//! A text is the sum of the rows of a table that its pieces name, and a bias, scaled to length 1; what a network of one
//! hidden layer (`max(x · upᵀ + bias, 0) · downᵀ + bias`) makes of that is added, and the sum is scaled again.
//!
//! An engine for any graph takes longer to read such a file, and to start its threads, than this takes to answer.

use super::engine::{Batch, Output, Tower};
use super::error::Error;
use super::{Model, builtin};

/// Where numbers begin in `text.rten`, and how many they are.
type Place = (usize, usize);

/// What `training/export.py` wrote, and where: numbers, scales and bias of each matrix.
const TABLE: [Place; 3] = [(5376, 4_608_000), (4_613_376, 18_000), (4_685_376, 256)];
const UP: [Place; 3] = [(4_686_400, 131_072), (4_817_472, 512), (4_820_032, 512)];
const DOWN: [Place; 3] = [(4_822_080, 131_072), (4_953_152, 256), (4_954_432, 256)];

/// A matrix of 8 bits a number with a scale a row, and what is added to its product.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Row after row.
    pub numbers: &'static [i8],
    /// What the numbers of each row are multiplied by.
    pub scales: &'static [f32],
    /// A number a column of the table, else a number a row.
    pub bias: &'static [f32],
}

/// The built-in text tower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextWeights {
    /// A piece a line, whose number is its id.
    pub vocabulary: &'static str,
    /// The pieces of a text that count.
    pub most_tokens: usize,
    /// Numbers of a vector.
    pub dimension: usize,
    /// A vector a piece.
    pub table: Weights,
    /// From a vector to the hidden layer.
    pub up: Weights,
    /// And back.
    pub down: Weights,
}

impl Weights {
    fn at(places: [Place; 3]) -> Option<Weights> {
        let [numbers, scales, bias] = places;
        let bytes = |(from, count): Place, size: usize| builtin::TEXT.bytes().get(from..from + count * size);
        let floats = |place: Place| bytemuck::try_cast_slice(bytes(place, 4)?).ok();
        Some(Weights {
            numbers: bytemuck::try_cast_slice(bytes(numbers, 1)?).ok()?,
            scales: floats(scales)?,
            bias: floats(bias)?,
        })
    }

    /// The product with a vector, and the bias added.
    fn product(&self, x: &[f32]) -> Vec<f32> {
        let rows = self.numbers.chunks_exact(x.len()).zip(self.scales).zip(self.bias);
        rows.map(|((row, scale), bias)| dot(row, x) * scale + bias).collect()
    }
}

impl TextWeights {
    /// Views them in the binary.
    ///
    /// # Errors
    /// The model in the binary was made by another `training/export.py`.
    pub fn builtin() -> Result<TextWeights, Error> {
        Self::of(&Model::builtin()).ok_or_else(|| Error::Load {
            file: "text.rten".into(),
            problem: "its weights are not those of a text tower of this version".into(),
        })
    }

    fn of(model: &Model) -> Option<TextWeights> {
        let (table, up, down) = (Weights::at(TABLE)?, Weights::at(UP)?, Weights::at(DOWN)?);
        let most_tokens = model.found.text.as_ref().map_or(0, |(_, words)| words.length.most);
        let (dimension, vocabulary) = (model.dimension(), builtin::VOCABULARY.trim_end_matches('\n'));
        let fits = |weights: &Weights, rows: usize, columns: usize, bias: usize| {
            weights.numbers.len() == rows * columns && weights.scales.len() == rows && weights.bias.len() == bias
        };
        let hidden = up.bias.len();
        let fit = table.numbers.len() == table.scales.len() * dimension
            && table.bias.len() == dimension
            && fits(&up, hidden, dimension, hidden)
            && fits(&down, dimension, hidden, dimension);
        fit.then_some(TextWeights { vocabulary, most_tokens, dimension, table, up, down })
    }

    /// The vector of a text by the ids of its pieces.
    fn vector(&self, ids: &[i32]) -> Result<Vec<f32>, String> {
        let mut x = vec![0.0f32; self.dimension];
        for id in ids {
            let row = usize::try_from(*id).ok().and_then(|id| {
                let row = self.table.numbers.get(id * self.dimension..(id + 1) * self.dimension)?;
                Some((row, self.table.scales.get(id)?))
            });
            let (row, scale) = row.ok_or_else(|| format!("has no row for the piece {id}"))?;
            x.iter_mut().zip(row).for_each(|(x, w)| *x += f32::from(*w) * scale);
        }
        x.iter_mut().zip(self.table.bias).for_each(|(x, bias)| *x += bias);
        unit(&mut x);
        let hidden: Vec<f32> = self.up.product(&x).into_iter().map(|x| x.max(0.0)).collect();
        x.iter_mut().zip(self.down.product(&hidden)).for_each(|(x, y)| *x += y);
        unit(&mut x);
        Ok(x)
    }
}

impl Tower for TextWeights {
    fn run(&self, batch: Batch) -> Result<Output, String> {
        let Batch::Tokens { ids, shape: [count, tokens], .. } = batch else {
            return Err("takes texts only".into());
        };
        let vectors = ids.chunks_exact(tokens.max(1)).map(|ids| self.vector(ids)).collect::<Result<Vec<_>, _>>()?;
        Ok(Output { shape: vec![count, self.dimension], data: vectors.concat() })
    }

    fn engine(&self) -> String {
        "rten".into()
    }
}

/// Scales to length 1; what is nearly zero stays small.
fn unit(x: &mut [f32]) {
    let length = x.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    x.iter_mut().for_each(|x| *x /= length);
}

/// Dot product of bytes and numbers, in sixteen running sums: the same on every machine.
#[multiversion::multiversion(targets("x86_64+avx2"))]
fn dot(row: &[i8], x: &[f32]) -> f32 {
    let (row_chunks, row_rest) = row.as_chunks::<16>();
    let (x_chunks, x_rest) = x.as_chunks::<16>();
    let mut sums = [0.0f32; 16];
    for (row, x) in row_chunks.iter().zip(x_chunks) {
        for lane in 0..16 {
            sums[lane] += f32::from(row[lane]) * x[lane];
        }
    }
    let rest: f32 = row_rest.iter().zip(x_rest).map(|(w, x)| f32::from(*w) * x).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::engine::{Ends, Role};
    use crate::model::rten::{self, Numbers};

    /// How `training/export.py` calls them: names that it gives, and numbers in the order in which it makes the graph.
    const NAMES: [&str; 9] = ["table", "scale", "c9", "c18", "c19", "c24", "c27", "c28", "c33"];

    #[test]
    fn the_numbers_are_where_the_engine_finds_them() {
        let bytes = builtin::TEXT.bytes();
        let constants = rten::constants(bytes, &NAMES).expect("a graph");
        let found = constants.iter().map(|numbers| {
            let (raw, count): (&[u8], usize) = match numbers {
                Numbers::Float32(numbers) => (bytemuck::cast_slice(numbers), numbers.len()),
                Numbers::Int8(numbers) => (bytemuck::cast_slice(numbers), numbers.len()),
            };
            let at = (0..bytes.len()).step_by(4).find(|&at| bytes[at..].starts_with(raw)).expect("viewed in place");
            (at, count)
        });
        assert_eq!(found.collect::<Vec<_>>(), [TABLE, UP, DOWN].concat());
        TextWeights::builtin().expect("the weights");
    }

    #[test]
    fn a_vector_is_the_one_that_an_engine_computes() {
        let weights = TextWeights::builtin().expect("the weights");
        let ends = Ends::single("input_ids", Role::Ids, "embedding");
        let engine = rten::load_static(builtin::TEXT.bytes(), &ends).expect("a graph");
        for ids in [vec![0], vec![5, 300, 17_999], (0..40).collect()] {
            let run = |tower: &dyn Tower| {
                let (mask, shape) = (vec![1; ids.len()], [1, ids.len()]);
                tower.run(Batch::Tokens { ids: ids.clone(), mask, shape }).expect("a vector").data
            };
            let (own, its) = (run(&weights), run(&*engine));
            assert!(own.iter().zip(&its).all(|(a, b)| (a - b).abs() < 1e-6), "{ids:?}: {own:?} {its:?}");
        }
        let beyond = Batch::Tokens { ids: vec![18_000], mask: vec![1], shape: [1, 1] };
        assert!(weights.run(beyond).is_err());
    }
}
