//! A model whose image tower has 8-bit weights, made of another, and let through only if it finds the same neighbours.
//!
//! Hides: how ranges are found, which layers are left alone, and how the result is judged. Promises: what is written has
//! passed the gate on pictures that it was calibrated on and on others; else nothing is written. Which pictures are used, and
//! for what, depends on their keys alone.
//!
//! What is not said of a picture: that its class is right. The gate asks whether the quantised model answers as the one that it
//! was made of.

mod gate;
mod pictures;

use std::collections::BTreeSet;
use std::path::Path;

use rayon::prelude::*;
use serde_json::{Value, json};

pub use crate::model::Scales;
pub use gate::Figures;

use crate::embed::Embedder;
use crate::failure::Failure;
use crate::matrix::dot;
use crate::model::{Device, Draft, ImageTower, Model, ModelId, Ranges, Use};
use crate::progress::Progress;
use crate::stage::{go_on, pool};
use crate::table::Inputs;
use gate::{LABELS, figures};
use pictures::Pictures;

/// So many pictures show what a layer alone costs.
const FEW: usize = 8;

/// How a model is quantised, and how good it must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// How many scales a layer's weights have. With one for each layer none is left alone: that is what engines want that
    /// know no more.
    pub scales: Scales,
    /// The least share of the ten nearest neighbours that stays.
    pub least_overlap: f64,
    /// Replace files of others in the folder.
    pub force: bool,
    /// How many pictures are looked at at once.
    pub threads: usize,
}

impl Default for Options {
    /// A scale for each channel; nine neighbours of ten stay.
    fn default() -> Options {
        let threads = crate::stage::processors();
        Options { scales: Scales::Channel, least_overlap: 0.90, force: false, threads }
    }
}

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// The model in the new folder.
    pub id: ModelId,
    /// How many layers could be quantised, and how many were not.
    pub layers: (usize, usize),
    /// On the pictures that it was calibrated on.
    pub calibration: Figures,
    /// On the others.
    pub others: Figures,
    /// Pictures that could not be read.
    pub skipped: usize,
}

/// Quantises the image tower of a model in a folder of ONNX files, by ONNX Runtime, and writes the new model to `out`.
///
/// Of the pictures, at most 256 are used; two of three calibrate, and the third is kept from that. Where too few neighbours
/// stay, the layers that cost most are kept in 32 bits: an eighth of them, a quarter, a half.
///
/// # Errors
/// The model is none that can be quantised, ONNX Runtime is not there, there are too few pictures, too few neighbours stay, or
/// something cannot be read or written.
pub fn quantise(
    model: &Model,
    pictures: &Inputs,
    options: &Options,
    out: &Path,
    progress: &mut dyn Progress,
) -> Result<Made, Failure> {
    let making = Draft::place(out, options.force, options.threads)?;
    let draft = model.draft(options.scales)?;
    let use_ = Use::Bulk { calls: options.threads };
    let tower = model.image_tower(use_, Device::Cpu)?;
    let pictures = Pictures::read(pictures, &tower, progress)?;
    let mut work = Job { model, draft: &draft, options, batch: Embedder::batch_of(model), progress };

    let before = work.vectors(&tower, &pictures.pixels)?;
    let pictures = pictures.with_vectors(&before)?;
    let before: Vec<Vec<f32>> = before.into_iter().flatten().collect();
    let words = work.words()?;
    let ranges = work.ranges(&tower, &pictures)?;
    drop(tower);

    let mut kept = match options.scales {
        Scales::Channel => draft.delicate(),
        Scales::Tensor => BTreeSet::new(),
    };
    let all = draft.layers().len();
    let compare = |work: &mut Job, kept: &BTreeSet<usize>| -> Result<(Figures, Figures), Failure> {
        let after = work.vectors(&draft.image_tower(kept, &ranges, use_)?, &pictures.pixels)?;
        let of = |places: &[usize]| figures(&before, &after, places, words.as_deref());
        Ok((of(&pictures.calibration), of(&pictures.others)))
    };
    if kept.len() == all {
        let why = "all of its layers are better left alone: the first, the last and the depthwise ones";
        return Err(Failure::failed(format!("{}: {why}", model.id()), Some("--scales tensor takes them all".into())));
    }
    let (mut calibration, mut others) = compare(&mut work, &kept)?;
    if options.scales == Scales::Channel && calibration.overlap < options.least_overlap {
        let ranking = work.costs(&ranges, &kept, &pictures, &before)?;
        for share in [8, 4, 2] {
            kept.extend(ranking.iter().take(ranking.len().div_ceil(share)));
            (calibration, others) = compare(&mut work, &kept)?;
            if calibration.overlap >= options.least_overlap {
                break;
            }
        }
    }
    if calibration.overlap.min(others.overlap) < options.least_overlap {
        return Err(refused(model.id(), options, &calibration, &others));
    }
    let skipped = pictures.skipped;
    let about = about(options, (all, kept.len()), (&calibration, &others));
    draft.write(making, &kept, &ranges, about)?;
    let id = Model::open(out, None, crate::model::Engine::Auto)?.id().clone();
    Ok(Made { id, layers: (all, kept.len()), calibration, others, skipped })
}

