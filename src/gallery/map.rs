//! The map that an index holds, and which of its rows are to be seen on it.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use crate::failure::Failure;
use crate::map::{self, Colours, Placed, Places, View};
use crate::progress::Silent;
use crate::query::Session;
use crate::species;
use crate::table::{Inputs, column};

/// A column of more words colours nothing.
const MOST_WORDS: usize = 10_000;

/// A map, and how it is coloured.
#[derive(Debug, Clone, Serialize)]
pub struct Points {
    /// Where the rows are.
    #[serde(flatten)]
    pub places: Places,
    /// How they are coloured.
    #[serde(flatten)]
    pub colours: Colours,
}

/// For which rows a condition holds.
#[derive(Debug, Clone, Serialize)]
pub struct Passing {
    /// How many rows there are.
    pub rows: u64,
    /// For how many of them it holds.
    pub total: u64,
    /// A bit for each row in base64: bit 0 of the first byte is that of row 0.
    pub bits: String,
}

impl Passing {
    /// Of so many rows these.
    pub(super) fn of(passing: &[u64], rows: u64) -> Passing {
        let mut bits = vec![0u8; rows.div_ceil(8) as usize];
        passing.iter().for_each(|row| bits[(row / 8) as usize] |= 1 << (row % 8));
        Passing { rows, total: passing.len() as u64, bits: BASE64_STANDARD.encode(bits) }
    }
}

/// The map of an index: that of its table, or, of the built-in Pokédex, one that is made when it is first asked for.
pub(super) struct Maps {
    session: Arc<Session>,
    made: Mutex<Option<Arc<Placed>>>,
    /// A map of many rows takes memory: one at a time.
    reading: Mutex<()>,
}

impl Maps {
    pub(super) fn new(session: Arc<Session>) -> Maps {
        Maps { session, made: Mutex::default(), reading: Mutex::default() }
    }

    /// The columns that the points can be coloured by; `None`: there is no map.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn colours(&self) -> Result<Option<Vec<String>>, Failure> {
        let schema = self.session.schema()?;
        let own = self.session.is_pokedex().then(|| map::CLUSTER.to_string());
        let is_there = own.is_some() || View::is_in(&schema);
        Ok(is_there.then(|| own.into_iter().chain(View::colours(&schema)).collect()))
    }

    /// The map, coloured by a column.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn read(&self, colour: Option<&str>) -> Result<Points, Failure> {
        let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let schema = self.session.schema()?;
        let mut names = vec![column::KEY];
        names.extend([map::X, map::Y, map::CLUSTER, map::CLUSTER_LABEL]);
        names.extend(colour.filter(|colour| !names.contains(colour)));
        names.retain(|name| schema.index_of(name).is_ok());
        let mut batch = self.session.read(&names)?;
        if self.session.is_pokedex() {
            batch = self.made()?.add(&batch, 0);
        }
        let own = batch.column_by_name(map::CLUSTER).map(|_| map::CLUSTER.to_string());
        let colours: Vec<String> = own.into_iter().chain(colour.map(str::to_string)).collect();
        let mut view = View::new(&colours, MOST_WORDS);
        view.look(&batch)?;
        if let Some(colour) = colour.filter(|colour| !view.kept().iter().any(|kept| kept == colour)) {
            let message = format!("{colour}: has more than {MOST_WORDS} words, which no colours tell apart");
            return Err(Failure::usage(message, "colour by a column of fewer"));
        }
        Ok(Points { places: view.places(), colours: view.coloured(colour) })
    }

    /// That of the Pokédex.
    fn made(&self) -> Result<Arc<Placed>, Failure> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*made {
            return Ok(made.clone());
        }
        let inputs = Inputs { paths: vec![species::TABLE_NAME.into()], ..Inputs::default() };
        let placed = Arc::new(map::place(inputs.images_or_vectors()?, &map::Options::default(), &mut Silent)?);
        *made = Some(placed.clone());
        Ok(placed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_a_row_says_where_a_condition_holds() {
        let passing = Passing::of(&[0, 3, 9], 10);
        assert_eq!((passing.total, passing.bits.as_str()), (3, BASE64_STANDARD.encode([0b1001, 0b10]).as_str()));
        assert_eq!(Passing::of(&[], 0).bits, "");
    }
}
