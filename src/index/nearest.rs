//! The rows that are nearest to each row of a table in memory: what a search for a stored row finds, for all rows.

use super::best::Best;
use super::cosine::{cosine, norm};
use crate::model::normalise;

/// Numbers of rows and their cosines, best first, ties in the order of the table.
pub(crate) type Neighbours = Vec<(u32, f32)>;

/// The vectors of a table, in its order.
#[derive(Debug, Default)]
pub(crate) struct Nearest {
    vectors: Vec<f32>,
    dimension: usize,
    /// The lengths of the vectors; of rows without one there is none.
    lengths: Vec<Option<f64>>,
    /// Whether the lengths are taken for 1, as in the built-in Pokédex.
    are_one: bool,
}

impl Nearest {
    /// Of no rows yet; `are_one` says that lengths are taken for 1.
    pub(crate) fn new(are_one: bool) -> Nearest {
        Nearest { are_one, ..Nearest::default() }
    }

    /// Takes the next row. A vector can be compared, and is as long as those before it.
    pub(crate) fn push(&mut self, vector: Option<&[f32]>) {
        self.lengths.push(vector.map(|vector| if self.are_one { 1.0 } else { norm(vector) }));
        if let Some(vector) = vector {
            self.dimension = vector.len();
        }
        self.vectors.resize(self.vectors.len().max((self.lengths.len() - 1) * self.dimension), 0.0);
        match vector {
            Some(vector) => self.vectors.extend_from_slice(vector),
            None => self.vectors.resize(self.lengths.len() * self.dimension, 0.0),
        }
    }

    /// Numbers of a vector; 0 where no row has one.
    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    /// The vector of a row, of length 1, or what is taken for that.
    pub(crate) fn unit(&self, row: usize) -> Option<impl Iterator<Item = f64>> {
        let (vector, length) = self.get(row)?;
        Some(vector.iter().map(move |x| f64::from(*x) / length))
    }

    /// The `top` rows that are nearest to a row, where it has a vector.
    pub(crate) fn of(&self, row: usize, top: usize) -> Option<Neighbours> {
        let (own, _) = self.get(row)?;
        let length = norm(own);
        let mut query: Vec<f32> = own.iter().map(|x| (f64::from(*x) / length) as f32).collect();
        normalise(&mut query);
        let mut best = Best::new(top);
        for other in (0..self.lengths.len()).filter(|&other| other != row) {
            if let Some((vector, length)) = self.get(other) {
                best.offer(cosine(&query, vector, length), other as u64, || ());
            }
        }
        Some(best.into_rows())
    }

    fn get(&self, row: usize) -> Option<(&[f32], f64)> {
        let length = self.lengths[row]?;
        Some((&self.vectors[row * self.dimension..(row + 1) * self.dimension], length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Pokedex, Term};
    use crate::table::column;

    #[test]
    fn rows_without_a_vector_are_nobodys_neighbours() {
        let mut rows = Nearest::new(false);
        for vector in [None, Some([3.0, 0.0]), None, Some([0.0, 2.0]), Some([1.0, 1.0]), None] {
            rows.push(vector.as_ref().map(<[f32; 2]>::as_slice));
        }
        assert_eq!(rows.of(0, 5), None);
        let near = rows.of(1, 5).expect("it has a vector");
        assert_eq!(near.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [4, 3]);
        assert!((near[0].1 - 0.5f32.sqrt()).abs() < 1e-6);
        assert_eq!(rows.unit(3).expect("it has a vector").collect::<Vec<_>>(), [0.0, 1.0]);
        assert_eq!(Nearest::new(false).dimension(), 0);
    }

    #[test]
    fn the_nearest_are_those_that_a_search_finds() {
        let mut rows = Nearest::new(true);
        for batch in crate::table::Table::open("pokedex:".as_ref()).expect("the Pokédex") {
            let batch = batch.expect("a batch");
            let vectors = column::vectors(&batch, column::EMBEDDING, "pokedex:").expect("vectors");
            (0..batch.num_rows()).for_each(|i| rows.push(vectors.get(i)));
        }
        let stored = Pokedex::index().stored(&[&Term::Id(25)]).expect("Pikachu").remove(0);
        let parts = [(1.0, crate::index::Part::Vector(stored.vector))];
        let look_up = |_: &str| crate::model::Known::No;
        let pokedex = Pokedex::open(false).expect("the Pokédex");
        let among = crate::index::Among { without: &stored.rows, ..Default::default() };
        let found = pokedex.search(&parts, &among, 12, &look_up);
        let found: Vec<(u32, f32)> = found.iter().map(|hit| (hit.row as u32, hit.score)).collect();
        assert_eq!(rows.of(24, 12), Some(found));
    }
}
