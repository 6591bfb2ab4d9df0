//! `query`: the rows nearest to words, pictures or stored rows.

mod preview;

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::TypedValueParser;

use self::preview::Pictures;
use super::args::default_format;
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::filter::Filter;
use crate::index::{Metric, Order};
use crate::io::{Sink, Target};
use crate::model::Engine;
use crate::output;
use crate::output::format::Format;
use crate::progress::Progress;
use crate::query::{
    By, Forms, Limits, Looks, Options, Question, Session, check_words, questions_in, with_directions, write_results,
};
use crate::species::{self, Language};
use crate::table::column;

/// Find what is nearest to words, pictures or stored rows
///
/// Words join with spaces. An argument is a picture when it starts with ./ ../ / ~/ img: s3:// or https://, a stored row when it is
/// id:25 or key:NAME, a vector in a .npy file or a table when it is vec:FILE. + and - join terms, 2: before a term
/// doubles its weight. Without --index (and without POKEDEX_INDEX) the built-in Pokédex answers. The score is the cosine;
/// the Pokédex fuses it with the share of the words that a species' facts contain, and puts a species that is named first.
/// An index with a column `text` (pokedex read) is searched for the words as they are written, too: a row whose text has all of
/// them comes up beside what looks like them, whole words before parts of words, words in quotes only together.
/// Of the Pokédex, names in ten languages, forms, families, regions, types and what they are weak to, numbers and comparisons
/// are read as what they say; a note tells as what, in words to paste (docs/words.md). A misspelt word is read as the known
/// word that is one slip away (two from eight letters on), and a note says so; words that are not known are named.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex query \"fire dog\" --top 5
  pokedex query ./drawing.png --format json
  pokedex query \"gen 7 ghost but not flying\"
  pokedex query \"what does magikarp evolve into\"
  pokedex query \"fastest electric\" --columns rank,label,speed
  pokedex query Glurak --lang de
  pokedex query --where is_baby --sort weight_kg
  pokedex query --id 25 --top 6
  pokedex query 2:golden retriever + ./pool.jpg - fruit --index photos.parquet
  pokedex query \"red bird\" --index photos.parquet --preview
  pokedex query \"red bird\" --index photos.parquet --top 3 --open
  pokedex query \"sunset\" --index photos.parquet --format paths -0 | xargs -0 ls -l
  pokedex query '\"happy birthday\" anna' --by words --index photos.parquet --explain
  pokedex query dragon --where \"type1 = 'fire' and generation < 3 and name like 'C%'\"
  pokedex query dragon --columns rank,label,type1,type2 -o dragons.csv
  pokedex query beach --index photos.parquet --diverse --min-score 0.1 --explain
  printf 'fire dog\\nid:25\\n' | pokedex query --queries - --format jsonl")]
pub(super) struct Query {
    /// Words, pictures and stored rows, joined by + and -
    #[arg(value_name = "TERM")]
    terms: Vec<String>,

    /// The table to search, or a folder with one [default: the built-in Pokédex, pokedex:]; - for standard input
    #[arg(long, help_heading = "Input", env = "POKEDEX_INDEX", value_name = "FILE", hide_env_values = true, value_parser = clap::builder::OsStringValueParser::new().map(PathBuf::from))]
    index: Option<PathBuf>,

    /// How many rows to show
    #[arg(short = 'n', long, help_heading = "Search", default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    top: u32,

    /// Search by the stored rows of this class, as the term id:N; a species' name is its number
    #[arg(long, help_heading = "Input", value_name = "N|NAME", conflicts_with = "queries", value_parser = class)]
    id: Option<i32>,

    /// What rows of an index are found by [default: both]
    #[arg(long, help_heading = "Search", value_enum, default_value_t, hide_default_value = true)]
    by: By,

    /// Look for words in these columns of an index, too [default: text, where it has that]
    #[arg(long, help_heading = "Search", value_delimiter = ',', value_name = "COLUMNS")]
    words_in: Vec<String>,

    /// Take words as they are: "gen 7 ghost" is no condition then, and "Glurak" no name
    #[arg(long, help_heading = "Input")]
    literal: bool,

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

    /// Order by a column; of what words find the best --top are ordered, without words all rows
    #[arg(long, help_heading = "Search", value_name = "COLUMN[:desc]")]
    sort: Option<Order>,

    /// Search other forms of species, too: Megas, those of regions, Gigantamax
    #[arg(long, help_heading = "Search")]
    forms: bool,

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

