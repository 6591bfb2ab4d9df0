//! Models that read: a detector that finds lines of text, a recogniser that reads one, perhaps a classifier that tells whether
//! it stands on its head. The layout is PP-OCR's, as the Python package rapidocr brings it.
//!
//! Hides: files, tensors, how lines are found, cut out and spelt. Promises: a line's text depends on the picture and the model
//! alone, for lines are read one by one; places are in pixels of the picture that was given. What is done to pictures and with
//! which constants is what rapidocr 3.10 does (`benches/peers/read.py` compares), but that a large picture is made smaller with
//! antialiasing.

mod alphabet;
mod crop;
mod files;
mod quads;

use std::path::Path;

use sha2::{Digest, Sha256};

use super::choice::Choice;
use super::engine::{Batch, Device, Ends, Engine, Output, Role, Tower, Use};
use super::error::Error;
use super::identity::{ModelId, clean, digest_file};
use super::layout::Part;
use super::onnx::Graph;
use super::places::{entries, file_name};
use super::preprocess::Form;
use super::trial::Sample;
use super::{digest, prepare};
use crate::image::{Colour, Filter, Fit, Rgb};
use crate::io::map;
use alphabet::Alphabet;
use crop::{crop, half_turn};
use files::Files;
use quads::{Likely, Quad};

pub(super) use files::is_one;

/// The longer side of a picture is made no longer than this, if nobody says otherwise.
pub const MOST_SIDE: u32 = 2000;
/// Lines of which the recogniser is less sure are left out, if nobody says otherwise.
pub const MIN_SCORE: f32 = 0.5;

/// A side is at least this, or the picture is made larger.
const LEAST_SIDE: u32 = 30;
/// The detector sees the shorter side with at least this many pixels, as long as there are not too many in all.
const DETECTOR_SIDE: f64 = 736.0;
/// Sides are whole numbers of these.
const STEP: f64 = 32.0;
/// A picture that is so many times wider than high gets black above and below.
const WIDE: u32 = 8;
/// Pixels of a line down, where the recogniser does not tell.
const LINE_HEIGHT: usize = 48;
/// The recogniser's input is at least so many pixels across, and at most.
const LINE_WIDTHS: (usize, usize) = (320, 6400);
/// The classifier's input, where it does not tell.
const CLASSIFIER: (usize, usize) = (48, 192);
/// How sure the classifier is of what is turned.
const TURNED: f32 = 0.9;
/// What a change of the above or of what follows from it makes another model.
const RECIPE: &str = "1";

/// A model that is known but whose weights are not loaded yet.
#[derive(Debug)]
pub struct Ocr {
    id: ModelId,
    files: Files,
    engine: Engine,
    detector: Part,
    recogniser: Part,
    classifier: Option<Part>,
    alphabet: Alphabet,
}

/// A line of text.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// How sure the recogniser is, from 0 to 1.
    pub score: f32,
    /// Its corners in pixels, from the upper left around with the clock.
    pub corners: [[f32; 2]; 4],
}

impl Ocr {
    /// The model of this name (a folder of the models folder, or with a slash any); without a name the first that is installed.
    ///
    /// # Errors
    /// There is none, or what is there is not one.
    pub fn find(name: Option<&str>, engine: Engine) -> Result<Ocr, Error> {
        let files = Files::find(name)?;
        let folder = files.folder.clone();
        Ocr::open(files, engine).map_err(|problem| Error::NotOcr { path: folder, problem })
    }

    /// The models of the models folder, and where they are.
    pub fn list() -> Vec<(Ocr, std::path::PathBuf)> {
        let open = |folder: std::path::PathBuf| Some((Ocr::open(Files::of(&folder).ok()?, Engine::Auto).ok()?, folder));
        files::named().into_iter().filter_map(open).collect()
    }

