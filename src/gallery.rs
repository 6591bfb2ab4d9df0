//! What can be looked at and asked of an index: its rows in any order, its pictures small, what is near to something, and
//! which class a picture is of. Pages, servers and agents stand on it; it only reads.
//!
//! Hides: how rows come out of an index, in which order, and in groups; where pictures lie and who may see them; how questions
//! of many people are answered at once. Promises: an answer is that of `query` or `classify` for the same question; no file
//! is read that no row names, or that lies outside the folders that were given; no answer tells where on the machine
//! something lies; any number of threads may ask at once.
//!
//! ```
//! use pokedex::gallery::{Ask, Gallery, Options};
//! use pokedex::progress::Silent;
//!
//! let gallery = Gallery::open(Options::default(), &Silent)?;
//! let answer = gallery.search(&Ask { q: Some("fire dog".into()), top: 5, ..Ask::default() })?;
//! assert_eq!(answer.hits.len(), 5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod about;
mod ask;
mod desk;
mod map;
mod pictures;
mod recent;
mod rows;
mod shown;
mod views;
mod which;

pub use about::{About, MapOf};
pub use ask::{Answer, Ask, Took};
pub use map::{Passing, Points};
pub use pictures::Thumbnail;
pub use rows::{Column, Page, Rows};
pub use views::{Groups, Section};
pub use which::{Class, Classes};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value};

use crate::failure::{Failure, Kind};
use crate::image::Flaw;
use crate::index;
use crate::io::is_address;
use crate::progress::Progress;
use crate::query::{self, Session, table_of};
use crate::species;
use about::describe;
use desk::Desk;
use map::Maps;
use pictures::Pictures;
use rows::Cells;
use shown::Discreet;
use views::Views;
use which::Which;

/// The sides that thumbnails may have at most, in pixels.
pub const SIZES: [u32; 4] = [128, 256, 512, 1024];

/// What a gallery shows.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The index; `None`: the built-in Pokédex.
    pub index: Option<PathBuf>,
    /// Folders in which pictures may lie; without any the working directory and the folder of the index.
    pub images: Vec<PathBuf>,
    /// A head that says which class a picture is of; `None`: the labelled rows of the index, or the species.
    pub head: Option<PathBuf>,
    /// How the index is searched.
    pub query: query::Options,
}

impl Options {
    /// The file of the index, where it is not the built-in Pokédex.
    ///
    /// # Errors
    /// There is none in the folder that was named, or it comes by a pipe.
    pub fn table(&self) -> Result<Option<PathBuf>, Failure> {
        match self.index.as_deref() {
            None => Ok(None),
            // An empty name, as of a variable that is set to nothing, is as good as none.
            Some(path) if ["", species::TABLE_NAME].iter().any(|none| path.as_os_str() == *none) => Ok(None),
            Some(path) if path == Path::new("-") => Err(Failure::usage(
                "-: what is looked at for long is a file, and no pipe",
                "write it to a file first: … | pokedex index - -o photos.parquet",
            )),
            Some(path) if is_address(path) => Err(Failure::usage(
                format!("{}: what is looked at for long is a file, and no object of a bucket", path.display()),
                format!("bring it here first: pokedex index {} -o index.parquet", path.display()),
            )),
            Some(path) => table_of(path).map(Some),
        }
    }
}

/// An index that is looked at.
pub struct Gallery {
    session: Arc<Session>,
    about: About,
    cells: Cells,
    views: Views,
    pictures: Pictures,
    desk: Desk,
    which: Which,
    discreet: Discreet,
    maps: Maps,
}

/// Why something could not be shown, in words that tell nothing of the machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Whose fault it is.
    pub fault: Fault,
    /// What is wrong.
    pub message: String,
    /// What would mend it.
    pub hint: Option<String>,
}

/// Whose fault a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// What was asked makes no sense.
    Question,
    /// There is no such row or picture.
    Missing,
    /// What was brought is no picture.
    Picture,
    /// Something failed here.
    Here,
}

impl Refusal {
    /// What was asked makes no sense.
    pub fn question(message: impl Into<String>, hint: impl Into<String>) -> Refusal {
        Refusal { fault: Fault::Question, message: message.into(), hint: Some(hint.into()) }
    }