    /// Show the names of species in this language, too, as `name`: de, en, es, fr, it, ja, ja-latn, ko, zh-hans, zh-hant
    #[arg(long, help_heading = "Output", value_name = "LANGUAGE", value_parser = language)]
    lang: Option<Language>,

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
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        self.check()?;
        // An empty POKEDEX_INDEX is as good as none.
        let none = ["", species::TABLE_NAME];
        let index = self.index.as_deref().filter(|path| none.iter().all(|none| path.as_os_str() != *none));
        let target = Target::parse(self.output.as_deref());
        let drawn = self.pictures.format(self.format)?;
        let format = output::format(&target, drawn, default_format(&target, Format::Table, Format::Tsv))?;
        let read: Vec<PathBuf> = index.into_iter().flat_map(Session::files_of).chain(self.queries.clone()).collect();
        output::ensure_no_input(self.output.as_deref(), read.iter().map(|path| &**path), "the result")?;
        if format == Format::Paths && !self.columns.is_empty() {
            return Err(Failure::usage("--columns: does not suit --format paths", "--columns path --format tsv"));
        }
        if self.forms && index.is_some() {
            return Err(Failure::usage("--forms: only the built-in Pokédex has forms", "leave out --index"));
        }
        let limits = self.limits()?;
        let sink = Sink::open(&target, format == Format::Parquet)?;
        let questions = self.questions(ui)?;
        let (session, questions) = self.session(index, questions, ui)?;
        let results = session.ask_all(&questions, &limits, ui)?;
        let columns =
            (!self.columns.is_empty()).then(|| session.cells(&self.columns, self.lang, &results)).transpose()?;
        let looks = Looks {
            null: self.null,
            many: self.queries.is_some(),
            explain: self.explain,
            language: self.lang,
            columns,
        };
        write_results(&results, format, &looks, sink)?;
        let shown = (self.output.is_some() || drawn.is_some()).then_some(format);
        self.pictures.show(&results, shown, index.is_some(), self.queries.is_some(), self.top, ui)?;
        Ok(Exit::Done)
    }

    /// Refuses options that do not go together.
    fn check(&self) -> Result<(), Failure> {
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
        Ok(())
    }

    fn limits(&self) -> Result<Limits, Failure> {
        Ok(Limits {
            top: self.top,
            offset: self.offset,
            min_score: self.min_score,
            diverse: self.diverse,
            filter: self.condition.as_deref().map(Filter::parse).transpose()?,
            order: self.sort.clone(),
            explain: self.explain,
            exact: self.exact,
            search_k: self.search_k,
            beam: self.beam,
        })
    }

    fn questions(&self, ui: &dyn Progress) -> Result<Vec<Question>, Failure> {
        if let Some(file) = &self.queries {
            let questions = questions_in(file, &self.vector_column, self.model.is_some(), ui)?;
            return Ok(questions
                .into_iter()
                .map(|question| Question { literal: question.literal || self.literal, ..question })
                .collect());
        }
        let mut arguments = self.terms.clone();
        if let Some(id) = self.id {
            // `--id 25 + red` reads as `id:25 + red`.
            arguments.insert(0, format!("id:{id}"));
        }
        if arguments.is_empty() && (self.condition.is_some() || self.sort.is_some()) {
            return Ok(vec![Question::of_nothing()]);
        }
        let question = Question { literal: self.literal, ..Question::of(&arguments)? };
        check_words(&question.terms, &arguments, ui)?;
        Ok(vec![question])
    }

    /// Opens what is searched; gives the questions that it can be asked.
    fn session(
        &self,
        index: Option<&Path>,
        questions: Vec<Question>,
        ui: &dyn Progress,
    ) -> Result<(Session, Vec<Question>), Failure> {
        let options = Options {
            model: self.model.clone(),
            engine: self.engine,
            column: self.vector_column.clone(),
            annoy: self.dim.map(|dimension| dimension as usize).zip(self.metric),
            forms: if self.forms { Forms::All } else { Forms::WhenNamed },
            by: self.by,
            words_in: self.words_in.clone(),
        };
        // What has no direction can be compared by distance alone.
        let directions = |questions| match &self.queries {
            Some(file) => with_directions(questions, file),
            None => Ok(questions),
        };
        let Some(path) = index else {
            let questions = directions(questions)?;
            return Ok((Session::pokedex(&options)?, questions));
        };
        let session = Session::open(path, &options, ui)?;
        let questions = if session.compares_directions() { directions(questions)? } else { questions };
        Ok((session, questions))
    }
}

/// A number from 0 to 1.
fn share(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "is no number from 0 to 1".into())
}

/// The number of a class, or of the species of a name in any language.
fn class(text: &str) -> Result<i32, String> {
    text.parse().ok().or_else(|| species::number_of(text)).ok_or_else(|| "is neither a number nor a species".into())
}

fn language(text: &str) -> Result<Language, String> {
    Language::of(text).ok_or_else(|| {
        let codes: Vec<&str> = Language::ALL.iter().map(|(code, _)| *code).collect();
        format!("is none of {}", codes.join(", "))
    })
}