    fn open(files: Files, engine: Engine) -> Result<Ocr, String> {
        let folder = &files.folder;
        let part = |file: &Path| part_of(folder, file).map_err(|problem| format!("{}: {problem}", file.display()));
        let (detector, _) = part(&files.detector)?;
        if detector.input.shape[2..].iter().any(Option::is_some) {
            return Err("its detector is made for pictures of one size".into());
        }
        let (recogniser, graph) = part(&files.recogniser)?;
        let classifier = files.classifier.as_deref().map(part).transpose()?.map(|(part, _)| part);
        let mut names: Vec<String> = entries(folder).map(|path| file_name(&path)).collect();
        names.sort();
        let alphabet = Alphabet::of(graph.metadata.get("character").map(String::as_str), folder, &names)?;
        let mut hasher = Sha256::new();
        for (role, part) in
            [("detector", Some(&detector)), ("recogniser", Some(&recogniser)), ("classifier", classifier.as_ref())]
        {
            let Some(part) = part else { continue };
            let bytes = digest::of_file(&folder.join(&part.file)).map_err(|e| e.to_string())?;
            digest_file(&mut hasher, role, &bytes);
        }
        digest_file(&mut hasher, "alphabet", format!("{alphabet:?}").as_bytes());
        digest_file(&mut hasher, "recipe", RECIPE.as_bytes());
        let stem = files.recogniser.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let id = ModelId { name: clean(&stem), digest: hasher.finalize().into() };
        Ok(Ocr { id, files, engine, detector, recogniser, classifier, alphabet })
    }

    /// Its identity: the recogniser's name, and SHA-256 over all its files and what is done to pictures.
    pub fn id(&self) -> &ModelId {
        &self.id
    }

    /// Loads the weights.
    ///
    /// # Errors
    /// They are damaged, or the engine is not there or lacks an operator.
    pub fn load(self, use_: Use, device: Device) -> Result<Reader, Error> {
        let choice = Choice { engine: self.engine, device, use_, keep: false };
        let tower = |part: &Part, height: usize, width: usize| {
            let sample = Sample::Pixels([1, 3, height, width]);
            prepare::load(&self.files.folder, part, choice, sample).map_err(|problem| {
                let file = self.files.folder.join(&part.file).display().to_string();
                Error::Load { file, problem }
            })
        };
        let height = self.recogniser.input.shape[2].unwrap_or(LINE_HEIGHT);
        let fixed = self.recogniser.input.shape[3];
        let detector = tower(&self.detector, 64, 64)?;
        let recogniser = tower(&self.recogniser, height, fixed.unwrap_or(LINE_WIDTHS.0))?;
        let classifier = match &self.classifier {
            None => None,
            Some(part) => {
                let (height, width) = (part.input.shape[2].unwrap_or(CLASSIFIER.0), part.input.shape[3]);
                let width = width.unwrap_or(CLASSIFIER.1);
                Some((tower(part, height, width)?, Frame { height, least: width, most: width }))
            }
        };
        let (least, most) = fixed.map_or(LINE_WIDTHS, |width| (width, width));
        let line = Frame { height, least, most };
        Ok(Reader { id: self.id, alphabet: self.alphabet, detector, recogniser: (recogniser, line), classifier })
    }
}

/// The one input and the first output of a graph.
fn part_of(folder: &Path, file: &Path) -> Result<(Part, Graph), String> {
    let graph = Graph::read(&map(&folder.join(file)).map_err(|e| e.to_string())?)?;
    let [input] = &graph.inputs[..] else {
        return Err(format!("it wants {} inputs, not pixels alone", graph.inputs.len()));
    };
    let form = Form::of(input)?;
    if form != Form::USUAL || input.shape[2..].iter().flatten().any(|side| *side > LINE_WIDTHS.1) {
        return Err(format!("its input `{}` is not [1, 3, height, width] pixels", input.name));
    }
    if input.shape[0].is_some_and(|batch| batch != 1) {
        return Err("it is made for several lines at once".into());
    }
    let output = graph.outputs[0].clone();
    let ends = Ends {
        inputs: vec![(input.name.clone(), Role::Pixels, input.kind)],
        output: output.name.clone(),
        needs_ort: graph.not_for_rten,
        keeps_borders: graph.pads_a_pool,
    };
    let part = Part {
        file: file.to_path_buf(),
        ends,
        input: input.clone(),
        form,
        output,
        shared: graph.outputs.len() > 1,
        external: graph.external.iter().cloned().collect(),
        quantised: graph.quantised,
    };
    Ok((part, graph))
}

/// How a line is put before a network.
#[derive(Debug, Clone, Copy)]
struct Frame {
    height: usize,
    least: usize,
    most: usize,
}

impl Frame {
    /// The numbers of a line and how many are across: scaled to the height, its shape kept as long as it fits, what is left over
    /// to the right is grey.
    fn numbers(self, line: &Rgb) -> (Vec<f32>, usize) {
        let natural = self.height as f64 * f64::from(line.width) / f64::from(line.height);
        let width = (natural as usize).clamp(self.least, self.most);
        let scaled = (natural.ceil() as usize).clamp(1, width);
        let scaled = line.resize_as_opencv(scaled as u32, self.height as u32);
        (planes(&scaled, width), width)
    }
}

