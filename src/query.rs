//! Questions and answers: what is nearest to words, pictures and stored rows.
//!
//! A [`Session`] is opened once, on the built-in Pokédex, an index, or a file of Annoy by another program; a [`Question`] is
//! what is looked for, [`Limits`] which of the rows that are found are wanted, and a [`Group`] is the answer;
//! [`results`] shows answers to people and to programs.
//!
//! Hides: which model and which tower a question needs and when they are loaded, how terms become one vector, how slips of
//! the pen are read, and where each kind of index keeps its rows. Promises: a session may be asked from many threads at once,
//! and answers as it would one after the other; vectors of two models are never compared; nothing is loaded that no question
//! needs.
//!
//! ```
//! use pokedex::progress::Silent;
//! use pokedex::query::{Limits, Options, Question, Session};
//!
//! let session = Session::pokedex(&Options::default())?;
//! let best = Limits { top: 1, ..Limits::default() };
//! let found = session.ask(&Question::of(&["Pikachu"])?, &best, &Silent)?;
//! assert_eq!(found.hits[0].label.as_deref(), Some("Pikachu"));
//! # Ok::<(), pokedex::Failure>(())
//! ```

mod arguments;
mod indexed;
mod limits;
mod numbered;
mod pokedex;
mod questions;
pub mod results;
mod session;
mod stored;
mod towers;
mod vectors;
mod worded;

pub use arguments::check_words;
pub use limits::Limits;
pub use questions::{questions_in, with_directions};
pub use results::{Columns, Group, Looks, as_batch, write_results};
pub use session::{Ready, Session, table_of};

use ndarray::ArrayView1;

use crate::index::{Error, Metric, Term, Weighted, parse_terms};
use crate::model::Engine;
use crate::table::column;

/// What a session is opened with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The model that embeds questions; without a name the one that made the index, and `unknown` where nobody knows it.
    pub model: Option<String>,
    /// What runs the model of an index; the built-in one always runs in rten.
    pub engine: Engine,
    /// The column that holds the vectors, of an index and of tables that questions bring.
    pub column: String,
    /// Of a file of Annoy by another program, the numbers in a vector, and what it was built with.
    pub annoy: Option<(usize, Metric)>,
    /// Which rows the built-in Pokédex has beside the species.
    pub forms: Forms,
    /// What rows are found by, where an index has texts.
    pub by: By,
    /// The columns of an index in which words are looked for; `text` where none is named and there is one.
    pub words_in: Vec<String>,
}

/// What rows of an index are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum By {
    /// By their vectors, and by the words in their texts where there are texts
    #[default]
    Both,
    /// By their vectors alone
    Looks,
    /// By the words in their texts alone; no model is needed, nor vectors
    Words,
}

/// Whether other forms of species than the usual, as Megas and those of regions, are rows of the built-in Pokédex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forms {
    /// There are none.
    Never,
    /// Those that a question asks for.
    WhenNamed,
    /// All of them.
    All,
}

impl Default for Options {
    /// The model of the index, and the vectors of `embed`.
    fn default() -> Options {
        Options {
            model: None,
            engine: Engine::Auto,
            column: column::EMBEDDING.into(),
            annoy: None,
            forms: Forms::WhenNamed,
            by: By::default(),
            words_in: Vec::new(),
        }
    }
}

/// A query as it was written: terms, or a row of a file of vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// As it was written, for people; of a vector its name.
    pub text: String,
    /// What is looked for; none where `vector` stands in their place.
    pub terms: Vec<Weighted>,
    /// The vector that a file has in the place of terms.
    pub vector: Option<Vec<f32>>,
    /// The model of the vector, if its file says so.
    pub model: Option<String>,
    /// Whether words are only words: `gen 7 ghost` is no condition.
    pub literal: bool,
}

/// A question as it was written, and its terms.
type Asked<'a> = (&'a str, &'a [Weighted]);

impl Question {
    /// Reads the arguments of one question, as [`parse_terms`] does.
    ///
    /// # Errors
    /// As there.
    pub fn of<S: AsRef<str>>(arguments: &[S]) -> Result<Question, Error> {
        let terms = parse_terms(arguments)?;
        let text = arguments.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(" ");
        Ok(Question { text, terms, vector: None, model: None, literal: false })
    }

    /// No words at all: every row for which the condition holds is found, in the order that is asked for.
    pub fn of_nothing() -> Question {
        Question { text: String::new(), terms: Vec::new(), vector: None, model: None, literal: true }
    }

    /// A vector that somebody computed; it is compared with those of the index by its direction.
    pub fn of_vector(name: &str, vector: ArrayView1<f32>) -> Question {
        Question { text: name.into(), terms: Vec::new(), vector: Some(vector.to_vec()), model: None, literal: false }
    }

    /// Whether it asks for all rows.
    fn is_nothing(&self) -> bool {
        self.terms.is_empty() && self.vector.is_none()
    }

    /// Whether something in it must be embedded.
    fn needs_model(&self) -> bool {
        self.terms.iter().any(|weighted| matches!(weighted.term, Term::Text(_) | Term::Image(_)))
    }
}
