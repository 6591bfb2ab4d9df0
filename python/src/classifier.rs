//! Classes of pictures that are in memory.

use std::path::PathBuf;
use std::sync::Arc;

use pokedex::classify::{Classes, Classify, Options};
use pokedex::model::classifier::Detection;
use pokedex::{Failure, Work};
use pyo3::prelude::*;

use crate::arrow::Table;
use crate::failure::raise;
use crate::pictures::{self, Picture};
use crate::watch::work;

/// What decides on the classes of pictures, loaded once; threads may share one.
#[pyclass(frozen, module = "pokedex")]
pub(crate) struct Classifier {
    stage: Arc<Classify>,
    work: Work,
}

#[pymethods]
impl Classifier {
    /// Of one of these: a head that `train` learnt, words in a file of labels, an index whose neighbours vote, or a network that
    /// has classes of its own; without any the 1025 species.
    #[new]
    #[pyo3(signature = (*, head = None, labels = None, index = None, model = None, top = 5, neighbours = 10, threads = None))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords")]
    fn new(
        py: Python<'_>,
        head: Option<PathBuf>,
        labels: Option<PathBuf>,
        index: Option<PathBuf>,
        model: Option<String>,
        top: usize,
        neighbours: usize,
        threads: Option<usize>,
    ) -> PyResult<Classifier> {
        let network = model.as_ref().filter(|model| model.ends_with(".onnx"));
        let classes = match (head, labels, index, network) {
            (Some(head), None, None, None) => Ok(Classes::Head(head)),
            (None, labels, None, Some(file)) => {
                Ok(Classes::Ready { file: file.into(), labels, detection: Detection::default() })
            }
            (None, Some(labels), None, None) => Ok(Classes::Words { labels, prompts: Vec::new(), scale: None }),
            (None, None, Some(table), None) => Ok(Classes::Neighbours { table, count: neighbours }),
            (None, None, None, None) => Ok(Classes::Pokedex),
            _ => Err(Failure::usage("only one thing can decide", "give one of head, labels, index and a network")),
        };
        let classes = classes.map_err(|failure| raise(py, failure))?;
        let threads = threads.unwrap_or(Work::default().threads).max(1);
        let options = Options { model, threads, top, ..Options::default() };
        work(py, |watch| {
            let stage = Classify::load(&classes, &pictures::table(Vec::new()), None, &options, watch)?;
            Ok(Classifier { stage: Arc::new(stage), work: Work { threads, ..Work::default() } })
        })
    }

    /// What decides, and its version.
    #[getter]
    fn name(&self) -> &str {
        self.stage.identity()
    }

    /// The best classes of pictures, as the columns `prediction_1`, `score_1`, …, `rejected` and `error`.
    fn classify(&self, py: Python<'_>, images: &Bound<'_, PyAny>) -> PyResult<Table> {
        let pictures = Picture::all(images)?;
        work(py, |watch| {
            let (table, mut batches) = (pictures::table(pictures), Vec::new());
            let schema = pokedex::stage::Stage::schema(self.stage.as_ref(), &table.schema);
            self.work.run(table, &self.stage, watch, |rows| {
                batches.push(rows);
                Ok(())
            })?;
            Ok(Table::new(schema, batches))
        })
    }
}
