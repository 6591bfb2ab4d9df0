//! What a session knows of its rows, for who shows them and not only what is near to something; and what it can be asked.

use arrow_array::RecordBatch;
use arrow_buffer::BooleanBuffer;
use arrow_schema::SchemaRef;

use super::session::{Searched, Session};
use super::towers::Towers;
use crate::failure::Failure;
use crate::filter::Filter;
use crate::image::Flaw;
use crate::index::{Index, Pokedex};
use crate::model::ModelId;

impl Session {
    /// Whether it is the built-in Pokédex.
    pub fn is_pokedex(&self) -> bool {
        matches!(self.0, Searched::Pokedex(_))
    }

    /// The columns of its table, in their order.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn schema(&self) -> Result<SchemaRef, Failure> {
        self.of_index(|index| Ok(index.schema()?))
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn count(&self) -> Result<u64, Failure> {
        self.of_index(|index| Ok(index.count()?))
    }

    /// Whether single rows can be read without all before them.
    ///
    /// # Errors
    /// It has no table.
    pub fn is_packed(&self) -> Result<bool, Failure> {
        self.of_index(|index| Ok(index.is_packed()))
    }

    /// These columns of all rows, in order.
    ///
    /// # Errors
    /// There is no such column, or the table cannot be read.
    pub fn read(&self, names: &[&str]) -> Result<RecordBatch, Failure> {
        self.of_index(|index| Ok(index.columns_of_all(names)?))
    }

    /// These columns of the rows of these numbers, in the order of the numbers.
    ///
    /// # Errors
    /// There is no such column, or the table cannot be read.
    pub fn rows_of(&self, names: &[String], rows: &[u64]) -> Result<RecordBatch, Failure> {
        self.of_index(|index| Ok(index.cells(names, rows)?))
    }

    /// For every row whether a condition holds for it.
    ///
    /// # Errors
    /// It does not suit the table, or the table cannot be read.
    pub fn passing(&self, filter: &Filter) -> Result<BooleanBuffer, Failure> {
        self.of_index(|index| Ok(index.passing(filter)?))
    }

    /// The model that made the vectors, `name@hash`, where it is known.
    ///
    /// # Errors
    /// The table cannot be read or has no vectors.
    pub fn made_by(&self) -> Result<Option<String>, Failure> {
        match &self.0 {
            Searched::Pokedex(pokedex) => Ok(Some(pokedex.towers().model().id().to_string())),
            Searched::Index(index) => Ok(index.made()?.0.filter(|id| *id != "unknown").map(str::to_string)),
            Searched::Annoy(_) => Ok(None),
        }
    }

    /// The model that embeds questions. None of its towers is loaded.
    ///
    /// # Errors
    /// It is not known or not here.
    pub fn model(&self) -> Result<&ModelId, Failure> {
        Ok(self.towers()?.model().id())
    }

    /// Whether the model that embeds questions reads words, and whether it sees pictures.
    ///
    /// # Errors
    /// It is not known or not here.
    pub fn towers_there(&self) -> Result<[bool; 2], Failure> {
        let model = self.towers()?.model();
        Ok([model.has_text(), model.has_image()])
    }

    /// The vector of a picture that somebody brought, for [`Question::of_vector`](super::Question::of_vector), and what is
    /// wrong with the picture though it could be read; `name` is what messages call it.
    ///
    /// # Errors
    /// It is no picture, or the model cannot be loaded or sees none.
    pub fn see(&self, name: &str, picture: &[u8]) -> Result<(Vec<f32>, Option<Flaw>), Failure> {
        self.towers()?.see(name, picture, None)
    }

    fn towers(&self) -> Result<&Towers, Failure> {
        match &self.0 {
            Searched::Pokedex(pokedex) => Ok(pokedex.towers()),
            Searched::Index(index) => index.towers(),
            Searched::Annoy(annoy) => Err(annoy.lacks("embedding_model")),
        }
    }

    fn of_index<T>(&self, look: impl FnOnce(&Index) -> Result<T, Failure>) -> Result<T, Failure> {
        match &self.0 {
            Searched::Pokedex(_) => look(&Pokedex::index()),
            Searched::Index(index) => look(index.index()),
            Searched::Annoy(annoy) => Err(annoy.lacks("key")),
        }
    }
}
