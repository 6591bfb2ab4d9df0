//! What a gallery says of itself.

use std::path::Path;

use serde::Serialize;

use super::map::Maps;
use super::pictures::Pictures;
use super::rows::{Cells, Column};
use super::views;
use super::which::Which;
use crate::failure::Failure;
use crate::index::fingerprint;
use crate::progress::Progress;
use crate::query::Session;
use crate::species;
use crate::table::column;

/// What a gallery shows, for a page or a program.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    /// The name of the index's file, or `pokedex:`.
    pub name: String,
    /// The version of this program.
    pub version: &'static str,
    /// Tells this index from every other, and from what was in its place before.
    pub identity: String,
    /// How many rows there are.
    pub rows: u64,
    /// The model that made the vectors, where it is known.
    pub model: Option<String>,
    /// What can be shown of a row, in the order of the table.
    pub columns: Vec<Column>,
    /// Whether rows may have pictures.
    pub pictures: bool,
    /// Whether it can be asked in words.
    pub words: bool,
    /// Whether it can be asked by a picture.
    pub by_picture: bool,
    /// Whether it tells which class a picture is of.
    pub classify: bool,
    /// The column that is best grouped by.
    pub group: Option<String>,
    /// Whether it is the built-in Pokédex.
    pub pokedex: bool,
    /// The map that it holds, if it does.
    pub map: Option<MapOf>,
}

/// What there is to know of a map before it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct MapOf {
    /// The columns that its points can be coloured by, the first of which they are by themselves.
    pub colours: Vec<String>,
}

/// Rows up to which it is worth a look at start-up whether they can be grouped by their labels, and groups up to which
/// that helps anybody.
const FEW_ROWS: u64 = 200_000;
const FEW_GROUPS: usize = 300;

/// What there is to say of a session.
pub(super) fn describe(
    index: Option<&Path>,
    session: &Session,
    cells: &Cells,
    pictures: &Pictures,
    which: &Which,
    maps: &Maps,
    progress: &dyn Progress,
) -> Result<About, Failure> {
    let [words, by_picture] = session.towers_there().unwrap_or_else(|failure| {
        progress.warn(&format!("{failure}; it can be searched by its rows only"));
        failure.hints.iter().for_each(|hint| progress.hint(hint));
        [false, false]
    });
    let rows = session.count()?;
    let name = index.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let columns = cells.columns().to_vec();
    let has = |name: &str| columns.iter().any(|column| column.name == name);
    let group = match session.is_pokedex() {
        true => Some("generation".to_string()),
        false if has(column::LABEL) && rows <= FEW_ROWS => {
            let groups = views::count_groups(session, column::LABEL)?;
            (2..=FEW_GROUPS).contains(&groups).then(|| column::LABEL.to_string())
        }
        false => None,
    };
    Ok(About {
        name: name.unwrap_or_else(|| species::TABLE_NAME.into()),
        version: env!("CARGO_PKG_VERSION"),
        identity: identity(index)?,
        rows,
        model: session.made_by()?,
        pictures: pictures.may_be_there(),
        words,
        by_picture,
        classify: which.is_there(by_picture),
        group,
        pokedex: session.is_pokedex(),
        map: maps.colours()?.map(|colours| MapOf { colours }),
        columns,
    })
}

/// A digest that tells an index from every other.
fn identity(index: Option<&Path>) -> Result<String, Failure> {
    let digest = match index {
        None => fingerprint(species::TABLE),
        Some(path) => {
            let read = |source| crate::io::Error::Read { path: path.into(), source };
            fingerprint(&crate::io::map(path).map_err(read)?)
        }
    };
    Ok(digest[..16].to_string())
}
