//! From what was written to vectors: files of queries, stored rows, pictures and words.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use crate::failure::Failure;
use crate::image;
use crate::index::{Annoy, Error, QueryVector, Stored, Term, Unfit, VectorFile, Weighted, parse_line, parse_terms};
use crate::matrix::dot;
use crate::model::{Device, ImageTower, Known, Model, TextTower, Use, correct, normalise};
use crate::notes;
use crate::progress::Progress;
use crate::words::left_out;

/// A query as it was written: terms, or a row of a file of vectors.
pub struct Question {
    pub text: String,
    pub terms: Vec<Weighted>,
    pub vector: Option<Vec<f32>>,
    /// The model of the vector, if its file says so.
    pub model: Option<String>,
}

impl Question {
    /// Whether something in it must be embedded.
    pub fn needs_model(&self) -> bool {
        self.terms.iter().any(|weighted| matches!(weighted.term, Term::Text(_) | Term::Image(_)))
    }
}

/// A query whose terms are vectors.
pub struct Resolved {
    /// The weights, over the length of the weighted sum, and the vectors.
    parts: Vec<(f32, Vec<f32>)>,
    sum: Vec<f32>,
    without: Vec<u32>,
}

impl Resolved {
    pub fn query(&self) -> QueryVector {
        QueryVector { vector: self.sum.clone(), without: self.without.clone() }
    }

    /// What each term adds to the score of a row.
    pub fn parts(&self, row: &[f32]) -> Vec<f32> {
        self.parts.iter().map(|(weight, vector)| weight * dot(vector, row) as f32).collect()
    }
}

/// What becomes of the lengths of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// They are scaled to 1, and a vector that is zero is an error: only directions are compared.
    One,
    /// As before, but a vector that is zero is as far from one as from the other.
    OneOrZero,
    /// They stay as they are: distances or inner products are compared.
    Own,
}

impl Lengths {
    /// Scales a vector; whether it can be compared.
    fn scale(self, vector: &mut [f32]) -> bool {
        match self {
            Lengths::One => normalise(vector),
            Lengths::OneOrZero => {
                normalise(vector);
                true
            }
            Lengths::Own => true,
        }
    }
}

/// Refuses a query that is nothing but the name of a file, which would be read as words; says so where it is a part.
pub fn check_words(terms: &[Weighted], arguments: &[String], ui: &dyn Progress) -> Result<(), Failure> {
    let file = |term: &Term| match term {
        // What has neither a dot nor a slash is a word, whatever lies in the folder.
        Term::Text(text) if text.contains(['.', '/']) && Path::new(text).is_file() => Some(text.clone()),
        _ => None,
    };
    if let [Weighted { term, .. }] = terms
        && let Some(text) = file(term)
    {
        let hint = match spelling(&text) {
            Spelling::Term(term) => format!("pokedex query {term}"),
            Spelling::Table(option) => format!("pokedex query \"red bird\" {option}"),
        };
        return Err(Failure::usage(format!("{text}: is a file, and would be read as words"), hint));
    }
    for argument in arguments {
        let Ok(terms) = parse_terms(std::slice::from_ref(argument)) else { continue };
        if let Some(text) = terms.iter().find_map(|weighted| file(&weighted.term)) {
            let (Spelling::Term(right) | Spelling::Table(right)) = spelling(&text);
            ui.warn(&format!("{text}: is a file, and is read as words; if it is meant itself: {right}"));
        }
    }
    Ok(())
}

/// How a file is named in a query.
enum Spelling {
    Term(String),
    /// An option, beside words.
    Table(String),
}

fn spelling(file: &str) -> Spelling {
    let mut start = Vec::new();
    // A file that cannot be read is taken for a picture, and will say so itself.
    let _ = crate::io::open_file(Path::new(file)).and_then(|open| open.take(1024).read_to_end(&mut start));
    let quoted = |text: String| match text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./_-+,:@%".contains(&b)) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    };
    if VectorFile::is_numpy(&start) {
        Spelling::Term(quoted(format!("vec:{file}")))
    } else if VectorFile::is_one(&start) {
        Spelling::Table(format!("--index {}", quoted(file.into())))
    } else if !start.is_empty() && !start.contains(&0) && std::str::from_utf8(&start).is_ok() {
        Spelling::Table(format!("--queries {}", quoted(file.into())))
    } else {
        Spelling::Term(quoted(format!("./{file}")))
    }
}

