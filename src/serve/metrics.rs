//! Figures of a running server, as Prometheus reads them.
//!
//! The text is what its format wants and little more; a crate for it would bring more code than is here.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::gallery::About;

/// A step of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Words and pictures become vectors.
    Read,
    /// Near rows are found.
    Search,
    /// Cells of rows are read.
    Rows,
    /// A picture becomes small.
    Thumbnail,
    /// Classes of a picture are told.
    Classify,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Read => "read",
            Step::Search => "search",
            Step::Rows => "rows",
            Step::Thumbnail => "thumbnail",
            Step::Classify => "classify",
        }
    }
}

/// Bounds of the histograms, in seconds.
const BOUNDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

#[derive(Debug, Default, Clone)]
struct Histogram {
    counts: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    fn add(&mut self, seconds: f64) {
        self.counts.iter_mut().zip(BOUNDS).filter(|(_, bound)| seconds <= *bound).for_each(|(count, _)| *count += 1);
        self.count += 1;
        self.sum += seconds;
    }

    fn write(&self, name: &str, label: &str, out: &mut String) {
        for (count, bound) in self.counts.iter().zip(BOUNDS) {
            let _ = writeln!(out, "{name}_bucket{{{label},le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(out, "{name}_bucket{{{label},le=\"+Inf\"}} {}", self.count);
        let _ = writeln!(out, "{name}_sum{{{label}}} {}", self.sum);
        let _ = writeln!(out, "{name}_count{{{label}}} {}", self.count);
    }
}

/// What was counted since the start.
#[derive(Debug, Default)]
pub(super) struct Metrics(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    requests: BTreeMap<(&'static str, u16), u64>,
    took: BTreeMap<&'static str, Histogram>,
    steps: BTreeMap<Step, Histogram>,
    renewals: [u64; 2],
}

impl Metrics {
    /// Counts an answer of a route.
    pub(super) fn answered(&self, route: &'static str, status: u16, took: Duration) {
        let mut counted = self.counted();
        *counted.requests.entry((route, status)).or_default() += 1;
        counted.took.entry(route).or_default().add(took.as_secs_f64());
    }

    /// Counts a step.
    pub(super) fn note(&self, step: Step, took: Duration) {
        self.counted().steps.entry(step).or_default().add(took.as_secs_f64());
    }

    /// Does a step and counts it.
    pub(super) fn time<T>(&self, step: Step, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        self.note(step, start.elapsed());
        done
    }

    /// Counts a replacement of the index that was taken over, or was not.
    pub(super) fn renewed(&self, taken: bool) {
        self.counted().renewals[usize::from(!taken)] += 1;
    }

    /// All figures.
    pub(super) fn text(&self, about: &About, busy: usize) -> String {
        let counted = self.counted();
        let mut out = String::new();
        let head = |out: &mut String, name: &str, kind: &str, help: &str| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        };
        head(&mut out, "pokedex_requests_total", "counter", "Answers by route and status.");
        for ((route, status), count) in &counted.requests {
            let _ = writeln!(out, "pokedex_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}");
        }
        head(&mut out, "pokedex_request_duration_seconds", "histogram", "Time from a request's head to its answer.");
        for (route, took) in &counted.took {
            took.write("pokedex_request_duration_seconds", &format!("route=\"{route}\""), &mut out);
        }
        head(&mut out, "pokedex_step_duration_seconds", "histogram", "Time of the steps of answers.");
        for (step, took) in &counted.steps {
            took.write("pokedex_step_duration_seconds", &format!("step=\"{}\"", step.name()), &mut out);
        }
        head(&mut out, "pokedex_questions", "gauge", "Questions that wait or are worked on.");
        let _ = writeln!(out, "pokedex_questions {busy}");
        head(&mut out, "pokedex_index_renewals_total", "counter", "Replacements of the index, by what became of them.");
        for (name, count) in ["taken", "broken"].into_iter().zip(counted.renewals) {
            let _ = writeln!(out, "pokedex_index_renewals_total{{result=\"{name}\"}} {count}");
        }
        head(&mut out, "pokedex_index_rows", "gauge", "Rows of the index.");
        let _ = writeln!(out, "pokedex_index_rows {}", about.rows);
        head(&mut out, "pokedex_info", "gauge", "What is served, by what.");
        let model = about.model.as_deref().unwrap_or("unknown");
        let labels =
            [("version", about.version), ("index", &about.name), ("identity", &about.identity), ("model", model)];
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let _ = writeln!(out, "pokedex_info{{{}}} 1", labels.join(","));
        out
    }

    fn counted(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
