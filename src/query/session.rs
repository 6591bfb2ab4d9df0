//! A session: what is searched and what embeds questions, opened once and asked from many threads.

use std::path::{Path, PathBuf};

use super::indexed::Indexed;
use super::limits::Limits;
use super::numbered::Numbered;
use super::pokedex::{BuiltIn, Sought};
use super::results::{Columns, Group};
use super::vectors::Resolved;
use super::{Asked, By, Options, Question};
use crate::failure::Failure;
use crate::index::{ANNOY, GRAPH, Index, PACKED, Pokedex, Weighted};
use crate::progress::Progress;
use crate::species::Language;

/// Something to search, opened once: the built-in Pokédex, an index, or a file of Annoy by another program.
///
/// Many threads may ask it at once; the answers do not depend on that. What only some questions need, a tower of the model
/// for words or for pictures, is loaded when the first of them comes, and kept.
///
/// ```
/// use pokedex::progress::Silent;
/// use pokedex::query::{Limits, Options, Question, Session};
///
/// let session = Session::pokedex(&Options::default())?;
/// let five = Limits { top: 5, ..Limits::default() };
/// let found = session.ask(&Question::of(&["fire dog"])?, &five, &Silent)?;
/// let names: Vec<&str> = found.hits.iter().filter_map(|hit| hit.label.as_deref()).collect();
/// assert_eq!(names.len(), 5);
/// assert!(names.contains(&"Growlithe") || names.contains(&"Houndour"), "{names:?}");
/// # Ok::<(), pokedex::Failure>(())
/// ```
pub struct Session(pub(super) Searched);

/// A question that a session made ready to be searched for; of no use to another session.
pub struct Ready {
    text: String,
    terms: Vec<Weighted>,
    sought: Looked,
}

/// What is compared.
enum Looked {
    Species(Sought),
    Rows(Resolved),
    /// Every row.
    All,
    /// The words alone.
    Words,
}

impl Ready {
    fn species(&self) -> Option<(Asked<'_>, &Sought)> {
        match &self.sought {
            Looked::Species(sought) => Some(((&self.text, &self.terms), sought)),
            Looked::Rows(_) | Looked::All | Looked::Words => None,
        }
    }

    fn rows(&self) -> Option<(Asked<'_>, &Resolved)> {
        match &self.sought {
            Looked::Rows(resolved) => Some(((&self.text, &self.terms), resolved)),
            Looked::Species(_) | Looked::All | Looked::Words => None,
        }
    }
}

/// What there is to search.
pub(super) enum Searched {
    Pokedex(Box<BuiltIn>),
    Index(Box<Indexed>),
    Annoy(Box<Numbered>),
}

impl Session {
    /// Opens the built-in Pokédex.
    ///
    /// # Errors
    /// The options name another model than the one that made it.
    pub fn pokedex(options: &Options) -> Result<Session, Failure> {
        if options.by != By::Both || !options.words_in.is_empty() {
            return Err(Failure::usage(
                "--by and --words-in: are for an index with texts; the built-in Pokédex reads its facts anyway",
                "pokedex query \"happy birthday\" --by words --index photos.parquet",
            ));
        }
        Ok(Session(Searched::Pokedex(Box::new(BuiltIn::open(options)?))))
    }

