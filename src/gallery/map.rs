//! The map that an index holds, and which of its rows are to be seen on it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use crate::failure::Failure;
use crate::map::{Colours, Places, View};
use crate::query::Session;

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

/// The columns that a map's points can be coloured by; `None`: the index holds no map.
///
/// # Errors
/// The table cannot be read.
pub(super) fn colours(session: &Session) -> Result<Option<Vec<String>>, Failure> {
    let schema = session.schema()?;
    Ok(View::is_in(&schema).then(|| View::colours(&schema)))
}

/// The map, coloured by a column.
///
/// # Errors
/// The table cannot be read.
pub(super) fn read(session: &Session, colour: Option<&str>) -> Result<Points, Failure> {
    let schema = session.schema()?;
    let mut names = vec![crate::map::X, crate::map::Y];
    names.extend([crate::map::CLUSTER, crate::map::CLUSTER_LABEL].iter().filter(|name| schema.index_of(name).is_ok()));
    names.extend(colour.filter(|colour| !names.contains(colour)));
    let has_clusters = names.contains(&crate::map::CLUSTER);
    let own = has_clusters.then(|| crate::map::CLUSTER.to_string());
    let colours: Vec<String> = own.into_iter().chain(colour.map(str::to_string)).collect();
    let mut view = View::new(&colours, usize::MAX);
    view.look(&session.read(&names)?)?;
    Ok(Points { places: view.places(), colours: view.coloured(colour) })
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