/// Three planes of −1 to 1, blue first; what is left over of `width` to the right is 0.
fn planes(picture: &Rgb, width: usize) -> Vec<f32> {
    let (own, height) = (picture.width as usize, picture.height as usize);
    let mut all = vec![0.0; 3 * width * height];
    for (channel, plane) in all.chunks_exact_mut(width * height).enumerate() {
        let lines = plane.chunks_exact_mut(width).zip(picture.pixels.chunks_exact(own * 3));
        for (line, pixels) in lines {
            let bytes = pixels.iter().skip(2 - channel).step_by(3);
            line.iter_mut().zip(bytes).for_each(|(number, byte)| *number = (f32::from(*byte) / 255.0 - 0.5) / 0.5);
        }
    }
    all
}

/// A loaded model. Several threads may call it at once, as many as [`Use::Bulk`] said without waiting.
pub struct Reader {
    id: ModelId,
    alphabet: Alphabet,
    detector: Box<dyn Tower>,
    recogniser: (Box<dyn Tower>, Frame),
    classifier: Option<(Box<dyn Tower>, Frame)>,
}

impl Reader {
    /// Its identity.
    pub fn id(&self) -> &ModelId {
        &self.id
    }

    /// Which engine runs it, with its version.
    pub fn engine(&self) -> String {
        self.recogniser.0.engine()
    }

    /// The lines of a picture in the order in which they are read, of which the recogniser is at least so sure; the picture is
    /// looked at with its longer side no longer than `most_side`.
    ///
    /// # Errors
    /// The graphs give something else than they should.
    pub fn read(&self, picture: &Rgb, most_side: u32, min_score: f32) -> Result<Vec<Line>, Error> {
        let fail = |problem: String| Error::Run { model: self.id.to_string(), problem };
        let (seen, top) = seen(picture, most_side);
        let scale = |own: u32, seen: u32| f64::from(own) / f64::from(seen);
        let (across, down) = (scale(picture.width, seen.width), scale(picture.height, seen.height - 2 * top));
        let mut lines = Vec::new();
        for quad in self.detect(&seen, most_side).map_err(fail)? {
            let (text, score) = self.line(&crop(&seen, &quad)).map_err(fail)?;
            if text.trim().is_empty() || score < min_score {
                continue;
            }
            let place = |[x, y]: [f64; 2]| {
                let (x, y) = (x * across, (y - f64::from(top)) * down);
                [x.clamp(0.0, picture.width.into()) as f32, y.clamp(0.0, picture.height.into()) as f32]
            };
            lines.push(Line { text: text.trim().into(), score, corners: quad.map(place) });
        }
        Ok(lines)
    }

    /// Where there are lines.
    fn detect(&self, picture: &Rgb, most_side: u32) -> Result<Vec<Quad>, String> {
        let (width, height) = detector_size((picture.width, picture.height), most_side);
        let scaled = picture.resize_as_opencv(width, height);
        let (width, height) = (width as usize, height as usize);
        let output = run(&*self.detector, planes(&scaled, width), [1, 3, height, width])?;
        let &[1, 1, height, width] = &output.shape[..] else {
            return Err(format!("its detector gave an output of shape {:?}, not [1, 1, height, width]", output.shape));
        };
        if output.data.is_empty() {
            return Ok(Vec::new());
        }
        Ok(Likely { width, height, data: &output.data }.quads((picture.width, picture.height)))
    }

    /// What a level line says.
    fn line(&self, line: &Rgb) -> Result<(String, f32), String> {
        let turned = match &self.classifier {
            None => false,
            Some((tower, frame)) => {
                let (numbers, width) = frame.numbers(line);
                let output = run(&**tower, numbers, [1, 3, frame.height, width])?;
                match output.data[..] {
                    [level, turned] => turned > level && turned > TURNED,
                    _ => return Err(format!("its classifier gave an output of shape {:?}, not [1, 2]", output.shape)),
                }
            }
        };
        let turned = turned.then(|| half_turn(line));
        let (tower, frame) = &self.recogniser;
        let (numbers, width) = frame.numbers(turned.as_ref().unwrap_or(line));
        self.alphabet.decode(&run(&**tower, numbers, [1, 3, frame.height, width])?)
    }
}

fn run(tower: &dyn Tower, data: Vec<f32>, shape: [usize; 4]) -> Result<Output, String> {
    tower.run(Batch::Pixels { data, shape })
}

