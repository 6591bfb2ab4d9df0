//! The built-in text tower in numbers, for who computes it elsewhere: a page without a server.
//!
//! A text is the sum of the rows of a table that its pieces name, and a bias, scaled to length 1; what a network of one
//! hidden layer (`max(x · upᵀ + bias, 0) · downᵀ + bias`) makes of that is added, and the sum is scaled again.

use super::error::Error;
use super::rten::{Numbers, constants};
use super::{Model, builtin};

/// How `training/export.py` calls them: names that it gives, and numbers in the order in which it makes the graph.
const TABLE: [&str; 3] = ["table", "scale", "c9"];
const UP: [&str; 3] = ["c18", "c19", "c24"];
const DOWN: [&str; 3] = ["c27", "c28", "c33"];

/// A matrix of 8 bits a number with a scale a row, and what is added to its product.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Row after row.
    pub numbers: Vec<i8>,
    /// What the numbers of each row are multiplied by.
    pub scales: Vec<f32>,
    /// A number a column of the table, else a number a row.
    pub bias: Vec<f32>,
}

/// The built-in text tower.
#[derive(Debug, Clone, PartialEq)]
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

impl TextWeights {
    /// Reads them out of the binary.
    ///
    /// # Errors
    /// The model in the binary was made by another `training/export.py`.
    pub fn builtin() -> Result<TextWeights, Error> {
        let model = Model::builtin();
        let fail = |problem: String| Error::Load { file: "text.rten".into(), problem };
        let names = [TABLE, UP, DOWN].concat();
        let mut found = constants(builtin::TEXT.bytes(), &names).map_err(fail)?.into_iter();
        let mut next = || -> Option<Weights> {
            match (found.next()?, found.next()?, found.next()?) {
                (Numbers::Int8(numbers), Numbers::Float32(scales), Numbers::Float32(bias)) => {
                    Some(Weights { numbers, scales, bias })
                }
                _ => None,
            }
        };
        let weights = [next(), next(), next()];
        let most_tokens = model.found.text.as_ref().map_or(0, |(_, words)| words.length.most);
        let (dimension, vocabulary) = (model.dimension(), builtin::VOCABULARY.trim_end_matches('\n'));
        let fits = |weights: &Weights, rows: usize, columns: usize, bias: usize| {
            weights.numbers.len() == rows * columns && weights.scales.len() == rows && weights.bias.len() == bias
        };
        match weights {
            [Some(table), Some(up), Some(down)]
                if fits(&table, vocabulary.lines().count(), dimension, dimension)
                    && fits(&up, up.bias.len(), dimension, up.bias.len())
                    && fits(&down, dimension, up.bias.len(), dimension) =>
            {
                Ok(TextWeights { vocabulary, most_tokens, dimension, table, up, down })
            }
            _ => Err(fail("its weights are not those of a text tower of this version".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tokenizer::Tokenizer;
    use crate::model::{Device, Use, normalise};

    /// The tower as the head of this file says it.
    fn embed(weights: &TextWeights, text: &str) -> Vec<f32> {
        let tokenizer = Tokenizer::wordpiece(weights.vocabulary.into(), weights.most_tokens).expect("a vocabulary");
        let product = |weights: &Weights, x: &[f32]| -> Vec<f32> {
            let rows = weights.numbers.chunks_exact(x.len()).zip(&weights.scales).zip(&weights.bias);
            rows.map(|((row, scale), bias)| {
                row.iter().zip(x).map(|(w, x)| f32::from(*w) * x).sum::<f32>() * scale + bias
            })
            .collect()
        };
        let mut x = weights.table.bias.clone();
        for id in tokenizer.encode(text).expect("tokens").ids {
            let id = usize::try_from(id).expect("an id");
            let row = &weights.table.numbers[id * weights.dimension..(id + 1) * weights.dimension];
            x.iter_mut().zip(row).for_each(|(x, w)| *x += f32::from(*w) * weights.table.scales[id]);
        }
        normalise(&mut x);
        let hidden: Vec<f32> = product(&weights.up, &x).into_iter().map(|x| x.max(0.0)).collect();
        let y = product(&weights.down, &hidden);
        x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
        normalise(&mut x);
        x
    }

    #[test]
    fn the_numbers_are_those_that_the_engine_computes_with() {
        let weights = TextWeights::builtin().expect("the weights");
        let tower = Model::builtin().text_tower(Use::Once, Device::Cpu).expect("the tower");
        for text in ["fire dog", "", "a small Yellow mouse, electric", "zzzq \u{1f525}"] {
            let (own, its) = (embed(&weights, text), tower.embed(text).expect("a vector"));
            assert!(own.iter().zip(&its).all(|(a, b)| (a - b).abs() < 1e-5), "{text}: {own:?} {its:?}");
        }
    }
}