    /// There is no such row or picture.
    pub fn missing(message: impl Into<String>) -> Refusal {
        Refusal { fault: Fault::Missing, message: message.into(), hint: None }
    }
}

impl Gallery {
    /// Opens an index, or the built-in Pokédex.
    ///
    /// # Errors
    /// The index cannot be read or is none; a folder of pictures is not there.
    pub fn open(options: Options, progress: &dyn Progress) -> Result<Gallery, Failure> {
        let index = options.table()?;
        let index = index.as_deref();
        let session = match index {
            None => Session::pokedex(&options.query)?,
            Some(path) => Session::open(path, &options.query, progress)?,
        };
        let session = Arc::new(session);
        // Who names a model wants to ask by it; of an index alone the rows can be looked at.
        options.query.model.as_ref().map(|_| session.towers_there()).transpose()?;
        let discreet = Discreet::new(index, &options.images);
        let cells = Cells::open(session.clone())?;
        let pictures = Pictures::open(index, &options.images, &cells)?;
        let which = Which::of(&options, index, &session, &cells);
        let maps = Maps::new(session.clone());
        let about = describe(index, &session, &cells, &pictures, &which, &maps, progress)?;
        let desk = Desk::new(session.clone());
        Ok(Gallery { session, about, cells, views: Views::default(), pictures, desk, which, discreet, maps })
    }

    /// What it shows.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Some of the rows for which a condition holds, in an order.
    ///
    /// # Errors
    /// The condition is none or does not suit the table, or there is no such column to sort or group by.
    pub fn rows(&self, page: &Page) -> Result<Rows, Refusal> {
        let view = self.view(page.condition.as_deref(), page.sort.as_deref(), page.group.as_deref())?;
        let rows = view.rows(page.from, page.count);
        let found = self.shown(self.cells.of(&rows))?;
        let rows = rows.iter().zip(found).map(|(row, cells)| self.with_number(*row, cells)).collect();
        Ok(Rows { total: view.total, from: page.from, rows })
    }

    /// Where each group begins, of the rows for which a condition holds, as [`Gallery::rows`] orders them by this column.
    ///
    /// # Errors
    /// As there, and where there are more than ten thousand groups.
    pub fn groups(&self, condition: Option<&str>, column: &str) -> Result<Groups, Refusal> {
        let view = self.view(condition, None, Some(column))?;
        let shown =
            |section: &Section| Section { value: self.discreet.cell(column, section.value.clone()), ..section.clone() };
        Ok(Groups { total: view.total, groups: view.sections.iter().map(shown).collect() })
    }

    /// All there is to show of a row.
    ///
    /// # Errors
    /// There is no such row.
    pub fn row(&self, row: u64) -> Result<Map<String, Value>, Refusal> {
        self.there(row)?;
        let cells = self.shown(self.cells.of(&[row]))?.pop().unwrap_or_default();
        Ok(self.with_number(row, cells))
    }

    /// Rows of these numbers, in this order.
    ///
    /// # Errors
    /// There is no such row.
    pub fn rows_of(&self, rows: &[u64]) -> Result<Rows, Refusal> {
        rows.iter().try_for_each(|row| self.there(*row))?;
        let found = self.shown(self.cells.of(rows))?;
        let found: Vec<_> = rows.iter().zip(found).map(|(row, cells)| self.with_number(*row, cells)).collect();
        Ok(Rows { total: found.len() as u64, from: 0, rows: found })
    }

    /// The map that the table holds, coloured by a column, or else by what suits best.
    ///
    /// # Errors
    /// The table holds none, or its points cannot be coloured by this column.
    pub fn map(&self, colour: Option<&str>) -> Result<Points, Refusal> {
        let Some(own) = &self.about.map else {
            return Err(Refusal::missing(format!("{} is no map: it has no columns x and y", self.about.name)));
        };
        if let Some(column) = colour.filter(|column| !own.colours.iter().any(|own| own == column)) {
            let message = format!("{column}: points cannot be coloured by that");
            return Err(Refusal::question(message, format!("colour by {}", own.colours.join(", "))));
        }
        self.shown(self.maps.read(colour.or(own.colours.first().map(String::as_str))))
    }

