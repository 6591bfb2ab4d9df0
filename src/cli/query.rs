//! `query`: the rows nearest to words, pictures or stored rows.

mod preview;

use std::collections::HashMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::TypedValueParser;

use self::preview::Pictures;
use super::failure::{Exit, Failure};
use super::results::{Format, Group, write_results};
use crate::image;
use crate::index::{Error, Index, Part, Pokedex, Stored, Term, Weighted, parse_line, parse_terms};
use crate::model::{Device, Engine, ImageTower, Known, Model, TextTower, Use, correct, normalise};
use crate::table::column;
use crate::ui::Ui;

/// Find what is nearest to words, pictures or stored rows
///
/// Words join with spaces. An argument is a picture when it starts with ./ ../ / ~/ or img:, a stored row when it is
/// id:25 or key:NAME. + and - join terms, 2: before a term doubles its weight. Without --index (and without
/// POKEDEX_INDEX) the built-in Pokédex answers. The score is the cosine; the Pokédex fuses it with the share of the
/// words that a species' facts contain, and puts a species that is named first. A misspelt word is read as the known
/// word that is one slip away (two from eight letters on), and a note says so.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex query \"fire dog\" --top 5
  pokedex query ./drawing.png --format json
  pokedex query --id 25 --top 6
  pokedex query 2:golden retriever + ./pool.jpg - fruit --index photos.parquet
  pokedex query \"red bird\" --index photos.parquet --preview
  pokedex query \"red bird\" --index photos.parquet --top 3 --open
  pokedex query \"sunset\" --index photos.parquet --format paths -0 | xargs -0 ls -l
  printf 'fire dog\\nid:25\\n' | pokedex query --queries - --format jsonl")]
pub struct Query {
    /// Words, pictures and stored rows, joined by + and -
    #[arg(value_name = "TERM")]
    terms: Vec<String>,

    /// The table to search [default: the built-in Pokédex]; - for standard input
    #[arg(long, env = "POKEDEX_INDEX", value_name = "FILE", hide_env_values = true, value_parser = clap::builder::OsStringValueParser::new().map(PathBuf::from))]
    index: Option<PathBuf>,

    /// How many rows to show
    #[arg(short = 'n', long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    top: u32,

    /// Search by the stored rows of this class, as the term id:N
    #[arg(long, value_name = "N", conflicts_with = "queries")]
    id: Option<i32>,

    /// Many queries, one a line (- for standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "terms")]
    queries: Option<PathBuf>,

    /// The model that embeds the query [default: the one that made the index]
    #[arg(long, value_name = "NAME|DIR")]
    model: Option<String>,

    /// What runs the model of an index; the built-in one always runs in rten [default: auto]
    #[arg(long, value_enum, default_value_t, hide_default_value = true)]
    engine: Engine,

    /// The column that holds the vectors
    #[arg(long, default_value = column::EMBEDDING, value_name = "NAME")]
    vector_column: String,

    /// How to show the result [default: an aligned table on a terminal, else tsv]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    /// Paths end with NUL bytes, for xargs -0
    #[arg(short = '0', long, requires = "format")]
    null: bool,

    #[command(flatten)]
    pictures: Pictures,
}

impl Query {
    pub fn run(self, ui: &mut Ui) -> Result<Exit, Failure> {
        if self.null && self.format != Some(Format::Paths) {
            return Err(Failure::usage("-0 goes with --format paths", "pokedex query \"fire dog\" --format paths -0"));
        }
        let dash = Path::new("-");
        if self.queries.as_deref() == Some(dash) && self.index.as_deref() == Some(dash) {
            return Err(Failure::usage(
                "queries and index cannot both come from standard input",
                "give one of them as a file",
            ));
        }
        let format = self.pictures.format(self.format)?;
        let queries = self.parse()?;
        // An empty POKEDEX_INDEX is as good as none.
        let index = self.index.as_ref().filter(|path| !path.as_os_str().is_empty());
        let results = match index {
            None => self.ask_pokedex(&queries, ui)?,
            Some(path) => self.search(path, &queries, ui)?,
        };
        write_results(&results, format, self.null, self.queries.is_some())?;
        self.pictures.show(&results, format, index.is_some(), self.queries.is_some(), self.top, ui)?;
        Ok(Exit::Done)
    }

