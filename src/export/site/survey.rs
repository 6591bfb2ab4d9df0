//! What all rows say before any is written: their keys, who has a picture, the vectors and the model that made them.

use std::collections::BTreeSet;
use std::path::Path;

use arrow_array::RecordBatch;

use crate::failure::Failure;
use crate::filter::Filter;
use crate::index::{Nearest, Pokedex, Unfit, one_model};
use crate::io::Within;
use crate::map::{self, Placed, View};
use crate::model::{Model, short_id};
use crate::names;
use crate::output::folder::refuse_row;
use crate::progress::Progress;
use crate::species;
use crate::table::{self, Images, Inputs, Table, column};

/// A browser holds the rows and the vectors of so many in its memory.
const MOST_ROWS: usize = 100_000;
/// More groups than these help nobody.
const MOST_GROUPS: usize = 300;
/// Columns of at most so many words, and at most so many of these, colour a map.
const MOST_WORDS: usize = 300;
pub(super) const MOST_COLOURS: usize = 12;

/// What has been seen of the rows so far.
pub(super) struct Survey {
    name: String,
    within: Within,
    is_pokedex: bool,
    keys: Vec<Box<str>>,
    pictured: Vec<bool>,
    vectors: Nearest,
    unfit: Unfit,
    /// As [`one_model`] has it.
    model: Option<Option<String>>,
    /// What the rows are called, as long as that is not too much for groups.
    labels: BTreeSet<Option<String>>,
    /// The map, where the rows have places.
    map: Option<View>,
    /// Where they are that have none of their own.
    placed: Option<Placed>,
}

/// What a site is to hold, and what can be looked for in it.
pub(super) struct Searched {
    /// What the page calls it.
    pub name: String,
    /// What messages call it.
    pub called: String,
    pub is_pokedex: bool,
    /// Number of rows.
    pub rows: usize,
    /// The file of each row's small picture, if it is to have one, without its folder.
    pub files: Vec<Option<Box<str>>>,
    pub vectors: Nearest,
    /// The model that made them.
    pub model: Option<String>,
    /// The column that is best grouped by.
    pub group: Option<&'static str>,
    /// Why words are not looked for; `None` where they are.
    pub no_words: Option<String>,
    /// The map, where the rows have places.
    pub map: Option<View>,
}

impl Survey {
    /// Of these inputs; `within` knows the folder that is to be written, `placed` where rows are that have no places of their own.
    pub(super) fn new(inputs: &Inputs, within: Within, placed: Option<Placed>) -> Survey {
        let is_pokedex = is_pokedex(inputs);
        let name = inputs.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
        Survey {
            name,
            within,
            is_pokedex,
            keys: Vec::new(),
            pictured: Vec::new(),
            vectors: Nearest::new(is_pokedex),
            unfit: Unfit::default(),
            model: None,
            labels: BTreeSet::new(),
            map: None,
            placed,
        }
    }

    /// Takes the next rows.
    ///
    /// # Errors
    /// They are too many, a column is of another type than it should be, vectors are of two lengths or models, or a picture
    /// that is to be read lies in the folder that is to be written.
    pub(super) fn look(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        if self.keys.len() + batch.num_rows() > MOST_ROWS {
            let hint =
                format!("--where chooses some of them: pokedex export {} --where \"split = 'test'\" …", self.name);
            let message = format!("{}: has more than {MOST_ROWS} rows, which no browser holds at once", self.name);
            return Err(Failure::failed(message, Some(hint)));
        }
        let images = Images::of(batch)?;
        for i in 0..batch.num_rows() {
            self.keys.push(images.key(i).into());
            refuse_row(&mut self.within, &images, i)?;
            let has_picture = images.bytes(i).is_some() || images.path(i).is_some();
            self.pictured.push(has_picture && images.error(i).is_none());
        }
        let first = self.keys.len() - batch.num_rows();
        let placed = self.placed.as_ref().map(|placed| placed.add(batch, first));
        let on_map = placed.as_ref().unwrap_or(batch);
        if first == 0 && View::is_in(on_map.schema_ref()) {
            self.map = Some(View::new(&View::colours(on_map.schema_ref()), MOST_WORDS));
        }
        self.map.as_mut().map_or(Ok(()), |map| map.look(on_map))?;
        for label in column::text(batch, column::LABEL)?.iter().flatten() {
            if self.labels.len() > MOST_GROUPS {
                break;
            }
            self.labels.insert(label.map(str::to_string));
        }
        if batch.column_by_name(column::EMBEDDING).is_none() {
            return Ok(());
        }
        let vectors = column::vectors(batch, column::EMBEDDING, &self.name)?;
        one_model(batch, &vectors, column::EMBEDDING, &self.name, &mut self.model)?;
        let (first, other) = (self.vectors.dimension(), vectors.dimension);
        if first > 0 && other > 0 && first != other {
            return Err(table::Error::RaggedVectors { column: column::EMBEDDING.into(), first, other }.into());
        }
        for i in 0..batch.num_rows() {
            let problem = vectors.get(i).and_then(Unfit::problem);
            if let Some(problem) = problem {
                self.unfit.add(images.key(i), problem);
            }
            self.vectors.push(vectors.get(i).filter(|_| problem.is_none()));
        }
        Ok(())
    }