    /// Of every row whether a condition holds.
    ///
    /// # Errors
    /// The condition is none or does not suit the table.
    pub fn passing(&self, condition: &str) -> Result<Passing, Refusal> {
        let view = self.view(Some(condition), None, None)?;
        Ok(Passing::of(&view.rows(0, usize::MAX), self.about.rows))
    }

    /// The number of the row of a key.
    ///
    /// # Errors
    /// There is no such row.
    pub fn row_of_key(&self, key: &str) -> Result<u64, Refusal> {
        let condition = format!("key = '{}'", key.replace('\'', "''"));
        let page = Page { count: 1, condition: Some(condition), ..Page::default() };
        let row = self.rows(&page)?.rows.first().and_then(|row| row.get("row")?.as_u64());
        row.ok_or_else(|| Refusal::missing(format!("there is no row of key {key}")))
    }

    /// What is near to something, best first: as `query` answers.
    ///
    /// # Errors
    /// The question is none, names a file, or cannot be asked of this index.
    pub fn search(&self, ask: &Ask) -> Result<Answer, Refusal> {
        if let Some(row) = ask.row {
            self.there(row)?;
        }
        let start = Instant::now();
        let seen = ask.picture.as_deref().map(|picture| self.see(picture)).transpose()?;
        let asked = Arc::new(self.shown_question(ask::read(&self.session, &self.cells, ask, seen))?);
        let read = start.elapsed();
        let mut group = self.shown(self.desk.answer(asked.clone()))?;
        if let Some(limit) = ask.apart {
            ask::keep_apart(&mut group.hits, limit);
        }
        let search = start.elapsed() - read;
        let rows: Vec<u64> = group.hits.iter().map(|hit| hit.row).collect();
        let cells = self.shown(self.cells.of(&rows))?.into_iter().zip(&rows);
        let cells = cells.map(|(cells, row)| self.with_number(*row, cells)).collect();
        let took = Took { read, search, rows: start.elapsed() - read - search };
        Ok(Answer { took, ..ask::answer(group, cells, &asked, &self.discreet) })
    }

    /// Which classes a picture may be of.
    ///
    /// # Errors
    /// It is no picture, or nothing here tells classes apart.
    pub fn classify(&self, picture: &[u8], top: usize) -> Result<Classes, Refusal> {
        let found = self.shown(self.which.classes(picture, top))?;
        found.map_err(|problem| Refusal { fault: Fault::Picture, message: self.discreet.text(&problem), hint: None })
    }

    /// A small upright JPEG of a row's picture, no side of which is longer than `size`; `None` where the row has none that
    /// may be shown.
    ///
    /// # Errors
    /// There is no such row, no such size, or its picture is damaged.
    pub fn thumbnail(&self, row: u64, size: u32) -> Result<Option<Thumbnail>, Refusal> {
        self.there(row)?;
        if !SIZES.contains(&size) {
            return Err(Refusal::question(format!("size {size}: is none of those that there are"), "size=256"));
        }
        let names = self.shown(self.cells.names(row))?;
        let made = self.pictures.thumbnail(row, size, &names, || self.cells.picture(row));
        made.map_err(|problem| Refusal { fault: Fault::Missing, message: self.discreet.text(&problem), hint: None })
    }

    /// A text of this program, without where on the machine something lies.
    pub fn discreet(&self, text: &str) -> String {
        self.discreet.text(text)
    }

    fn view(
        &self,
        condition: Option<&str>,
        sort: Option<&str>,
        group: Option<&str>,
    ) -> Result<Arc<views::View>, Refusal> {
        let usable = |text: &Option<&str>| text.is_some_and(|text| !text.trim().is_empty());
        let [condition, sort, group] = [condition, sort, group].map(|text| Some(text).filter(usable).flatten());
        let made = self.views.get(&self.session, (&self.about.columns, self.about.rows), [condition, sort, group]);
        self.shown_question(made)
    }

    /// The vector of a picture, and what is wrong with it.
    fn see(&self, picture: &[u8]) -> Result<(Vec<f32>, Option<Flaw>), Refusal> {
        let fault = if self.about.by_picture { Fault::Picture } else { Fault::Question };
        self.session.see("the picture", picture).map_err(|failure| self.discreet.refusal(fault, &failure))
    }

