//! How a k-NN head decides: the rows that are nearest vote for their classes.
//!
//! Hides: how the nearest are found. Promises: what they say does not depend on the blocks that rows lie in, on whose
//! memory that is, nor on rows between them that do not vote.

use rayon::prelude::*;

use super::Head;
use crate::matrix;

/// The owner of a row that lies between others and does not vote.
pub const NOBODY: u32 = u32::MAX;

/// Rows that are compared with so many others at a time when neighbours are sought.
const NEAREST_QUERIES: usize = 256;
const NEAREST_ROWS: usize = 8192;

impl Head {
    /// The rows that vote: the class and the vector of each.
    pub(super) fn voters(&self) -> impl Iterator<Item = (u32, &[f32])> {
        let dimension = self.dimension();
        let vectors = self.rows.iter().flat_map(move |block| block.chunks_exact(dimension));
        self.owners.iter().copied().zip(vectors).filter(|(owner, _)| *owner != NOBODY)
    }

    /// The cosines and the classes of the `count` rows of a k-NN head that are nearest to each prepared row of features,
    /// nearest first; of equals the first.
    pub(super) fn nearest(&self, features: &[f32], count: usize) -> Vec<Vec<(f32, u32)>> {
        let dimension = self.dimension();
        let nearer = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        let mut nearest: Vec<Vec<(f32, u32)>> = vec![Vec::new(); features.len() / dimension];
        let queries = features.chunks(NEAREST_QUERIES * dimension).zip(nearest.chunks_mut(NEAREST_QUERIES));
        let mut cosines = Vec::new();
        for (queries, nearest) in queries {
            let mut first = 0;
            for ends in self.rows.iter().flat_map(|block| block.chunks(NEAREST_ROWS * dimension)) {
                let rows = ends.len() / dimension;
                let owners = &self.owners[first..first + rows];
                let all = !owners.contains(&NOBODY);
                cosines.resize(nearest.len() * rows, 0.0);
                matrix::by_transposed(queries, ends, dimension, &mut cosines);
                nearest.par_iter_mut().zip(cosines.par_chunks_exact(rows)).for_each(|(nearest, cosines)| {
                    for ((cosine, owner), row) in cosines.iter().zip(owners).zip(first as u32..) {
                        if !all && *owner == NOBODY {
                            continue;
                        }
                        nearest.push((*cosine, row));
                        if nearest.len() >= 2 * count + 64 {
                            nearest.select_nth_unstable_by(count - 1, nearer);
                            nearest.truncate(count);
                        }
                    }
                });
                first += rows;
            }
            nearest.par_iter_mut().for_each(|nearest| {
                nearest.sort_unstable_by(nearer);
                nearest.truncate(count);
                nearest.iter_mut().for_each(|(_, row)| *row = self.owners[*row as usize]);
            });
        }
        nearest
    }

    /// The logarithm of the votes of the nearest rows; a class without any has a hundredth of the least.
    pub(super) fn vote(&self, nearest: &[(f32, u32)]) -> Vec<f32> {
        let mut votes = vec![0.0f32; self.classes.len()];
        let nearest = &nearest[..self.neighbours.min(nearest.len())];
        let (most, least) = (nearest[0].0, nearest[nearest.len() - 1].0);
        for (cosine, class) in nearest {
            votes[*class as usize] += ((cosine - most) / self.nearness).exp();
        }
        let floor = ((least - most) / self.nearness).exp().max(1e-30) * 0.01 / votes.len() as f32;
        votes.iter().map(|votes| (votes + floor).ln() + most / self.nearness).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{Class, Doubt, Feature, Method};

    const DIMENSION: usize = 260;

    fn vectors(rows: usize, seed: u32) -> Vec<f32> {
        let number = |i: usize| ((i as f32 + 1.0) * (seed as f32 + 0.37)).sin();
        let mut all: Vec<f32> = (0..rows * DIMENSION).map(number).collect();
        all.chunks_exact_mut(DIMENSION).for_each(|row| {
            crate::model::normalise(row);
        });
        all
    }

    fn head(rows: Vec<arrow_buffer::ScalarBuffer<f32>>, owners: Vec<u32>) -> Head {
        let class = |label: &str| Class { label: label.into(), id: None, rows: 1 };
        Head {
            method: Method::Knn,
            target: "label".into(),
            features: vec![Feature { column: "embedding".into(), dimension: DIMENSION, model: None }],
            classes: ["a", "b", "c"].map(class).to_vec(),
            scaling: None,
            weights: Vec::new(),
            bias: Vec::new(),
            rows,
            owners,
            neighbours: 5,
            nearness: 0.05,
            doubt: Doubt::NONE,
            facts: serde_json::Map::new(),
        }
    }

    #[test]
    fn what_is_said_does_not_depend_on_blocks_nor_on_rows_that_do_not_vote() {
        let rows = 9000;
        let all = vectors(rows, 1);
        let votes = |row: usize| row % 7 != 3 && !(8192..8300).contains(&row);
        let voters: Vec<usize> = (0..rows).filter(|&row| votes(row)).collect();
        let own: Vec<f32> = voters.iter().flat_map(|row| &all[row * DIMENSION..][..DIMENSION]).copied().collect();
        let own = head(vec![own.into()], voters.iter().map(|row| (row % 3) as u32).collect());
        let blocks = all.chunks(8192 * DIMENSION).map(|block| block.to_vec().into()).collect();
        let owner = |row: usize| if votes(row) { (row % 3) as u32 } else { NOBODY };
        let lent = head(blocks, (0..rows).map(owner).collect());
        assert_eq!(own.identity(), lent.identity());
        for queries in [1, 9, 300] {
            let queries = vectors(queries, 2);
            let said = own.judge(&mut queries.clone(), 3);
            let bits = |said: &[crate::head::Verdict]| -> Vec<(u32, u32)> {
                said.iter().flat_map(|verdict| &verdict.best).map(|(class, score)| (*class, score.to_bits())).collect()
            };
            assert_eq!(bits(&said), bits(&lent.judge(&mut queries.clone(), 3)));
        }
    }
}
