//! Labelled rows of a table, of which the nearest vote.
//!
//! An index's packed copy lends its vectors where it holds what its table holds, to the bit: then a million rows cost the
//! memory of their classes only.

use std::path::Path;

use arrow_array::Array;
use arrow_buffer::ScalarBuffer;

use super::classes::empty;
use super::judge::Judge;
use super::sources::Wishes;
use crate::failure::Failure;
use crate::head::{Class, Doubt, Feature, Keeper, Method, NOBODY};
use crate::index::{Check, Packed, Unfit, packed_beside};
use crate::io;
use crate::model::{normalise, short_id};
use crate::notes;
use crate::table::{Table, column};

/// How fast the weight of a vote falls in an index: a cosine lower by so much has e times less.
const NEARNESS: f32 = 0.05;

/// A judge of the labelled rows of a table, of which the nearest vote.
///
/// # Errors
/// The table cannot be read, its vectors are of two models, or no row has a vector and a label.
pub(super) fn index(wishes: &Wishes, path: &Path, neighbours: usize) -> Result<Judge, Failure> {
    let table = Table::open(path)?;
    let name = table.name.clone();
    table.require(&wishes.options.column)?;
    table.require(column::LABEL)?;
    let footer = table.provenance.get(&column::footer_key(&wishes.options.column, "model")).map(str::to_string);
    let mut check = Check::new(&name, &wishes.options.column);
    let mut classes: Vec<Class> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let feature = Feature { column: wishes.options.column.clone(), dimension: 0, model: None };
    let mut head = empty(Method::Knn, feature, Doubt::NONE);
    let mut unfit = Unfit::default();
    let packed = match wishes.options.column == column::EMBEDDING {
        true => packed_beside(path, &table.provenance),
        false => None,
    };
    let mut voters = Voters::new(packed);
    for batch in table.with_keys() {
        let batch = batch?;
        check.look(&batch)?;
        let vectors = column::vectors(&batch, &wishes.options.column, &name)?;
        let labels = column::text(&batch, column::LABEL)?.expect("it was looked for above");
        let keys = column::text(&batch, column::KEY)?.expect("every row was given a key");
        for row in 0..batch.num_rows() {
            let Some(vector) = vectors.get(row).filter(|_| labels.is_valid(row)) else {
                voters.leave_out();
                continue;
            };
            if let Some(problem) = Unfit::problem(vector) {
                unfit.add(keys.value(row), problem);
                voters.leave_out();
                continue;
            }
            let label = labels.value(row);
            let place = *places.entry(label.to_string()).or_insert_with(|| {
                classes.push(Class { label: label.into(), id: None, rows: 0 });
                classes.len() as u32 - 1
            });
            classes[place as usize].rows += 1;
            voters.add(vector, place)?;
        }
    }
    if let Some(unfit) = unfit.message() {
        notes::say(&name, format!("{name}: {unfit}"));
    }
    if classes.is_empty() {
        let hint = "rows vote for their label: `pokedex scan FOLDER --meta CSV` adds labels";
        return Err(Failure::failed(format!("{name}: no row has a vector and a label"), Some(hint.into())));
    }
    (head.rows, head.owners) = voters.finish()?;
    head.classes = by_name(classes, &mut head.owners);
    let model = footer.map(|full| short_id(&full)).or(check.model().map(str::to_string)).filter(|id| id != "unknown");
    head.features[0] = Feature { dimension: check.dimension, model, ..head.features[0].clone() };
    (head.neighbours, head.nearness) = (neighbours, NEARNESS);
    let identity = format!("index/{}", head.identity());
    wishes.judge(head, identity)
}

/// Classes in the order of their names, as everywhere.
fn by_name(classes: Vec<Class>, owners: &mut [u32]) -> Vec<Class> {
    let mut order: Vec<u32> = (0..classes.len() as u32).collect();
    order.sort_by(|a, b| classes[*a as usize].label.cmp(&classes[*b as usize].label));
    let mut rank = vec![0; order.len()];
    (0..).zip(&order).for_each(|(place, old)| rank[*old as usize] = place);
    owners.iter_mut().filter(|owner| **owner != NOBODY).for_each(|owner| *owner = rank[*owner as usize]);
    order.iter().map(|old| classes[*old as usize].clone()).collect()
}

/// The rows that vote, as they are met in their table, from its first on.
struct Voters {
    /// What lends the vectors, as long as it holds what the table holds; then `own` is empty, and every row has an owner.
    packed: Option<Lent>,
    own: Keeper,
    owners: Vec<u32>,
}

/// Vectors in blocks of whole rows, all but the last of equally many.
struct Lent {
    blocks: Vec<ScalarBuffer<f32>>,
    dimension: usize,
}

