//! `query`: the rows nearest to words, pictures or stored rows.

mod preview;
mod resolve;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use arrow_array::RecordBatch;
use clap::Args;
use clap::builder::TypedValueParser;

use self::preview::Pictures;
use super::args::default_format;
use super::results::{Columns, Format, Group, Looks, write_results};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::filter::Filter;
use crate::index::{
    ANNOY, Annoy, Error, GRAPH, Hit, Index, Metric, PACKED, Part, Pokedex, QueryVector, Search, Term, diverse,
    parse_terms,
};
use crate::io::Sink;
use crate::io::Target;
use crate::model::{Engine, Known, Model};
use crate::output;
use crate::progress::Progress;
use crate::species;
use crate::table::column;
use crate::words::rows;
use resolve::{Embedder, Lengths, Question, Resolved, check_words, queries_in, read, resolve, sound, stored_rows};

/// Find what is nearest to words, pictures or stored rows
///
/// Words join with spaces. An argument is a picture when it starts with ./ ../ / ~/ or img:, a stored row when it is
/// id:25 or key:NAME, a vector in a .npy file or a table when it is vec:FILE. + and - join terms, 2: before a term
/// doubles its weight. Without --index (and without POKEDEX_INDEX) the built-in Pokédex answers. The score is the cosine;
/// the Pokédex fuses it with the share of the words that a species' facts contain, and puts a species that is named first.
/// A misspelt word is read as the known word that is one slip away (two from eight letters on), and a note says so.
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
  pokedex query dragon --where \"type1 = 'fire' and generation < 3 and name like 'C%'\"
  pokedex query dragon --columns rank,label,type1,type2 -o dragons.csv
  pokedex query beach --index photos.parquet --diverse --min-score 0.1 --explain
  printf 'fire dog\\nid:25\\n' | pokedex query --queries - --format jsonl")]
pub struct Query {
    /// Words, pictures and stored rows, joined by + and -
    #[arg(value_name = "TERM")]
    terms: Vec<String>,

    /// The table to search, or a folder with one [default: the built-in Pokédex, pokedex:]; - for standard input
    #[arg(long, help_heading = "Input", env = "POKEDEX_INDEX", value_name = "FILE", hide_env_values = true, value_parser = clap::builder::OsStringValueParser::new().map(PathBuf::from))]
    index: Option<PathBuf>,

    /// How many rows to show
    #[arg(short = 'n', long, help_heading = "Search", default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    top: u32,

    /// Search by the stored rows of this class, as the term id:N
    #[arg(long, help_heading = "Input", value_name = "N", conflicts_with = "queries")]
    id: Option<i32>,

    /// Many queries: one a line (- for standard input), or a table or .npy of vectors
    #[arg(long, help_heading = "Input", value_name = "FILE", conflicts_with = "terms")]
    queries: Option<PathBuf>,

    /// The model that embeds the query [default: the one that made the index]
    #[arg(long, help_heading = "Model", value_name = "NAME|DIR")]
    model: Option<String>,

    /// What runs the model of an index; the built-in one always runs in rten [default: auto]
    #[arg(long, help_heading = "Model", value_enum, default_value_t, hide_default_value = true)]
    engine: Engine,

    /// The column that holds the vectors
    #[arg(long, help_heading = "Input", alias = "features", default_value = column::EMBEDDING, value_name = "NAME")]
    vector_column: String,

    /// Find only rows for which this holds: SQL over the columns of the table
    #[arg(long = "where", help_heading = "Search", value_name = "CONDITION")]
    condition: Option<String>,

    /// Leave out the first N of the result
    #[arg(long, help_heading = "Search", default_value_t = 0, hide_default_value = true, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    offset: u32,

    /// Leave out rows with a lower score
    #[arg(long, help_heading = "Search", value_name = "SCORE", allow_negative_numbers = true)]
    min_score: Option<f32>,

    /// Avoid rows that are much like those before them; 0 not at all, 1 whatever their score [default without a value: 0.5]
    #[arg(long, help_heading = "Search", value_name = "SHARE", num_args = 0..=1, require_equals = true, default_missing_value = "0.5", value_parser = share)]
    diverse: Option<f32>,

    /// Show what each term adds to the score
    #[arg(long, help_heading = "Output")]
    explain: bool,

    /// Leave trees and graphs aside: every row is compared
    #[arg(long, help_heading = "Search")]
    exact: bool,

    /// How many candidates Annoy's trees are asked for [default: --top times the trees, at least 1000]
    #[arg(long, help_heading = "Search", value_name = "K", conflicts_with_all = ["exact", "beam"], value_parser = clap::value_parser!(u32).range(1..))]
    search_k: Option<u32>,