    /// Opens the index in a file (`-` for standard input), the only one in a folder, or the one that a file lies beside;
    /// or a file of Annoy by another program, where the options say that it is one. What lies beside an index and cannot be
    /// used is named, and searched without.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn open(path: &Path, options: &Options, progress: &dyn Progress) -> Result<Session, Failure> {
        if let Some((dimension, metric)) = options.annoy {
            return Ok(Session(Searched::Annoy(Box::new(Numbered::open(path, dimension, metric, options)?))));
        }
        let (index, problems) = Index::open(table_of(path)?, &options.column)?;
        for problem in problems {
            progress.warn(&format!("{problem}; searching without it (make the index again to mend that)"));
        }
        Ok(Session::over(index, options))
    }

    /// An index that is open already.
    pub fn over(index: Index, options: &Options) -> Session {
        Session(Searched::Index(Box::new(Indexed::of(index, options))))
    }

    /// The files that [`Session::open`] may read.
    pub fn files_of(path: &Path) -> impl Iterator<Item = PathBuf> {
        let beside = [ANNOY, GRAPH, PACKED, "parquet"].map(|extension| path.with_extension(extension));
        std::iter::once(path.to_path_buf()).chain(beside)
    }

    /// Whether only directions of vectors are compared, so that a vector that is zero cannot be searched for.
    pub fn compares_directions(&self) -> bool {
        !matches!(self.0, Searched::Annoy(_))
    }

    /// Answers a question.
    ///
    /// # Errors
    /// As [`Session::ask_all`].
    pub fn ask(&self, question: &Question, limits: &Limits, progress: &dyn Progress) -> Result<Group, Failure> {
        let mut groups = self.ask_all(std::slice::from_ref(question), limits, progress)?;
        Ok(groups.pop().expect("one question has one answer"))
    }

    /// Answers questions, in order; a table with nothing beside it is read once for all of them.
    ///
    /// # Errors
    /// A term cannot be made a vector of (its file, its row or the model is not there, or is of another model than the
    /// index), terms cancel each other out, the condition does not suit the table, or the table cannot be read.
    pub fn ask_all(
        &self,
        questions: &[Question],
        limits: &Limits,
        progress: &dyn Progress,
    ) -> Result<Vec<Group>, Failure> {
        // What is wrong with the limits is said before what is wrong with the questions.
        match &self.0 {
            Searched::Pokedex(_) => BuiltIn::suits(limits)?,
            Searched::Annoy(annoy) => annoy.suits(limits)?,
            Searched::Index(_) => {}
        }
        let ready = self.prepare(questions, progress)?;
        self.answer(&ready.iter().collect::<Vec<_>>(), limits, progress)
    }

    /// Makes questions ready: words and pictures are embedded, stored rows looked up. What is left is the search. Either all of
    /// them ask for something, or all for nothing.
    ///
    /// # Errors
    /// As [`Session::ask_all`], but for the condition.
    pub fn prepare(&self, questions: &[Question], progress: &dyn Progress) -> Result<Vec<Ready>, Failure> {
        let sought: Vec<Looked> = match &self.0 {
            Searched::Pokedex(pokedex) => {
                pokedex.prepare(questions, progress)?.into_iter().map(Looked::Species).collect()
            }
            Searched::Index(_) if questions.iter().any(Question::is_nothing) => {
                questions.iter().map(|_| Looked::All).collect()
            }
            Searched::Index(index) if index.is_by_words() => questions.iter().map(|_| Looked::Words).collect(),
            Searched::Index(index) => index.prepare(questions, progress)?.into_iter().map(Looked::Rows).collect(),
            Searched::Annoy(annoy) => annoy.prepare(questions, progress)?.into_iter().map(Looked::Rows).collect(),
        };
        let ready = questions.iter().zip(sought);
        Ok(ready.map(|(q, sought)| Ready { text: q.text.clone(), terms: q.terms.clone(), sought }).collect())
    }

    /// Answers questions that this session made ready, in order: many cost less at once than one by one.
    ///
    /// # Errors
    /// The condition does not suit the table, or the table cannot be read.
    pub fn answer(&self, ready: &[&Ready], limits: &Limits, progress: &dyn Progress) -> Result<Vec<Group>, Failure> {
        let rows = || -> Vec<(Asked, &Resolved)> { ready.iter().filter_map(|ready| ready.rows()).collect() };
        match &self.0 {
            Searched::Pokedex(pokedex) => {
                let species: Vec<_> = ready.iter().filter_map(|ready| ready.species()).collect();
                pokedex.answer(&species, limits, progress)
            }
            Searched::Index(index) => match ready.first() {
                Some(Ready { sought: Looked::All, .. }) => Ok(vec![index.list(limits, progress)?; ready.len()]),
                Some(Ready { sought: Looked::Words, .. }) => {
                    let questions: Vec<Asked> = ready.iter().map(|ready| (&*ready.text, &*ready.terms)).collect();
                    index.answer_by_words(&questions, limits, progress)
                }
                _ => index.answer(&rows(), limits, progress),
            },
            Searched::Annoy(annoy) => annoy.answer(&rows(), limits),
        }
    }

    /// The columns of these names for all hits: those that results have themselves, and those of what was searched; where a
    /// language is asked for, `name` is the name in it.
    ///
    /// # Errors
    /// There is no such column, or the table cannot be read.
    pub fn cells(&self, names: &[String], language: Option<Language>, groups: &[Group]) -> Result<Columns, Failure> {
        let is_own = |name: &String| Columns::is_own(name) || language.is_some() && Columns::is_name(name);
        let others: Vec<String> = names.iter().filter(|name| !is_own(name)).cloned().collect();
        let rows: Vec<u64> = groups.iter().flat_map(|group| &group.hits).map(|hit| hit.row).collect();
        let table = match (others.first(), &self.0) {
            (None, _) => Columns::nothing(rows.len()),
            (Some(_), Searched::Pokedex(_)) => Pokedex::cells(&others, &rows)?,
            (Some(_), Searched::Index(index)) => index.cells(&others, &rows)?,
            (Some(first), Searched::Annoy(annoy)) => return Err(annoy.lacks(first)),
        };
        Ok(Columns { names: names.to_vec(), table })
    }
}

/// The table that is meant by a path: what lies beside a table stands for it, and so does the folder that it is alone in.
///
/// # Errors
/// There is none, or more than one.
pub fn table_of(path: &Path) -> Result<PathBuf, Failure> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let table = path.with_extension("parquet");
    let beside = [PACKED, ANNOY, GRAPH].contains(&extension) && (extension != PACKED || table.exists());
    if beside && !table.exists() {
        let hint = match extension == ANNOY {
            true => "of an Annoy file by another program say --dim N --metric angular|euclidean|manhattan|dot",
            false => "search the table that it belongs to",
        };
        return Err(Failure::usage(format!("{}: there is no {} beside it", path.display(), table.display()), hint));
    }
    match path.is_dir() {
        _ if beside => Ok(table),
        true => table_in(path),
        false => Ok(path.to_path_buf()),
    }
}

/// The only table in a folder.
fn table_in(folder: &Path) -> Result<PathBuf, Failure> {
    let failed = |source| crate::io::Error::Read { path: folder.into(), source };
    let mut tables = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && ["parquet", "feather", "arrows"].contains(&extension) && path.is_file() {
            tables.push(path);
        }
    }
    tables.sort();
    let name = folder.display();
    match tables.as_slice() {
        [table] => Ok(table.clone()),
        [] => Err(Failure::usage(
            format!("{name}: is a folder without a table of vectors"),
            format!("pokedex embed {name} -o embeddings.parquet, then --index embeddings.parquet"),
        )),
        [first, ..] => Err(Failure::usage(
            format!("{name}: is a folder with {} tables", tables.len()),
            format!("say which: --index {}", first.display()),
        )),
    }
}

#[cfg(test)]
mod tests;