    /// The queries as they were written, and their terms.
    fn parse(&self) -> Result<Vec<(String, Vec<Weighted>)>, Failure> {
        let Some(file) = &self.queries else {
            let mut arguments = self.terms.clone();
            if let Some(id) = self.id {
                // `--id 25 + red` reads as `id:25 + red`.
                arguments.insert(0, format!("id:{id}"));
            }
            return Ok(vec![(arguments.join(" "), parse_terms(&arguments)?)]);
        };
        let mut queries = Vec::new();
        for (number, line) in (1..).zip(lines_of(file)?) {
            let line = line.map_err(|source| crate::io::Error::Read { path: file.clone(), source })?;
            if line.trim().is_empty() {
                continue;
            }
            let terms = parse_line(line.trim()).map_err(|e| {
                let hint = e.hint().unwrap_or_default();
                Failure::usage(format!("{}: line {number}: {e}", file.display()), hint)
            })?;
            queries.push((line.trim().to_string(), terms));
        }
        match queries.is_empty() {
            true => Err(Failure::usage(format!("{}: holds no query", file.display()), "one query a line")),
            false => Ok(queries),
        }
    }

    fn ask_pokedex(&self, queries: &[(String, Vec<Weighted>)], ui: &Ui) -> Result<Vec<Group>, Failure> {
        let model = Model::builtin();
        if let Some(name) = &self.model {
            let other = Model::find(name, self.engine)?.id().to_string();
            if other != model.id().to_string() {
                return Err(Error::OtherModel {
                    name: Pokedex::NAME.into(),
                    index: model.id().to_string(),
                    query: other,
                }
                .into());
            }
        }
        let pokedex = Pokedex::open()?;
        let mut embedder = Embedder { model: Some(model), ..Embedder::default() };
        let stored = stored_rows(&Pokedex::index(), queries)?;
        let mut groups = Vec::new();
        for (text, terms) in queries {
            let mut parts = Vec::new();
            let mut without = Vec::new();
            for Weighted { weight, term } in terms {
                let part = match term {
                    Term::Text(text) => {
                        let tower = embedder.text_tower()?;
                        let look_up = |word: &str| pokedex.look_up(word, tower.look_up(word));
                        let text = match pokedex.names(text, &look_up) {
                            true => text.clone(),
                            false => read(text, look_up, ui),
                        };
                        let vector = tower.embed(&text)?;
                        Part::Text(text, vector)
                    }
                    Term::Image(path) => Part::Vector(embedder.image(path)?),
                    Term::Id(_) | Term::Key(_) => {
                        let stored = &stored[&term.to_string()];
                        without.extend(stored.keys.iter().cloned());
                        Part::Vector(stored.vector.clone())
                    }
                };
                parts.push((*weight, part));
            }
            if parts.iter().all(|(weight, _)| *weight == 0.0) {
                return Err(Error::NullQuery.into());
            }
            let look_up = |word: &str| match &embedder.text {
                Some(tower) => pokedex.look_up(word, tower.look_up(word)),
                None => Known::No,
            };
            let hits = pokedex.search(&parts, &without, self.top as usize, &look_up);
            groups.push(Group { query: text.clone(), hits });
        }
        Ok(groups)
    }