/// What the record in the folder says.
fn about(options: &Options, (all, kept): (usize, usize), (calibration, others): (&Figures, &Figures)) -> Value {
    let scales = match options.scales {
        Scales::Channel => "one for each output channel",
        Scales::Tensor => "one for each layer",
    };
    let runtime = crate::model::onnx_runtime().map_or("unknown", |(version, _)| version);
    let figures = |figures: &Figures| {
        json!({
            "pictures": figures.pictures, "overlap_of_ten": rounded(figures.overlap),
            "same_answers": figures.answers.map(rounded), "mean_cosine": rounded(figures.mean_cosine),
            "least_cosine": rounded(figures.least_cosine),
        })
    };
    json!({
        "method": "weights of 8 bits, symmetric; inputs of 8 bits, ranges fixed by calibration",
        "scales_of_weights": scales,
        "layers": all, "layers_in_8_bits": all - kept,
        "engine": format!("onnxruntime {runtime}"),
        "gate": {
            "least_overlap": options.least_overlap, "calibration": figures(calibration), "others": figures(others),
        },
    })
}

/// Figures as people read them.
fn rounded(x: f64) -> f64 {
    (x * 1e6).round() / 1e6
}

fn refused(id: &ModelId, options: &Options, calibration: &Figures, others: &Figures) -> Failure {
    let least = options.least_overlap;
    let message = format!(
        "{id}: not written, since its neighbours change (least overlap {least}); calibration: {calibration}; others: {others}"
    );
    let reached = calibration.overlap.min(others.overlap);
    let accepts = format!("--least-overlap {:.2} would take it", (reached * 100.0).floor() / 100.0);
    let hint = match options.scales {
        Scales::Tensor => format!("--scales channel, which leaves alone what suffers most; {accepts}"),
        Scales::Channel => format!("more pictures of the kind that it is for (--calibrate); {accepts}"),
    };
    Failure::failed(message, Some(hint))
}

/// What the steps have in common.
struct Job<'a> {
    model: &'a Model,
    draft: &'a Draft,
    options: &'a Options,
    /// How many pictures go through a tower at once: as many as when it is used, so that the gate sees what users will.
    batch: usize,
    progress: &'a mut dyn Progress,
}