/// The queries in a file: one a line, or one a row where it holds vectors. `named` says that a model was given.
pub fn queries_in(file: &Path, column: &str, named: bool, ui: &dyn Progress) -> Result<Vec<Question>, Failure> {
    let opened = crate::io::seekable(file)?;
    let failed = |source| Failure::from(crate::io::Error::Read { path: file.into(), source });
    let bytes = crate::io::At::new(opened.try_clone().map_err(failed)?).map_err(failed)?;
    if VectorFile::is_one(&bytes.part(0, 8).map_err(failed)?) {
        let vectors = said_of(VectorFile::read(&file.display().to_string(), opened, column)?, file, named, ui);
        if vectors.without > 0 {
            notes::left_out();
            notes::say("queries", format!("{}: {}", file.display(), left_out(vectors.without)));
        }
        let model = vectors.model;
        let question =
            |(text, vector)| Question { text, terms: Vec::new(), vector: Some(vector), model: model.clone() };
        let questions = vectors.rows.into_iter().map(question).collect();
        return sound(questions, file, |problem| problem != Unfit::ZERO);
    }
    if let Some((what, hint)) = no_lines(file) {
        return Err(Failure::usage(format!("{}: is {what}, and queries are one a line", file.display()), hint));
    }
    let mut questions = Vec::new();
    let text = crate::io::text_of(file, opened)?;
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() {
            continue;
        }
        let terms = parse_line(line).map_err(|e| {
            let hint = e.hint().unwrap_or_default();
            Failure::usage(format!("{}: line {number}: {e}", file.display()), hint)
        })?;
        questions.push(Question { text: line.to_string(), terms, vector: None, model: None });
    }
    match questions.is_empty() {
        true => Err(Failure::usage(format!("{}: holds no query", file.display()), "one query a line")),
        false => Ok(questions),
    }
}

/// The queries without those whose vectors cannot be compared, which are named; `counts` tells which problems are some.
///
/// # Errors
/// None is left.
pub fn sound(
    mut questions: Vec<Question>,
    file: &Path,
    counts: impl Fn(&'static str) -> bool,
) -> Result<Vec<Question>, Failure> {
    let mut unfit = Unfit::default();
    questions.retain(|question| {
        let problem = question.vector.as_deref().and_then(Unfit::problem).filter(|problem| counts(problem));
        problem.inspect(|problem| unfit.add(&question.text, problem)).is_none()
    });
    let Some(message) = unfit.message() else { return Ok(questions) };
    let message = format!("{}: {message}", file.display());
    if questions.is_empty() {
        return Err(Failure::failed(message, None));
    }
    notes::left_out();
    notes::say(&message, message.clone());
    Ok(questions)
}

/// What a file is that has no query a line, by its name, and what makes lines of it.
fn no_lines(file: &Path) -> Option<(&'static str, &'static str)> {
    let extension = file.extension()?.to_str()?.to_ascii_lowercase();
    match &*extension {
        "json" => Some(("JSON", "jq -r '.[]' FILE.json | pokedex query --queries -")),
        "jsonl" | "ndjson" => Some(("lines of JSON", "jq -r .query FILE.jsonl | pokedex query --queries -")),
        "csv" | "tsv" => Some((
            "a table in text",
            "duckdb -noheader -list -c \"select query from 'FILE'\" | pokedex query --queries -",
        )),
        _ => None,
    }
}

/// Says where nobody knows which model made the vectors.
fn said_of(vectors: VectorFile, file: &Path, named: bool, ui: &dyn Progress) -> VectorFile {
    if vectors.model.is_none() && !named {
        let name = file.display();
        ui.warn(&format!("{name}: does not say which model made its vectors; taken to be that of the index"));
    }
    vectors
}

/// Looks up stored rows.
type Lookup<'a> = dyn Fn(&[&Term]) -> Result<Vec<Stored>, Failure> + 'a;

/// The stored rows of all queries, looked up in one pass.
pub fn stored_rows(questions: &[Question], look_up: &Lookup) -> Result<HashMap<String, Stored>, Failure> {
    let terms = questions.iter().flat_map(|question| &question.terms).map(|weighted| &weighted.term);
    let terms: Vec<&Term> = terms.filter(|term| matches!(term, Term::Id(_) | Term::Key(_))).collect();
    if terms.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = look_up(&terms)?;
    Ok(terms.iter().map(ToString::to_string).zip(rows).collect())
}

/// The vectors of all queries.
pub fn resolve(
    questions: &[Question],
    embedder: &mut Embedder,
    look_up: &Lookup,
    ui: &dyn Progress,
) -> Result<Vec<Resolved>, Failure> {
    let stored = stored_rows(questions, look_up)?;
    let resolved = questions.iter().map(|question| {
        let mut without = Vec::new();
        let mut parts: Vec<(f32, Vec<f32>)> = Vec::new();
        if let Some(vector) = &question.vector {
            parts.push((1.0, embedder.brought(question, vector)?));
        }
        for Weighted { weight, term } in &question.terms {
            parts.push((*weight, embedder.vector(term, &stored, &mut without, ui)?));
        }
        let mut sum = vec![0.0f32; parts.iter().map(|(_, vector)| vector.len()).max().unwrap_or(0)];
        for (weight, vector) in &parts {
            sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += weight * x);
        }
        let mut length = dot(&sum, &sum).sqrt() as f32;
        if embedder.lengths == Lengths::Own {
            // Their mean: a single term is searched for as it is.
            length = parts.iter().map(|(weight, _)| weight.abs()).sum();
            sum.iter_mut().for_each(|x| *x /= length);
        }
        if length == 0.0 && embedder.lengths == Lengths::Own || !embedder.lengths.scale(&mut sum) {
            return Err(Error::NullQuery.into());
        }
        parts.iter_mut().for_each(|(weight, _)| *weight /= length);
        without.sort_unstable();
        without.dedup();
        Ok(Resolved { parts, sum, without })
    });
    resolved.collect()
}