    /// What the site of the table is to hold.
    ///
    /// # Errors
    /// There is no row.
    pub(super) fn finish(self, table: &Table, progress: &dyn Progress) -> Result<Searched, Failure> {
        let name = &table.name;
        if self.keys.is_empty() {
            let hint = format!("pokedex export {name} --format csv | head");
            return Err(Failure::failed(format!("{name}: no row can be exported"), Some(hint)));
        }
        if let Some(message) = self.unfit.message() {
            progress.warn(&format!("{name}: {message}"));
        }
        let footer = table.provenance.get("model").filter(|id| *id != "unknown").map(short_id);
        let model = self.model.flatten().or(footer).filter(|_| self.vectors.dimension() > 0);
        let builtin = Model::builtin();
        let is_own =
            model.as_ref() == Some(&builtin.id().to_string()) && self.vectors.dimension() == builtin.dimension();
        let no_words = match (&model, self.vectors.dimension()) {
            (_, 0) => Some("has no vectors, so nothing can be looked for in it".to_string()),
            _ if is_own => None,
            (Some(model), _) => Some(format!("words are not looked for here: its vectors were made by {model}")),
            (None, _) => Some("words are not looked for here: nobody knows which model made its vectors".to_string()),
        };
        if let Some(problem) = &no_words {
            progress.warn(&format!("{name}: {problem}"));
            if self.vectors.dimension() == 0 {
                progress.hint(&format!("pokedex embed {name} | pokedex export - --format site -o SITE/"));
            }
        }
        let file = Path::new(name).file_name().map_or_else(|| name.clone(), |file| file.to_string_lossy().into_owned());
        Ok(Searched {
            called: if self.is_pokedex { Pokedex::NAME.into() } else { file.clone() },
            name: if self.is_pokedex { species::TABLE_NAME.into() } else { file },
            is_pokedex: self.is_pokedex,
            rows: self.keys.len(),
            files: files(&self.keys, &self.pictured),
            group: match self.labels.len() {
                _ if self.is_pokedex => Some("generation"),
                2..=MOST_GROUPS => Some(column::LABEL),
                _ => None,
            },
            vectors: self.vectors,
            map: self.map,
            model,
            no_words,
        })
    }
}

fn is_pokedex(inputs: &Inputs) -> bool {
    inputs.paths.as_slice() == [Path::new(species::TABLE_NAME)]
}

/// Where the species are that a site of the built-in Pokédex holds.
///
/// # Errors
/// The condition does not suit it, or nobody wants the site any more.
pub(super) fn own_map(
    inputs: &Inputs,
    filter: Option<&Filter>,
    progress: &mut dyn Progress,
) -> Result<Option<Placed>, Failure> {
    if !is_pokedex(inputs) {
        return Ok(None);
    }
    let table = inputs.images_or_vectors()?;
    let table = match filter {
        Some(filter) => table.filtered(filter)?,
        None => table,
    };
    map::place(table, &map::Options::default(), progress).map(Some)
}

/// The names of small pictures, after the keys of their rows. Some hosts keep back what begins with a `_` or a `#`.
fn files(keys: &[Box<str>], pictured: &[bool]) -> Vec<Option<Box<str>>> {
    let wanted = keys.iter().zip(pictured).filter(|(_, pictured)| **pictured).map(|(key, _)| &**key);
    let base = |key: &str| match names::safe(&names::stem(key)).trim_start_matches(['.', '_', '#', ' ']) {
        "" => "picture".to_string(),
        stem => stem.to_string(),
    };
    let mut names = names::apart(wanted, base).into_iter();
    pictured
        .iter()
        .map(|pictured| if *pictured { names.next().map(|name| format!("{name}.jpg").into()) } else { None })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pictures_have_safe_names_of_their_own() {
        let keys = ["a/x.png", "b/x.png", "../up.png", "_hidden.jpg", "<b>&\"#%.png", ".", "a/x.png?", "none"];
        let keys = keys.map(Box::from);
        let mut pictured = [true; 8];
        pictured[7] = false;
        let names: Vec<Option<String>> =
            files(&keys, &pictured).into_iter().map(|name| name.map(String::from)).collect();
        let all: Vec<&String> = names.iter().flatten().collect();
        assert_eq!((all.len(), &names[7]), (7, &None));
        assert!(all.iter().all(|name| name.ends_with(".jpg") && !name.contains(['/', '\\', '<', '"', '?'])), "{all:?}");
        assert!(all.iter().all(|name| !name.starts_with(['.', '_', '#'])), "{all:?}");
        let distinct: std::collections::HashSet<String> = all.iter().map(|name| names::folded(name)).collect();
        assert_eq!(distinct.len(), 7, "{all:?}");
        assert_eq!((names[2].as_deref(), names[3].as_deref()), (Some("up.jpg"), Some("hidden.jpg")));
    }
}