impl Lent {
    fn row(&self, row: usize) -> Option<&[f32]> {
        let rows = self.blocks.first()?.len() / self.dimension;
        let start = row % rows * self.dimension;
        self.blocks.get(row / rows)?.get(start..start + self.dimension)
    }

    fn len(&self) -> usize {
        self.blocks.iter().map(|block| block.len()).sum::<usize>() / self.dimension
    }
}

impl Voters {
    fn new(packed: Option<Packed>) -> Voters {
        let lent = |packed: Packed| Lent { blocks: packed.blocks(), dimension: packed.dimension() };
        Voters { packed: packed.map(lent), own: Keeper::default(), owners: Vec::new() }
    }

    /// The next row votes.
    ///
    /// # Errors
    /// There is no room for it.
    fn add(&mut self, vector: &[f32], owner: u32) -> Result<(), io::Error> {
        let mut vector = vector.to_vec();
        normalise(&mut vector);
        if let Some(packed) = &self.packed
            && !packed.row(self.owners.len()).is_some_and(|lent| is_same(lent, &vector))
        {
            self.copy()?;
        }
        if self.packed.is_none() {
            self.own.push(&vector)?;
        }
        self.owners.push(owner);
        Ok(())
    }

    /// The next row does not.
    fn leave_out(&mut self) {
        if self.packed.is_some() {
            self.owners.push(NOBODY);
        }
    }

    /// Copies what was lent so far, to go on without.
    fn copy(&mut self) -> Result<(), io::Error> {
        let Some(packed) = self.packed.take() else { return Ok(()) };
        let mut voters = (0..self.owners.len()).filter(|&row| self.owners[row] != NOBODY);
        voters.try_for_each(|row| packed.row(row).map_or(Ok(()), |vector| self.own.push(vector)))?;
        self.owners.retain(|owner| *owner != NOBODY);
        Ok(())
    }

    /// The vectors, of length 1, in blocks, and the owners of all rows.
    ///
    /// # Errors
    /// There is no room for them.
    fn finish(mut self) -> Result<(Vec<ScalarBuffer<f32>>, Vec<u32>), io::Error> {
        if self.packed.as_ref().is_some_and(|packed| packed.len() != self.owners.len()) {
            self.copy()?;
        }
        Ok(match self.packed {
            Some(packed) => (packed.blocks, self.owners),
            None => (vec![self.own.finish()?], self.owners),
        })
    }
}

/// Whether two vectors are the same to the bit.
fn is_same(one: &[f32], other: &[f32]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.to_bits() == b.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of two numbers, three a block.
    fn lent(rows: &[[f32; 2]]) -> Voters {
        let blocks = rows.chunks(3).map(|block| block.concat().into()).collect();
        Voters { packed: Some(Lent { blocks, dimension: 2 }), own: Keeper::default(), owners: Vec::new() }
    }

    const ROWS: [[f32; 2]; 5] = [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [-1.0, 0.0], [0.0, -1.0]];

    #[test]
    fn vectors_are_lent_where_they_are_those_of_the_table() {
        let mut voters = lent(&ROWS);
        for (row, vector) in ROWS.iter().enumerate() {
            match row {
                1 => voters.leave_out(),
                // A table may hold longer vectors; its index holds them of length 1.
                3 => voters.add(&[-2.0, 0.0], 3).expect("few"),
                _ => voters.add(vector, row as u32).expect("few"),
            }
        }
        let (blocks, owners) = voters.finish().expect("few");
        assert_eq!(blocks.iter().map(|block| block.len()).collect::<Vec<_>>(), [6, 4]);
        assert_eq!(owners, [0, NOBODY, 2, 3, 4]);
    }

    #[test]
    fn vectors_are_copied_where_they_differ_or_rows_are_missing() {
        let copied = |lent: Voters, other: usize| {
            let mut voters = lent;
            voters.leave_out();
            for (row, vector) in ROWS.iter().enumerate().skip(1) {
                voters.add(if row == other { &[0.8, 0.6] } else { vector }, row as u32).expect("few");
            }
            voters.finish().expect("few")
        };
        let (blocks, owners) = copied(lent(&ROWS), 3);
        assert_eq!(blocks, [[0.0, 1.0, 0.6, 0.8, 0.8, 0.6, 0.0, -1.0]]);
        assert_eq!(owners, [1, 2, 3, 4]);
        let more: Vec<[f32; 2]> = ROWS.iter().copied().chain([[1.0, 0.0]]).collect();
        for held in [&ROWS[..3], &ROWS[..4], &more[..]] {
            let (blocks, owners) = copied(lent(held), 9);
            assert_eq!(blocks, [ROWS[1..].concat()]);
            assert_eq!(owners, [1, 2, 3, 4]);
        }
    }
}