    fn there(&self, row: u64) -> Result<(), Refusal> {
        match row < self.about.rows {
            true => Ok(()),
            false => Err(Refusal::missing(format!("there is no row {row}"))),
        }
    }

    /// The cells of a row as they may be shown, after its number; a column that is named as that is gives way.
    fn with_number(&self, row: u64, cells: Map<String, Value>) -> Map<String, Value> {
        let mut all = Map::new();
        all.insert("row".into(), row.into());
        all.extend(cells.into_iter().filter(|(name, _)| name != "row").map(|(name, value)| {
            let value = self.discreet.cell(&name, value);
            (name, value)
        }));
        all
    }

    /// What fails while something is shown that was rightly asked for is a fault of what is here.
    fn shown<T>(&self, result: Result<T, Failure>) -> Result<T, Refusal> {
        result.map_err(|failure| {
            // Whether a condition suits the table shows when it is looked at.
            let condition = matches!(failure.cause::<index::Error>(), Some(index::Error::Filter(_)));
            let question = failure.kind == Kind::Usage || condition;
            self.discreet.refusal(if question { Fault::Question } else { Fault::Here }, &failure)
        })
    }

    /// What fails while a question is read is mostly a fault of the question.
    fn shown_question<T>(&self, result: Result<T, Failure>) -> Result<T, Refusal> {
        result.map_err(|failure| self.discreet.refusal(Fault::Question, &failure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    fn pokedex() -> Gallery {
        Gallery::open(Options::default(), &Silent).expect("the built-in Pokédex")
    }

    #[test]
    fn questions_of_many_are_answered_as_each_alone() {
        let gallery = pokedex();
        let asks: Vec<Ask> = (0..48)
            .map(|n| Ask {
                q: Some(["fire dog", "id:25", "gohst", "water - blue"][n % 4].into()),
                condition: [None, Some("generation < 4".into()), Some("nothing = 1".into())][n % 3].clone(),
                top: 3 + (n % 2) as u32,
                ..Ask::default()
            })
            .collect();
        let told = |answer: Result<Answer, Refusal>| answer.map(|answer| (answer.query, answer.notes, answer.hits));
        let alone: Vec<_> = asks.iter().map(|ask| told(gallery.search(ask))).collect();
        assert!(alone.iter().any(Result::is_err) && alone.iter().any(Result::is_ok));
        let at_once: Vec<_> = std::thread::scope(|scope| {
            let asking: Vec<_> = asks.iter().map(|ask| scope.spawn(|| told(gallery.search(ask)))).collect();
            asking.into_iter().map(|thread| thread.join().expect("it answers")).collect()
        });
        assert_eq!(at_once, alone);
    }

    #[test]
    fn rows_are_put_in_order_and_in_groups() {
        let gallery = pokedex();
        let page = |from, sort: &str, group: &str| Page {
            from,
            count: 5,
            sort: Some(sort.into()),
            group: Some(group.into()).filter(|group: &String| !group.is_empty()),
            ..Page::default()
        };
        let column = |page: &Page, name: &str| -> Vec<Value> {
            gallery.rows(page).expect("rows").rows.iter().map(|row| row[name].clone()).collect()
        };
        assert_eq!(column(&page(0, "-hp", ""), "label")[0], "Blissey");
        // Missing values come last, whichever way.
        for sort in ["type2", "-type2"] {
            assert_eq!(
                column(&page(1020, sort, ""), "type2"),
                [Value::Null, Value::Null, Value::Null, Value::Null, Value::Null]
            );
        }
        let groups = gallery.groups(None, "type1").expect("groups").groups;
        assert_eq!(groups.iter().map(|group| group.count).sum::<u64>(), 1025);
        let water = groups.iter().find(|group| group.value == "water").expect("there are such");
        let weights = column(&page(water.from, "weight_kg", "type1"), "weight_kg");
        assert!(weights.is_sorted_by_key(|weight| (weight.as_f64().unwrap_or_default() * 10.0) as i64), "{weights:?}");
        assert!(gallery.groups(None, "nothing").is_err());
    }
}
