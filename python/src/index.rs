//! An index that is opened once and asked as often as one likes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::Schema;
use ndarray::ArrayView1;
use pokedex::filter::Filter;
use pokedex::index::Order;
use pokedex::query::{Forms, Limits, Looks, Options, Question, Session, as_batch};
use pokedex::species::Language;
use pokedex::{Failure, Work, indexing};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::arrow::Table;
use crate::pictures::Picture;
use crate::watch::{Watch, work};

/// Something to search: the built-in Pokédex, an index, or a table of vectors. Threads may share one.
#[pyclass(frozen, module = "pokedex")]
pub(crate) struct Index(Session);

/// A term of a question, as Python has it.
enum Asked {
    Words(Vec<String>),
    Picture(Vec<u8>),
    Vector(Vec<f32>),
}

/// What is wanted of an answer.
struct Wanted {
    limits: Limits,
    literal: bool,
    columns: Vec<String>,
    language: Option<Language>,
}

#[pymethods]
impl Index {
    /// Opens an index, or any table of vectors; without a path the built-in Pokédex.
    #[staticmethod]
    #[pyo3(signature = (path = None, *, model = None, column = "embedding", forms = false))]
    fn open(
        py: Python<'_>,
        path: Option<PathBuf>,
        model: Option<String>,
        column: &str,
        forms: bool,
    ) -> PyResult<Index> {
        let forms = if forms { Forms::All } else { Forms::WhenNamed };
        let options = Options { model, column: column.into(), forms, ..Options::default() };
        work(py, |watch| {
            Ok(Index(match path.filter(|path| path != Path::new("pokedex:")) {
                Some(path) => Session::open(&path, &options, watch)?,
                None => Session::pokedex(&options)?,
            }))
        })
    }

    /// An index of a table in memory, in which every row is compared.
    #[staticmethod]
    #[pyo3(signature = (table, *, model = None, column = "embedding", columns = None))]
    fn of(
        py: Python<'_>,
        table: &Bound<'_, PyAny>,
        model: Option<String>,
        column: &str,
        columns: Option<Vec<String>>,
    ) -> PyResult<Index> {
        let table = Table::of(table)?;
        work(py, |watch| {
            let options = indexing::Options {
                columns: columns.unwrap_or_else(|| vec!["all".into()]),
                vector_column: column.into(),
                model: model.clone(),
                ..indexing::Options::default()
            };
            let index = indexing::temporary(table.source()?, &options, &Work::default(), watch)?;
            Ok(Index(Session::over(index, &Options { model, ..Options::default() })))
        })
    }

    /// The rows nearest to words, a picture or a vector. Terms are those of the command line: words, `id:25`, `key:NAME`,
    /// `img:FILE`, and `+` and `-` between them; or one picture (bytes, a path object, one of PIL), or one vector.
    #[pyo3(signature = (*terms, **options))]
    fn query(
        &self,
        py: Python<'_>,
        terms: &Bound<'_, PyTuple>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Table> {
        let (wanted, asked) = (wanted(options)?, asked(terms)?);
        work(py, |watch| {
            let question = match asked {
                Asked::Words(words) if words.is_empty() => Question::of_nothing(),
                Asked::Words(words) => Question { literal: wanted.literal, ..Question::of(&words)? },
                Asked::Picture(bytes) => {
                    let (vector, _) = self.0.see("picture", &bytes)?;
                    Question::of_vector("picture", ArrayView1::from(&vector))
                }
                Asked::Vector(vector) => Question::of_vector("vector", ArrayView1::from(&vector)),
            };
            self.answer(&[question], &wanted, false, watch)
        })
    }