/// A side in whole steps, one at least.
fn in_steps(side: f64) -> u32 {
    (((side.floor() / STEP).round_ties_even() * STEP) as u32).max(STEP as u32)
}

/// A picture as it is looked at, and how much black is above and below: not too large nor too thin, and not too wide.
fn seen(picture: &Rgb, most_side: u32) -> (std::borrow::Cow<'_, Rgb>, u32) {
    use std::borrow::Cow;
    let (long, short) = (picture.width.max(picture.height), picture.width.min(picture.height));
    let sized = |picture: &Rgb, ratio: f64, filter: bool| {
        let [width, height] = [picture.width, picture.height].map(|side| in_steps(f64::from(side) * ratio));
        match filter {
            true => picture.resize(width, height, Fit::Stretch, Filter::Bilinear, Colour::WHITE),
            false => picture.resize_as_opencv(width, height),
        }
    };
    let mut seen = Cow::Borrowed(picture);
    if long > most_side {
        seen = Cow::Owned(sized(&seen, f64::from(most_side) / f64::from(long), true));
    } else if short < LEAST_SIDE {
        // Of a thread of a picture the other side stays within bounds.
        let ratio = f64::from(LEAST_SIDE) / f64::from(short);
        seen = Cow::Owned(sized(&seen, ratio.min(f64::from(most_side) / f64::from(long)).max(1.0), false));
    }
    let (width, height) = (seen.width, seen.height);
    if height > LEAST_SIDE && width <= height * WIDE {
        return (seen, 0);
    }
    let top = ((width / WIDE).max(LEAST_SIDE) * 2).abs_diff(height) / 2;
    let line = width as usize * 3;
    let mut pixels = vec![0; line * (height + 2 * top) as usize];
    pixels[line * top as usize..][..seen.pixels.len()].copy_from_slice(&seen.pixels);
    (Cow::Owned(Rgb { width, height: height + 2 * top, pixels }), top)
}

/// Width and height of the detector's input.
fn detector_size((width, height): (u32, u32), most_side: u32) -> (u32, u32) {
    let (wide, high) = (f64::from(width), f64::from(height));
    let most = f64::from(most_side.max(MOST_SIDE)).powi(2);
    let ratio = (DETECTOR_SIDE / wide.min(high)).max(1.0).min((most / (wide * high)).sqrt().max(1.0));
    (in_steps(wide * ratio), in_steps(high * ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, height: u32) -> Rgb {
        Rgb { width, height, pixels: vec![128; (width * height * 3) as usize] }
    }

    #[test]
    fn the_detector_sees_enough_and_not_too_much() {
        assert_eq!(detector_size((640, 480), 2000), (992, 736));
        assert_eq!(detector_size((1000, 1000), 2000), (992, 992));
        let (width, height) = detector_size((32, 1984), 2000);
        assert!((width, height) > (32, 1984) && u64::from(width) * u64::from(height) < 4_400_000, "{width} x {height}");
    }

    #[test]
    fn pictures_of_any_shape_are_made_fit_to_be_looked_at() {
        let size = |width: u32, height: u32| {
            let picture = grey(width, height);
            let (seen, top) = seen(&picture, 2000);
            assert_eq!(seen.pixels.len(), (seen.width * seen.height * 3) as usize);
            (seen.width, seen.height, top)
        };
        assert_eq!(size(640, 480), (640, 480, 0));
        assert_eq!(size(3000, 2250), (1984, 1504, 0));
        assert_eq!(size(800, 50), (800, 200, 75), "black above and below");
        assert_eq!(size(20, 20), (32, 32, 0));
        assert_eq!(size(1, 1), (32, 32, 0));
        assert_eq!(size(2000, 1), (1984, 496, 232));
        assert_eq!(size(1, 9000), (32, 1984, 0));
    }

    #[test]
    fn a_line_keeps_its_shape_and_is_followed_by_grey() {
        let frame = Frame { height: 48, least: 320, most: 6400 };
        let line = Rgb { width: 100, height: 24, pixels: [255, 255, 0].repeat(2400) };
        let (numbers, width) = frame.numbers(&line);
        assert_eq!((numbers.len(), width), (3 * 48 * 320, 320));
        assert_eq!((numbers[0], numbers[48 * 320], numbers[200]), (-1.0, 1.0, 0.0), "blue comes first");
        assert_eq!(frame.numbers(&grey(400, 24)).1, 800);
        assert_eq!(frame.numbers(&grey(60_000, 10)).1, 6400);
    }
}