    fn search(&self, path: &Path, queries: &[(String, Vec<Weighted>)], ui: &Ui) -> Result<Vec<Group>, Failure> {
        let index = match path == Path::new("-") {
            true => Index::from_stdin(&self.vector_column)?,
            false => Index::at(path.into(), &self.vector_column),
        };
        let needs_model =
            queries.iter().flat_map(|(_, terms)| terms).any(|t| matches!(t.term, Term::Text(_) | Term::Image(_)));
        let (made_by, dimension) = index.model()?;
        let model = if needs_model { Some(self.query_model(&index, made_by.as_deref(), dimension)?) } else { None };
        let mut embedder = Embedder { model, ..Embedder::default() };
        let stored = stored_rows(&index, queries)?;
        let mut vectors: Vec<(Vec<f32>, Vec<String>)> = Vec::new();
        for (_, terms) in queries {
            let mut sum = vec![0.0f32; dimension];
            let mut without = Vec::new();
            for Weighted { weight, term } in terms {
                let vector = match term {
                    Term::Text(text) => {
                        let tower = embedder.text_tower()?;
                        tower.embed(&read(text, |word| tower.look_up(word), ui))?
                    }
                    Term::Image(path) => embedder.image(path)?,
                    Term::Id(_) | Term::Key(_) => {
                        let stored = &stored[&term.to_string()];
                        without.extend(stored.keys.iter().cloned());
                        stored.vector.clone()
                    }
                };
                sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += weight * x);
            }
            if !normalise(&mut sum) {
                return Err(Error::NullQuery.into());
            }
            vectors.push((sum, without));
        }
        let hits = index.search(&vectors, made_by.as_deref(), self.top as usize)?;
        if hits.iter().all(Vec::is_empty) {
            ui.warn(&format!("{}: has no other row", index.name()));
        }
        Ok(queries.iter().zip(hits).map(|((query, _), hits)| Group { query: query.clone(), hits }).collect())
    }

    /// The model to embed the query by: the one that made the index, or nothing is compared.
    fn query_model(&self, index: &Index, made_by: Option<&str>, dimension: usize) -> Result<Model, Failure> {
        let name = index.name().to_string();
        let made_by = made_by.filter(|id| *id != "unknown");
        let model = match (&self.model, made_by) {
            (Some(name), _) if name != "unknown" => Model::find(name, self.engine)?,
            (_, Some(id)) => Model::of(id).ok_or_else(|| Error::OtherModel {
                name: name.clone(),
                index: id.into(),
                query: Model::builtin().id().to_string(),
            })?,
            (_, None) => return Err(Error::NoModel { name }.into()),
        };
        let query = model.id().to_string();
        match made_by {
            Some(id) if id != query => Err(Error::OtherModel { name, index: id.into(), query }.into()),
            _ if model.dimension() != dimension => {
                Err(Error::OtherDimension { name, index: dimension, query, dimension: model.dimension() }.into())
            }
            _ => Ok(model),
        }
    }
}

fn lines_of(file: &Path) -> Result<Box<dyn Iterator<Item = std::io::Result<String>>>, Failure> {
    if file == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lines()));
    }
    let open = std::fs::File::open(file).map_err(|source| crate::io::Error::Read { path: file.into(), source })?;
    Ok(Box::new(std::io::BufReader::new(open).lines()))
}

/// Looks up all stored rows of all queries in one pass.
fn stored_rows(index: &Index, queries: &[(String, Vec<Weighted>)]) -> Result<HashMap<String, Stored>, Failure> {
    let terms = queries.iter().flat_map(|(_, terms)| terms).map(|t| &t.term);
    let terms: Vec<&Term> = terms.filter(|t| matches!(t, Term::Id(_) | Term::Key(_))).collect();
    if terms.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = index.stored(&terms)?;
    Ok(terms.iter().map(ToString::to_string).zip(rows).collect())
}

/// A text as it was probably meant; says what it takes for a slip.
fn read<'a>(text: &str, look_up: impl Fn(&str) -> Known<'a>, ui: &Ui) -> String {
    let (text, changes) = correct(text, look_up);
    for (written, meant) in changes {
        ui.warn(&format!("\"{written}\": not a known word; read as \"{meant}\""));
    }
    text
}

/// A model whose towers are loaded when they are first needed.
#[derive(Default)]
struct Embedder {
    model: Option<Model>,
    text: Option<TextTower>,
    image: Option<ImageTower>,
}

impl Embedder {
    fn model(&self) -> &Model {
        self.model.as_ref().expect("a query with words or pictures has a model")
    }

    fn text_tower(&mut self) -> Result<&TextTower, Failure> {
        let tower = match self.text.take() {
            Some(tower) => tower,
            None => self.model().text_tower(Use::Once, Device::Cpu)?,
        };
        Ok(self.text.insert(tower))
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
