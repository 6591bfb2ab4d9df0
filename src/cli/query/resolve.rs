//! From what was written to vectors: files of queries, stored rows, pictures and words.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use crate::cli::failure::Failure;
use crate::image;
use crate::index::{Annoy, Error, QueryVector, Stored, Term, VectorFile, Weighted, parse_line};
use crate::matrix::dot;
use crate::model::{Device, ImageTower, Known, Model, TextTower, Use, correct, normalise};
use crate::ui::Ui;

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

/// The queries in a file: one a line, or one a row where it holds vectors. `named` says that a model was given.
pub fn queries_in(file: &Path, column: &str, named: bool, ui: &Ui) -> Result<Vec<Question>, Failure> {
    let dash = file == Path::new("-");
    let failed = |source| Failure::from(crate::io::Error::Read { path: file.into(), source });
    let mut reader: Box<dyn BufRead> = match dash {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(BufReader::new(std::fs::File::open(file).map_err(failed)?)),
    };
    let start = reader.fill_buf().map_err(failed)?;
    if !dash && VectorFile::is_one(start) {
        let vectors = vectors_in(file, column, named, ui)?;
        let model = vectors.model;
        let question =
            |(text, vector)| Question { text, terms: Vec::new(), vector: Some(vector), model: model.clone() };
        return Ok(vectors.rows.into_iter().map(question).collect());
    }
    let mut questions = Vec::new();
    let mut text = String::new();
    reader.read_to_string(&mut text).map_err(failed)?;
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

fn vectors_in(file: &Path, column: &str, named: bool, ui: &Ui) -> Result<VectorFile, Failure> {
    let vectors = VectorFile::open(file, column)?;
    if vectors.model.is_none() && !named {
        let name = file.display();
        ui.warn(&format!("{name}: does not say which model made its vectors; taken to be that of the index"));
    }
    Ok(vectors)
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
    ui: &Ui,
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
        let length = dot(&sum, &sum).sqrt() as f32;
        if !normalise(&mut sum) {
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
pub fn item(annoy: &Annoy, term: &Term) -> Result<Stored, Failure> {
    let number = match term {
        Term::Id(id) => u32::try_from(*id).ok(),
        Term::Key(key) => key.parse().ok(),
        _ => None,
    };
    let vector = number.and_then(|number| annoy.vector(number));
    let missing = || Error::NoSuchRow { name: annoy.name(), what: format!("{term}: its items are numbers from 0") };
    let mut vector = vector.ok_or_else(missing)?.to_vec();
    normalise(&mut vector);
    Ok(Stored { vector, rows: number.into_iter().collect() })
}

/// A text as it was probably meant; says what it takes for a slip.
pub fn read<'a>(text: &str, look_up: impl Fn(&str) -> Known<'a>, ui: &Ui) -> String {
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
}

impl Embedder {
    /// For queries of `index`, whose vectors of `dimension` numbers were `made_by` a model.
    pub fn of(
        model: Option<Model>,
        (index, dimension, made_by): (&str, usize, Option<&str>),
        column: &str,
    ) -> Embedder {
        let (index, made_by) = (index.to_string(), made_by.map(str::to_string));
        Embedder { model, text: None, image: None, index, dimension, column: column.into(), made_by }
    }

    /// The vector of a term; of stored rows their numbers, too, which are not to be found again.
    pub fn vector(
        &mut self,
        term: &Term,
        stored: &HashMap<String, Stored>,
        without: &mut Vec<u32>,
        ui: &Ui,
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

    /// A vector from a file, scaled to length 1, if it can be compared with the index's.
    fn checked(&self, name: &str, mut vector: Vec<f32>) -> Result<Vec<f32>, Failure> {
        if vector.len() != self.dimension {
            let (index, query, dimension) = (self.dimension, name.to_string(), vector.len());
            return Err(Error::OtherDimension { name: self.index.clone(), index, query, dimension }.into());
        }
        match vector.iter().all(|x| x.is_finite()) && normalise(&mut vector) {
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
        let rgb = image::decode_for(&bytes, tower.background(), tower.edge()).map_err(|e| {
            let hint =
                "words that begin with a slash or a dot are taken for pictures; leave it out to search for the words";
            Failure::failed(format!("{}: {e}", path.display()), Some(hint.into()))
        })?;
        let mut pixels = vec![0.0; tower.input_len()];
        tower.preprocess(&rgb, &mut pixels);
        Ok(tower.embed(pixels)?)
    }
}