    /// How many rows a search in a graph keeps in sight: more finds more and is slower [default: 64]
    #[arg(long, help_heading = "Search", value_name = "N", conflicts_with = "exact", value_parser = clap::value_parser!(u32).range(1..))]
    beam: Option<u32>,

    /// Numbers in a vector of an Annoy file by another program
    #[arg(long, help_heading = "Input", value_name = "N", requires = "index", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    dim: Option<u32>,

    /// What an Annoy file by another program was built with; the score is the cosine, the distance below zero, or the product
    ///
    /// Vectors keep their lengths, but for angular; of several terms it is the mean that is searched for.
    #[arg(long, help_heading = "Input", value_enum, value_name = "METRIC", requires = "dim")]
    metric: Option<Metric>,

    /// Show only these columns, in this order: rank, score, query, parts and those of the table; names separated by commas
    #[arg(long, help_heading = "Output", value_delimiter = ',', value_name = "NAMES")]
    columns: Vec<String>,

    /// How to show the result [default: what the file's name says, else an aligned table on a terminal, else tsv]
    #[arg(long, help_heading = "Output", value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    /// Write the result to this file [default: standard output]
    #[arg(short, long, help_heading = "Output", value_name = "FILE")]
    output: Option<PathBuf>,

    /// Paths end with NUL bytes, for xargs -0
    #[arg(short = '0', long, help_heading = "Output", requires = "format")]
    null: bool,

    #[command(flatten)]
    pictures: Pictures,
}