impl Job<'_> {
    /// The vectors of pictures, on all threads.
    fn vectors(&mut self, tower: &ImageTower, pixels: &[Vec<f32>]) -> Result<Vec<Option<Vec<f32>>>, Failure> {
        let size = self.batch;
        let made = self.each("compare", pixels.len().div_ceil(size), |at| {
            let own = &pixels[at * size..pixels.len().min((at + 1) * size)];
            let rows = tower.embed(self::batch(own, size), own.len())?;
            Ok(rows.into_iter().map(Result::ok).collect::<Vec<_>>())
        })?;
        Ok(made.into_iter().flatten().collect())
    }

    /// The vectors of the words that pictures are asked to be.
    fn words(&mut self) -> Result<Option<Vec<Vec<f32>>>, Failure> {
        if !self.model.has_text() {
            return Ok(None);
        }
        let tower = self.model.text_tower(Use::Once, Device::Cpu)?;
        let word = |label: &&str| -> Result<Vec<f32>, Failure> { Ok(tower.embed(&format!("a photo of {label}"))?) };
        LABELS.iter().map(word).collect::<Result<_, _>>().map(Some)
    }

    /// The range of every value that a layer sees, over the pictures of the calibration.
    fn ranges(&mut self, tower: &ImageTower, pictures: &Pictures) -> Result<Ranges, Failure> {
        let watch = self.draft.watch(Use::Bulk { calls: self.options.threads })?;
        let size = self.model.at_once().unwrap_or(1);
        let seen = self.each("calibrate", pictures.calibration.len(), |at| {
            // A graph for several at once sees the same picture several times.
            let own = vec![pictures.pixels[pictures.calibration[at]].clone(); size];
            let mut ranges = Ranges::new();
            watch.look(tower, own.concat(), &mut ranges)?;
            Ok(ranges)
        })?;
        let mut all = Ranges::new();
        for (name, (least, most)) in seen.into_iter().flatten() {
            let range = all.entry(name).or_insert((least, most));
            *range = (range.0.min(least), range.1.max(most));
        }
        Ok(all)
    }

    /// The layers that are not kept yet, those first that cost most: how far some vectors move if that layer alone has 8 bits.
    fn costs(
        &mut self,
        ranges: &Ranges,
        kept: &BTreeSet<usize>,
        pictures: &Pictures,
        before: &[Vec<f32>],
    ) -> Result<Vec<usize>, Failure> {
        let all: BTreeSet<usize> = (0..self.draft.layers().len()).collect();
        let few: Vec<usize> = pictures.calibration.iter().copied().take(FEW).collect();
        let pixels: Vec<Vec<f32>> = few.iter().map(|&at| pictures.pixels[at].clone()).collect();
        let mut costs = Vec::new();
        for &layer in all.difference(kept) {
            let others = all.iter().copied().filter(|&other| other != layer).collect();
            let tower = self.draft.image_tower(&others, ranges, Use::Bulk { calls: 1 })?;
            let after = self.vectors(&tower, &pixels)?;
            let cosine = |(at, own): (&usize, &Option<Vec<f32>>)| match own {
                Some(own) => dot(&before[*at], own),
                None => 0.0,
            };
            costs.push((few.iter().zip(&after).map(cosine).sum::<f64>(), layer));
        }
        costs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Ok(costs.into_iter().map(|(_, layer)| layer).collect())
    }

    /// Does a piece of work for each number below `count`, on all threads; results are in the order of the numbers.
    fn each<T: Send>(
        &mut self,
        what: &'static str,
        count: usize,
        work: impl Fn(usize) -> Result<T, Failure> + Sync,
    ) -> Result<Vec<T>, Failure> {
        let (threads, mut results) = (pool(self.options.threads)?, Vec::with_capacity(count));
        self.progress.start(what, Some(count as u64));
        // A few a thread at a time, so that there is something to tell in between.
        for first in (0..count).step_by(4 * self.options.threads) {
            go_on(self.progress)?;
            let some = first..count.min(first + 4 * self.options.threads);
            let done = threads.install(|| some.into_par_iter().map(&work).collect::<Result<Vec<_>, _>>())?;
            self.progress.advance(done.len() as u64);
            results.extend(done);
        }
        self.progress.finish();
        Ok(results)
    }
}

/// A full batch, of zeros where pictures are missing.
fn batch(pixels: &[Vec<f32>], size: usize) -> Vec<f32> {
    let mut batch = pixels.concat();
    batch.resize(batch.len() / pixels.len() * size, 0.0);
    batch
}
