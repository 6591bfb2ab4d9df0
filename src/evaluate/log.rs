//! An evaluation as a run of a log.

use std::path::Path;

use super::{Evaluation, Options, Predictions};
use crate::failure::Failure;
use crate::runs::{self, Run};

/// Adds the figures to the log of runs at `path`, and returns the number of the run.
///
/// # Errors
/// The file is there and no log, or cannot be read or written.
pub fn log(evaluation: &Evaluation, path: &Path) -> Result<i32, Failure> {
    Ok(runs::append(path, &run(evaluation))?)
}

fn run(evaluation: &Evaluation) -> Run {
    let Evaluation { figures, head, predictions: Predictions { path, options, started, .. }, .. } = evaluation;
    let Options { truth, prediction, score, by, split, compare, bootstrap, seed, threads: _ } = options;
    let compare = compare.as_ref().map(|path| path.display().to_string());
    let settings = serde_json::json!({
        "truth": truth, "prediction": prediction, "score": score, "by": by,
        "split": split, "compare": compare, "seed": seed, "bootstrap": bootstrap,
    });
    Run {
        command: "evaluate".into(),
        head: head.clone(),
        input: path.display().to_string(),
        settings,
        figures: figures.to_json().into(),
        top1: figures.get("top1"),
        top5: figures.get("top5"),
        macro_f1: figures.get("macro_f1"),
        ece: figures.get("ece"),
        aurc: figures.get("aurc"),
        loss: None,
        seconds: Some(started.elapsed().as_secs_f64()),
        curve: None,
    }
}