impl Query {
    pub fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
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
        // An empty POKEDEX_INDEX is as good as none.
        let none = ["", species::TABLE_NAME];
        let index = self.index.as_deref().filter(|path| none.iter().all(|none| path.as_os_str() != *none));
        let target = Target::parse(self.output.as_deref());
        let drawn = self.pictures.format(self.format)?;
        let format = output::format(&target, drawn, default_format(&target, Format::Table, Format::Tsv))?;
        let beside =
            index.into_iter().flat_map(|path| [ANNOY, GRAPH, PACKED, "parquet"].map(|e| path.with_extension(e)));
        let read: Vec<PathBuf> =
            index.map(Path::to_path_buf).into_iter().chain(beside).chain(self.queries.clone()).collect();
        output::ensure_no_input(self.output.as_deref(), read.iter().map(|path| &**path), "the result")?;
        if format == Format::Paths && !self.columns.is_empty() {
            return Err(Failure::usage("--columns: does not suit --format paths", "--columns path --format tsv"));
        }
        let filter = self.condition.as_deref().map(Filter::parse).transpose()?;
        let sink = Sink::open(&target, format == Format::Parquet)?;
        let questions = self.questions(ui)?;
        // What has no direction can be compared by distance alone.
        let directions = |questions| match &self.queries {
            Some(file) => sound(questions, file, |_| true),
            None => Ok(questions),
        };
        let (results, columns) = match index {
            None => {
                let questions = directions(questions)?;
                let results = self.ask_pokedex(&questions, filter.as_ref(), ui)?;
                let columns = self.named_columns(&results, |names, rows| Ok(Pokedex::index().cells(names, rows)?))?;
                (results, columns)
            }
            Some(path) => match self.open(path, ui)? {
                Opened::Index(index) => {
                    let questions = directions(questions)?;
                    let results = self.search(&index, &questions, filter.as_ref(), ui)?;
                    let columns = self.named_columns(&results, |names, rows| Ok(index.cells(names, rows)?))?;
                    (results, columns)
                }
                Opened::Annoy(annoy, metric) => {
                    let results = self.search_annoy(&annoy, metric, &questions, ui)?;
                    let nothing = |names: &[String], _: &[u64]| {
                        let message = format!("{}: numbers its items and has no column `{}`", annoy.name(), names[0]);
                        Err(Failure::usage(message, "--columns rank,score,key"))
                    };
                    let columns = self.named_columns(&results, nothing)?;
                    (results, columns)
                }
            },
        };
        let looks = Looks { null: self.null, many: self.queries.is_some(), explain: self.explain, columns };
        write_results(&results, format, &looks, sink)?;
        let shown = (self.output.is_some() || drawn.is_some()).then_some(format);
        self.pictures.show(&results, shown, index.is_some(), self.queries.is_some(), self.top, ui)?;
        Ok(Exit::Done)
    }

    /// The columns that --columns names, those of the table with the rows of all hits, which `read` gives.
    fn named_columns(
        &self,
        results: &[Group],
        read: impl FnOnce(&[String], &[u64]) -> Result<RecordBatch, Failure>,
    ) -> Result<Option<Columns>, Failure> {
        if self.columns.is_empty() {
            return Ok(None);
        }
        let others: Vec<String> = self.columns.iter().filter(|name| !Columns::is_own(name)).cloned().collect();
        let rows: Vec<u64> = results.iter().flat_map(|group| &group.hits).map(|hit| hit.row).collect();
        let table = match others.is_empty() {
            true => Columns::nothing(rows.len()),
            false => read(&others, &rows)?,
        };
        Ok(Some(Columns { names: self.columns.clone(), table }))
    }

    fn questions(&self, ui: &dyn Progress) -> Result<Vec<Question>, Failure> {
        if let Some(file) = &self.queries {
            return queries_in(file, &self.vector_column, self.model.is_some(), ui);
        }
        let mut arguments = self.terms.clone();
        if let Some(id) = self.id {
            // `--id 25 + red` reads as `id:25 + red`.
            arguments.insert(0, format!("id:{id}"));
        }
        let terms = parse_terms(&arguments)?;
        check_words(&terms, &arguments, ui)?;
        Ok(vec![Question { text: arguments.join(" "), terms, vector: None, model: None }])
    }

    fn ask_pokedex(
        &self,
        questions: &[Question],
        filter: Option<&Filter>,
        ui: &dyn Progress,
    ) -> Result<Vec<Group>, Failure> {
        let model = Model::builtin();
        if let Some(name) = self.model.as_ref().filter(|name| *name != "unknown") {
            let other = Model::find(name, self.engine)?.id().to_string();
            if other != model.id().to_string() {
                let (name, index) = (Pokedex::NAME.into(), model.id().to_string());
                return Err(Error::OtherModel { name, index, query: other }.into());
            }
        }
        let pokedex = Pokedex::open(filter)?;
        if let (rows, 0) = pokedex.passing() {
            ui.warn(&format!("{}: the condition holds for none of its {rows} rows", Pokedex::NAME));
        }
        let (id, dimension) = (model.id().to_string(), model.dimension());
        let mut embedder = Embedder::of(Some(model), (Pokedex::NAME, dimension, Some(&id)), &self.vector_column);
        let stored = stored_rows(questions, &|terms| Ok(Pokedex::index().stored(terms)?))?;
        let mut groups = Vec::new();
        for question in questions {
            let mut parts = Vec::new();
            let mut without = Vec::new();
            if let Some(vector) = &question.vector {
                parts.push((1.0, Part::Vector(embedder.brought(question, vector)?)));
            }
            for weighted in &question.terms {
                let part = match &weighted.term {
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
                    other => Part::Vector(embedder.vector(other, &stored, &mut without, ui)?),
                };
                parts.push((weighted.weight, part));
            }
            let mut weights: HashMap<String, f32> = HashMap::new();
            for weighted in &question.terms {
                *weights.entry(weighted.term.to_string()).or_default() += weighted.weight;
            }
            if question.vector.is_none() && weights.values().all(|weight| *weight == 0.0) {
                return Err(Error::NullQuery.into());
            }
            let look_up = |word: &str| match embedder.loaded_text_tower() {
                Some(tower) => pokedex.look_up(word, tower.look_up(word)),
                None => Known::No,
            };
            groups.push(self.group(question, pokedex.search(&parts, &without, self.pool(), &look_up)));
        }
        Ok(groups)
    }

    fn search(
        &self,
        index: &Index,
        questions: &[Question],
        filter: Option<&Filter>,
        ui: &dyn Progress,
    ) -> Result<Vec<Group>, Failure> {
        let (made_by, dimension) = index.model()?;
        let model = match questions.iter().any(Question::needs_model) {
            true => Some(self.query_model(index.name(), made_by.as_deref(), dimension)?),
            false => None,
        };
        let searched = (index.name(), dimension, made_by.as_deref());
        let mut embedder = Embedder::of(model, searched, &self.vector_column);
        let resolved = resolve(questions, &mut embedder, &|terms| Ok(index.stored(terms)?), ui)?;
        let search = Search {
            top: self.pool(),
            filter,
            exact: self.exact,
            effort: self.beam.or(self.search_k).map(|n| n as usize),
            vectors: self.explain || self.diverse.is_some(),
        };
        let queries: Vec<QueryVector> = resolved.iter().map(Resolved::query).collect();
        let start = Instant::now();
        let found = index.search(&queries, made_by.as_deref(), &search)?;
        let (count, s) = (queries.len(), if queries.len() == 1 { "y" } else { "ies" });
        ui.note(&format!("query: {count} quer{s} in {:.4} s", start.elapsed().as_secs_f64()));
        if let Some(unfit) = found.unfit.message() {
            ui.warn(&format!("{}: {unfit}", index.name()));
        }
        if found.hits.iter().all(Vec::is_empty) {
            let which = if filter.is_some() { "no other row for which the condition holds" } else { "no other row" };
            let of = index.rows()?.map(|count| format!(" (of {})", rows(count))).unwrap_or_default();
            ui.warn(&format!("{}: has {which}{of}", index.name()));
        }
        let groups = questions.iter().zip(&resolved).zip(found.hits).map(|((question, resolved), mut hits)| {
            if self.explain {
                hits.iter_mut().for_each(|hit| hit.parts = resolved.parts(&hit.vector));
            }
            self.group(question, hits)
        });
        Ok(groups.collect())
    }

    /// Searches a file that only numbers its items.
    fn search_annoy(
        &self,
        annoy: &Annoy,
        metric: Metric,
        questions: &[Question],
        ui: &dyn Progress,
    ) -> Result<Vec<Group>, Failure> {
        let name = annoy.name();
        if self.condition.is_some() || self.explain || self.diverse.is_some() || self.exact {
            return Err(Failure::usage(
                format!("{name}: numbers its items and knows no more of them"),
                "--where, --explain, --diverse and --exact need an index of pokedex",
            ));
        }
        let model = match questions.iter().any(Question::needs_model) {
            true => Some(self.query_model(&name, None, annoy.dimension())?),
            false => None,
        };
        let mut embedder = Embedder::of(model, (&name, annoy.dimension(), None), &self.vector_column);
        embedder.lengths = if metric == Metric::Angular { Lengths::OneOrZero } else { Lengths::Own };
        let lengths = embedder.lengths;
        let stored = |terms: &[&Term]| terms.iter().map(|term| resolve::item(annoy, term, lengths)).collect();
        let resolved = resolve(questions, &mut embedder, &stored, ui)?;
        let groups = questions.iter().zip(&resolved).map(|(question, resolved)| {
            let query = resolved.query();
            let wanted = self.pool() + query.without.len();
            let candidates = self.search_k.map(|k| k as usize);
            let found = annoy.search(&query.vector, wanted, candidates, None).map_err(Error::from)?;
            let hits = found.into_iter().map(|(item, distance)| Hit {
                row: item.into(),
                key: item.to_string(),
                score: metric.score(distance),
                ..Hit::default()
            });
            Ok(self.group(question, hits.filter(|hit| !query.without.contains(&(hit.row as u32))).collect()))
        });
        groups.collect()
    }

    /// How many hits must be found so that those that are asked for are among them.
    fn pool(&self) -> usize {
        let wanted = (self.offset + self.top) as usize;
        match self.diverse {
            Some(_) => (10 * wanted).max(100),
            None => wanted,
        }
    }

    /// Of what was found, best first, what is to be shown.
    fn group(&self, question: &Question, mut hits: Vec<Hit>) -> Group {
        let (offset, top) = (self.offset as usize, self.top as usize);
        hits.retain(|hit| self.min_score.is_none_or(|least| hit.score >= least));
        if let Some(diversity) = self.diverse {
            hits = diverse(hits, diversity, offset + top);
        }
        let hits = hits.into_iter().skip(offset).take(top).collect();
        Group { query: question.text.clone(), terms: question.terms.clone(), first_rank: self.offset + 1, hits }
    }

    fn open(&self, path: &Path, ui: &dyn Progress) -> Result<Opened, Failure> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let table = path.with_extension("parquet");
        if let (Some(dimension), Some(metric)) = (self.dim, self.metric) {
            let annoy = Annoy::open(path, dimension as usize, metric).map_err(Error::from)?;
            return Ok(Opened::Annoy(annoy, metric));
        }
        // What lies beside a table stands for it.
        let beside = [PACKED, ANNOY, GRAPH].contains(&extension) && (extension != PACKED || table.exists());
        if beside && !table.exists() {
            let hint = match extension == ANNOY {
                true => "of an Annoy file by another program say --dim N --metric angular|euclidean|manhattan|dot",
                false => "search the table that it belongs to",
            };
            return Err(Failure::usage(format!("{}: there is no {} beside it", path.display(), table.display()), hint));
        }
        let path = match path.is_dir() {
            _ if beside => table,
            true => table_in(path)?,
            false => path.to_path_buf(),
        };
        let (index, problems) = Index::open(path, &self.vector_column)?;
        for problem in problems {
            ui.warn(&format!("{problem}; searching without it (make the index again to mend that)"));
        }
        Ok(Opened::Index(Box::new(index)))
    }

    /// The model to embed the query by: the one that made the index, or nothing is compared.
    fn query_model(&self, name: &str, made_by: Option<&str>, dimension: usize) -> Result<Model, Failure> {
        let name = name.to_string();
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

/// What there is to search.
enum Opened {
    Index(Box<Index>),
    Annoy(Annoy, Metric),
}

/// A number from 0 to 1.
fn share(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "is no number from 0 to 1".into())
}