    /// The answers to many questions of words at once, with the question as a column.
    #[pyo3(signature = (questions, **options))]
    fn query_many(
        &self,
        py: Python<'_>,
        questions: Vec<String>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Table> {
        let wanted = wanted(options)?;
        work(py, |watch| {
            let questions = questions
                .iter()
                .map(|text| Ok(Question { literal: wanted.literal, ..Question::of(&[text])? }))
                .collect::<Result<Vec<_>, Failure>>()?;
            self.answer(&questions, &wanted, true, watch)
        })
    }

    fn __len__(&self) -> PyResult<usize> {
        let count = self.0.count().map_err(|failure| PyValueError::new_err(failure.to_string()))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn __repr__(&self) -> String {
        match (self.0.is_pokedex(), self.0.count()) {
            (true, _) => "<pokedex.Index: the built-in Pokédex>".into(),
            (false, Ok(rows)) => format!("<pokedex.Index: {rows} rows>"),
            (false, Err(_)) => "<pokedex.Index>".into(),
        }
    }
}

impl Index {
    fn answer(&self, questions: &[Question], wanted: &Wanted, many: bool, watch: &Watch) -> Result<Table, Failure> {
        let groups = match questions {
            [] => Vec::new(),
            questions => self.0.ask_all(questions, &wanted.limits, watch)?,
        };
        let (names, language) = (&wanted.columns, wanted.language);
        let columns = (!names.is_empty()).then(|| self.0.cells(names, language, &groups)).transpose()?;
        let looks = Looks { null: false, many, explain: wanted.limits.explain, language, columns };
        let batch = as_batch(&groups, &looks)?;
        let mut metadata = std::collections::HashMap::new();
        if let [group] = groups.as_slice()
            && let Some(read_as) = &group.read_as
        {
            metadata.insert("pokedex.read_as".to_string(), read_as.clone());
        }
        let schema = Arc::new(Schema::new_with_metadata(batch.schema_ref().fields().clone(), metadata));
        Ok(Table::new(schema.clone(), vec![batch.with_schema(schema).expect("the same columns")]))
    }
}

fn asked(terms: &Bound<'_, PyTuple>) -> PyResult<Asked> {
    if terms.iter().all(|term| term.is_instance_of::<PyString>()) {
        return Ok(Asked::Words(terms.extract()?));
    }
    let Ok((term,)) = terms.extract::<(Bound<'_, PyAny>,)>() else {
        return Err(PyTypeError::new_err("a picture or a vector is asked for alone; of files say img:FILE"));
    };
    if !term.is_instance_of::<PyBytes>()
        && let Ok(vector) = term.extract::<Vec<f32>>()
    {
        return Ok(Asked::Vector(vector));
    }
    Ok(match Picture::of(&term)? {
        Picture::Bytes(bytes) => Asked::Picture(bytes),
        Picture::File(path) => Asked::Words(vec![format!("img:{path}")]),
        Picture::None => return Err(PyTypeError::new_err("None is no question")),
    })
}

fn wanted(options: Option<&Bound<'_, PyDict>>) -> PyResult<Wanted> {
    let mut wanted = Wanted { limits: Limits::default(), literal: false, columns: Vec::new(), language: None };
    for (name, value) in options.into_iter().flatten() {
        let (name, limits): (String, _) = (name.extract()?, &mut wanted.limits);
        if value.is_none() {
            continue;
        }
        match name.as_str() {
            "top" => limits.top = value.extract()?,
            "offset" => limits.offset = value.extract()?,
            "min_score" => limits.min_score = value.extract()?,
            "diverse" => limits.diverse = value.extract()?,
            "explain" => limits.explain = value.extract()?,
            "exact" => limits.exact = value.extract()?,
            "search_k" => limits.search_k = value.extract()?,
            "beam" => limits.beam = value.extract()?,
            "literal" => wanted.literal = value.extract()?,
            "columns" => wanted.columns = value.extract()?,
            "where" | "where_" => {
                let filter = Filter::parse(&value.extract::<String>()?).map_err(Failure::from);
                limits.filter = Some(filter.map_err(|failure| crate::failure::raise(value.py(), failure))?);
            }
            "sort" => {
                let order: Result<Order, String> = value.extract::<String>()?.parse();
                limits.order = Some(order.map_err(PyValueError::new_err)?);
            }
            "lang" => {
                let code: String = value.extract()?;
                let unknown = || PyValueError::new_err(format!("{code}: no language of the Pokédex"));
                wanted.language = Some(Language::of(&code).ok_or_else(unknown)?);
            }
            _ => return Err(PyTypeError::new_err(format!("query() got an unexpected keyword argument '{name}'"))),
        }
    }
    Ok(wanted)
}
