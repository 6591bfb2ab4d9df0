//! The vectors of one model within the database: found and kept, each with a digest that shows damage.

use rusqlite::{Connection, TransactionBehavior, params};

use super::database::{FIND, KEEP, NAME, make_room};
use super::problem::Problem;
use crate::model::identity::ModelId;

/// What sets the vectors of one model apart from all others.
pub(super) struct Part {
    /// Follows from the name: nobody needs to look it up, and nobody gives it to another model.
    id: i64,
    hash: [u8; 32],
    model: String,
    variant: String,
    dimension: usize,
}

impl Part {
    pub(super) fn new(model: &ModelId, dimension: usize, variant: &str) -> Part {
        let (model, variant) = (model.full(), variant.to_string());
        let hash = *blake3::hash(format!("{model}{variant}").as_bytes()).as_bytes();
        Part { id: first_number(&hash), hash, model, variant, dimension }
    }

    pub(super) fn find(&self, database: &Connection, content: &[u8; 32]) -> Result<Option<Vec<f32>>, Problem> {
        let mut statement = database.prepare(FIND)?;
        let mut rows = statement.query(params![self.id, content])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        // Damage turns values into such of other types, too.
        let (Ok(vector), Ok(digest)) = (row.get_ref(0)?.as_blob(), row.get_ref(1)?.as_i64()) else { return Ok(None) };
        let sound = vector.len() == 4 * self.dimension && digest == self.digest(content, vector);
        Ok(sound.then(|| vector.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
    }

    pub(super) fn keep(
        &self,
        database: &mut Connection,
        vectors: &[([u8; 32], &[f32])],
        limit: u64,
    ) -> Result<(), Problem> {
        // Locked from the start: one that begins to write later may find that another process was faster, and fail.
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(NAME, params![self.id, self.model, self.variant, self.dimension as i64])?;
        let mut keep = transaction.prepare(KEEP)?;
        for (content, vector) in vectors {
            debug_assert_eq!(vector.len(), self.dimension);
            // Another process may have been faster.
            if self.find(&transaction, content)?.is_some() {
                continue;
            }
            let vector: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            keep.execute(params![self.id, content, vector, self.digest(content, &vector)])?;
            // Where the way to a row is damaged, the row would be computed again in every run.
            if self.find(&transaction, content)?.is_none() {
                return Err(Problem::Damaged);
            }
        }
        drop(keep);
        make_room(&transaction, limit, vectors.len() as u64)?;
        Ok(transaction.commit()?)
    }

    /// Shows a row that is not as it was written.
    fn digest(&self, content: &[u8; 32], vector: &[u8]) -> i64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.hash).update(content).update(vector);
        first_number(hasher.finalize().as_bytes())
    }
}

pub(super) fn first_number(hash: &[u8; 32]) -> i64 {
    i64::from_le_bytes(hash[..8].try_into().expect("a hash is longer than a number"))
}