/// An item of an Annoy file as a stored row: its number is its key.
pub fn item(annoy: &Annoy, term: &Term, lengths: Lengths) -> Result<Stored, Failure> {
    let number = match term {
        Term::Id(id) => u32::try_from(*id).ok(),
        Term::Key(key) => key.parse().ok(),
        _ => None,
    };
    let vector = number.and_then(|number| annoy.vector(number));
    let missing = || Error::NoSuchRow { name: annoy.name(), what: format!("{term}: its items are numbers from 0") };
    let mut vector = vector.ok_or_else(missing)?.to_vec();
    lengths.scale(&mut vector);
    Ok(Stored { vector, rows: number.into_iter().collect() })
}

/// A text as it was probably meant; says what it takes for a slip.
pub fn read<'a>(text: &str, look_up: impl Fn(&str) -> Known<'a>, ui: &dyn Progress) -> String {
    let (text, changes) = correct(text, look_up);
    for (written, meant) in changes {
        ui.warn(&format!("\"{written}\": not a known word; read as \"{meant}\""));
    }
    text
}

/// A model whose towers are loaded when they are first needed.
pub struct Embedder {
    model: Option<Model>,
    text: Option<TextTower>,
    image: Option<ImageTower>,
    /// What is searched, and the numbers of its vectors.
    index: String,
    dimension: usize,
    /// The column of vectors in tables.
    column: String,
    /// The model that made what is searched, which vectors in files must be of too.
    made_by: Option<String>,
    pub lengths: Lengths,
}

impl Embedder {
    /// For queries of `index`, whose vectors of `dimension` numbers were `made_by` a model.
    pub fn of(
        model: Option<Model>,
        (index, dimension, made_by): (&str, usize, Option<&str>),
        column: &str,
    ) -> Embedder {
        let (index, made_by) = (index.to_string(), made_by.map(str::to_string));
        Embedder {
            model,
            text: None,
            image: None,
            index,
            dimension,
            column: column.into(),
            made_by,
            lengths: Lengths::One,
        }
    }

    /// The vector of a term; of stored rows their numbers, too, which are not to be found again.
    pub fn vector(
        &mut self,
        term: &Term,
        stored: &HashMap<String, Stored>,
        without: &mut Vec<u32>,
        ui: &dyn Progress,
    ) -> Result<Vec<f32>, Failure> {
        match term {
            Term::Text(text) => {
                let tower = self.text_tower()?;
                Ok(tower.embed(&read(text, |word| tower.look_up(word), ui))?)
            }
            Term::Image(path) => self.image(path),
            Term::Id(_) | Term::Key(_) => {
                let stored = &stored[&term.to_string()];
                without.extend(&stored.rows);
                Ok(stored.vector.clone())
            }
            Term::Vector(path) => {
                let file = VectorFile::open(path, &self.column)?;
                self.same_model(&path.display().to_string(), file.model.as_deref())?;
                let count = file.rows.len();
                let one = file.rows.into_iter().next().filter(|_| count == 1);
                let (_, vector) = one.ok_or_else(|| {
                    let hint = format!("--queries {} asks for each of them", path.display());
                    Failure::usage(format!("{}: holds {count} vectors, and a term is one", path.display()), hint)
                })?;
                self.checked(&path.display().to_string(), vector)
            }
        }
    }

    /// The vector of a question that brings one.
    pub fn brought(&self, question: &Question, vector: &[f32]) -> Result<Vec<f32>, Failure> {
        let name = format!("query {}", question.text);
        self.same_model(&name, question.model.as_deref())?;
        self.checked(&name, vector.to_vec())
    }

    fn same_model(&self, name: &str, model: Option<&str>) -> Result<(), Failure> {
        match (&self.made_by, model) {
            (Some(first), Some(other)) if first != other => {
                let (name, first, other) = (format!("{name} and {}", self.index), first.clone(), other.to_string());
                Err(Error::TwoModels { name, first, other }.into())
            }
            _ => Ok(()),
        }
    }

    /// A vector from a file, scaled, if it can be compared with the index's.
    fn checked(&self, name: &str, mut vector: Vec<f32>) -> Result<Vec<f32>, Failure> {
        if vector.len() != self.dimension {
            let (index, query, dimension) = (self.dimension, name.to_string(), vector.len());
            return Err(Error::OtherDimension { name: self.index.clone(), index, query, dimension }.into());
        }
        match vector.iter().all(|x| x.is_finite()) && self.lengths.scale(&mut vector) {
            true => Ok(vector),
            false => {
                Err(Failure::failed(format!("{name}: the vector is zero or holds a number that is not finite"), None))
            }
        }
    }

    fn model(&self) -> &Model {
        self.model.as_ref().expect("a query with words or pictures has a model")
    }

    pub fn text_tower(&mut self) -> Result<&TextTower, Failure> {
        let tower = match self.text.take() {
            Some(tower) => tower,
            None => self.model().text_tower(Use::Once, Device::Cpu)?,
        };
        Ok(self.text.insert(tower))
    }

    /// The text tower, if a query needed it.
    pub fn loaded_text_tower(&self) -> Option<&TextTower> {
        self.text.as_ref()
    }

    fn image(&mut self, path: &Path) -> Result<Vec<f32>, Failure> {
        let tower = match self.image.take() {
            Some(tower) => tower,
            None => self.model().image_tower(Use::Once, Device::Cpu)?,
        };
        let tower = self.image.insert(tower);
        let name = crate::io::escape_bytes(path.as_os_str().as_encoded_bytes());
        let bytes =
            crate::io::read_image(&name).map_err(|source| crate::io::Error::Read { path: path.into(), source })?;
        let decoded = image::decode_with_flaw(&bytes, tower.background(), tower.edge());
        let (rgb, flaw) = decoded.map_err(|e| {
            let hint =
                "words that begin with a slash or a dot are taken for pictures; leave it out to search for the words";
            Failure::failed(format!("{}: {e}", path.display()), Some(hint.into()))
        })?;
        if let Some(flaw) = flaw {
            notes::say(&name, format!("{name}: {flaw}"));
        }
        let mut pixels = vec![0.0; tower.input_len()];
        tower.preprocess(&rgb, &mut pixels);
        tower.embed_one(pixels).map_err(|e| Failure::failed(format!("{}: {e}", path.display()), e.hint()))
    }
}
