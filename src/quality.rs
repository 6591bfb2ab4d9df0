//! How good a picture is to look at, in figures: sharp or blurred, dark or pale, full or empty.
//!
//! Promises: a figure depends on the pixels alone, is finite, and is nearly the same for another size of the same picture: large
//! ones are looked at with a longer side of [`SIDE`] pixels.

use std::ops::Range;

use crate::image::{Colour, Filter, Fit, Rgb};

mod strip;
#[cfg(test)]
mod tests;

/// The longer side of what is looked at.
pub const SIDE: u32 = 768;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// How much is lost by another blur (Crété-Roffet et al. 2007), along the axis that loses less: 0 is wholly blurred, or has nothing to lose.
    pub sharpness: f32,
    /// The brightness that one pixel of a hundred exceeds, from 0 to 1; of what stands before a background, as the next two.
    pub brightest: f32,
    /// The brightness that one pixel of twenty stays below.
    pub darkest: f32,
    /// The entropy of brightness, as a part of the eight bits that there could be.
    pub entropy: f32,
    /// The shorter side as a part of the longer.
    pub aspect: f32,
    /// The share that bars of one colour take on two opposite sides.
    pub bars: f32,
    /// The share that the box around what stands before a background of one colour takes; 1 where there is no such background.
    pub subject: f32,
    /// The share that a strip of one colour with writing in it takes, along an edge.
    pub strip: f32,
}

/// What can be wrong, and from which figure on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Defect {
    /// `sharpness` below 0.45
    Blurred,
    /// `brightest` below 0.3
    Dark,
    /// `darkest` above 0.95, though there is no small subject
    Pale,
    /// `entropy` below 0.15
    Empty,
    /// `aspect` below 0.35
    OddAspect,
    /// `bars` above 0.08
    Bars,
    /// `subject` below 0.05
    TinySubject,
    /// `strip` above 0.01
    Strip,
}

impl Defect {
    /// All of them, with their names, the figures that show them, and where these are too low or too high.
    pub const ALL: [(Defect, &'static str, &'static str, Limit); 8] = [
        (Defect::Blurred, "blurred", "sharpness", Limit::Below(0.45)),
        (Defect::Dark, "dark", "brightest", Limit::Below(0.3)),
        (Defect::Pale, "pale", "darkest", Limit::Above(0.95)),
        (Defect::Empty, "empty", "entropy", Limit::Below(0.15)),
        (Defect::OddAspect, "odd-aspect", "aspect", Limit::Below(0.35)),
        (Defect::Bars, "bars", "bars", Limit::Above(0.08)),
        (Defect::TinySubject, "tiny-subject", "subject", Limit::Below(0.05)),
        (Defect::Strip, "strip", "strip", Limit::Above(0.01)),
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        Defect::ALL[self as usize].1
    }
}

/// Where a figure is too low or too high.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "a variant's name says what it is")]
pub enum Limit {
    Below(f32),
    Above(f32),
}

/// The limit of every defect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits([Limit; 8]);

impl Default for Limits {
    /// Those of [`Defect::ALL`].
    fn default() -> Limits {
        Limits(Defect::ALL.map(|(.., limit)| limit))
    }
}

impl Limits {
    /// Moves the limit of the defect of this name; whether there is one.
    pub fn set(&mut self, name: &str, value: f32) -> bool {
        let Some(at) = Defect::ALL.iter().position(|(_, known, ..)| *known == name) else { return false };
        self.0[at] = match self.0[at] {
            Limit::Below(_) => Limit::Below(value),
            Limit::Above(_) => Limit::Above(value),
        };
        true
    }
}

impl Quality {
    /// How many figures there are.
    pub const FIGURES: usize = 8;

    /// Of no picture.
    pub(crate) const NOTHING: Quality = Quality {
        sharpness: 0.0,
        brightest: 0.0,
        darkest: 0.0,
        entropy: 0.0,
        aspect: 0.0,
        bars: 0.0,
        subject: 0.0,
        strip: 0.0,
    };

    /// Measures a picture.
    pub fn of(picture: &Rgb) -> Quality {
        let (width, height) = (picture.width, picture.height);
        let longer = width.max(height);
        let side = |side: u32| (u64::from(side) * u64::from(SIDE) / u64::from(longer)).max(1) as u32;
        let small = (longer > SIDE)
            .then(|| picture.resize_quickly(side(width), side(height), Fit::Stretch, Filter::Bilinear, Colour::WHITE));
        let grey = Grey::of(small.as_ref().unwrap_or(picture));
        // Where something stands before a background, it counts how that is.
        let subject = grey.subject();
        let (columns, rows) = subject.clone().unwrap_or((0..grey.width, 0..grey.height));
        let share = (columns.len() * rows.len()) as f32 / grey.pixels.len() as f32;
        let (darkest, brightest, entropy) = grey.brightness(columns, rows);
        Quality {
            sharpness: grey.sharpness(),
            brightest,
            darkest,
            entropy,
            aspect: width.min(height) as f32 / longer as f32,
            bars: if subject.is_some() { 0.0 } else { grey.bars() },
            subject: share,
            strip: if subject.is_some() { 0.0 } else { strip::share(&grey) },
        }
    }

    /// The figures by the names of their columns.
    pub fn figures(&self) -> [(&'static str, f32); Quality::FIGURES] {
        [
            ("sharpness", self.sharpness),
            ("brightest", self.brightest),
            ("darkest", self.darkest),
            ("entropy", self.entropy),
            ("aspect", self.aspect),
            ("bars", self.bars),
            ("subject", self.subject),
            ("strip", self.strip),
        ]
    }

    /// What is wrong with the picture, the figure that shows it, and its limit.
    pub fn defects(&self, limits: &Limits) -> Vec<(Defect, &'static str, f32, f32)> {
        let figures = self.figures();
        let mut found = Vec::new();
        for ((defect, _, figure, _), limit) in Defect::ALL.into_iter().zip(limits.0) {
            let value = figures.iter().find(|(name, _)| *name == figure).map_or(0.0, |(_, value)| *value);
            let (is_wrong, limit) = match limit {
                Limit::Below(limit) => (value < limit, limit),
                Limit::Above(limit) => (value > limit, limit),
            };
            if is_wrong {
                found.push((defect, figure, value, limit));
            }
        }
        // What shows nothing is not blurred besides, and paper around something small is not pale.
        let has = |defect| found.iter().any(|(other, ..)| *other == defect);
        let (is_empty, is_tiny) = (has(Defect::Empty), has(Defect::TinySubject));
        found.retain(|(defect, ..)| match defect {
            Defect::Blurred => !is_empty,
            Defect::Pale => !is_tiny,
            _ => true,
        });
        found
    }
}

/// Brightness as it is perceived (HSP), from 0 to 255.
struct Grey {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Brightness that is nearly the same.
const NEARLY: u8 = 12;
/// The blur that is compared with: so many pixels.
const BLUR: usize = 9;

impl Grey {
    fn of(picture: &Rgb) -> Grey {
        let brightness = |&[r, g, b]: &[u8; 3]| {
            let [r, g, b] = [r, g, b].map(f32::from);
            (0.299 * r * r + 0.587 * g * g + 0.114 * b * b).sqrt().round() as u8
        };
        Grey {
            width: picture.width as usize,
            height: picture.height as usize,
            pixels: picture.pixels.as_chunks::<3>().0.iter().map(brightness).collect(),
        }
    }

    fn row(&self, y: usize) -> impl ExactSizeIterator<Item = u8> + DoubleEndedIterator + Clone {
        self.pixels[y * self.width..(y + 1) * self.width].iter().copied()
    }

    fn column(&self, x: usize) -> impl ExactSizeIterator<Item = u8> + DoubleEndedIterator + Clone {
        self.pixels[x..].iter().copied().step_by(self.width)
    }

    /// The brightness that a twentieth stays below, that which a hundredth exceeds, and the entropy.
    fn brightness(&self, columns: Range<usize>, rows: Range<usize>) -> (f32, f32, f32) {
        let mut counts = [0u64; 256];
        let all = (columns.len() * rows.len()) as f64;
        for y in rows {
            let row = &self.pixels[y * self.width..(y + 1) * self.width];
            row[columns.clone()].iter().for_each(|&pixel| counts[usize::from(pixel)] += 1);
        }
        let below = |share: f64| {
            let mut sum = 0.0;
            let at = counts.iter().position(|&count| {
                sum += count as f64;
                sum >= share * all
            });
            at.unwrap_or(255) as f32 / 255.0
        };
        let parts = counts.iter().filter(|&&count| count > 0).map(|&count| count as f64 / all);
        let entropy = -parts.map(|part| part * part.log2()).sum::<f64>();
        (below(0.05), below(0.99), (entropy / 8.0).max(0.0) as f32)
    }

    /// One less the blur along each axis, and of both the lesser blur.
    fn sharpness(&self) -> f32 {
        let along = |lines: &mut dyn Iterator<Item = Vec<u8>>| {
            let (mut before, mut lost) = (0.0, 0.0);
            for line in lines {
                let (own, own_lost) = variation(&line);
                before += own;
                lost += own_lost;
            }
            if before > 0.0 { (lost / before) as f32 } else { 0.0 }
        };
        let rows = along(&mut (0..self.height).map(|y| self.row(y).collect()));
        let columns = along(&mut (0..self.width).map(|x| self.column(x).collect()));
        rows.min(columns)
    }

    /// The share that bars take above and below, or left and right. What they stand around reaches from side to side, or it
    /// is a thing before a background.
    fn bars(&self) -> f32 {
        let rows: Vec<Line> = (0..self.height).map(|y| Line::of(self.row(y))).collect();
        let columns: Vec<Line> = (0..self.width).map(|x| Line::of(self.column(x))).collect();
        let above = bars_of(&rows, [self.column(0), self.column(self.width - 1)]);
        let beside = bars_of(&columns, [self.row(0), self.row(self.height - 1)]);
        above.max(beside)
    }

    /// The box around what differs from the sides, where these are of one colour: columns and rows.
    fn subject(&self) -> Option<(Range<usize>, Range<usize>)> {
        let sides =
            self.row(0).chain(self.row(self.height - 1)).chain(self.column(0)).chain(self.column(self.width - 1));
        let mut sorted: Vec<u8> = sides.clone().collect();
        sorted.sort_unstable();
        let middle = sorted[sorted.len() / 2];
        let differs = |pixel: &u8| pixel.abs_diff(middle) > NEARLY;
        if sides.filter(differs).count() * 50 > sorted.len() {
            return None;
        }
        let (mut left, mut right, mut top, mut bottom) = (self.width, 0, self.height, 0);
        for y in 0..self.height {
            if let Some(first) = self.row(y).position(|pixel| differs(&pixel)) {
                let last = self.row(y).rposition(|pixel| differs(&pixel)).map_or(first, |last| last) + 1;
                (left, right, top, bottom) = (left.min(first), right.max(last), top.min(y), y + 1);
            }
        }
        // Nothing at all is empty, not small.
        (left < right).then_some((left..right, top..bottom))
    }
}

/// A row or column of pixels: how bright, and whether as bright everywhere.
struct Line {
    mean: u8,
    is_even: bool,
}

impl Line {
    fn of(line: impl ExactSizeIterator<Item = u8> + Clone) -> Line {
        let count = line.len().max(1) as u64;
        let mean = (line.clone().map(u64::from).sum::<u64>() / count) as u8;
        let uneven = line.filter(|pixel| pixel.abs_diff(mean) > NEARLY).count() as u64;
        Line { mean, is_even: uneven * 100 <= count }
    }
}

/// The share of lines that bars take, where the pixels at their ends, on both sides, are others between the bars.
fn bars_of<I: ExactSizeIterator<Item = u8>>(lines: &[Line], ends: [I; 2]) -> f32 {
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return 0.0 };
    let alike = |mean: u8| mean.abs_diff(first.mean) <= NEARLY;
    if !first.is_even || !last.is_even || !alike(last.mean) {
        return 0.0;
    }
    let is_bar = |line: &&Line| line.is_even && alike(line.mean);
    let (before, after) = (lines.iter().take_while(is_bar).count(), lines.iter().rev().take_while(is_bar).count());
    // Bars are as broad as each other, or nearly.
    let (less, more) = (before.min(after), before.max(after));
    if before == lines.len() || 2 * less < more {
        return 0.0;
    }
    let between = lines.len() - before - after;
    let reaches = |end: I| {
        let others = end.skip(before).take(between).filter(|&pixel| !alike(pixel)).count();
        others * 3 > between * 2
    };
    let [one, other] = ends;
    if reaches(one) && reaches(other) { (before + after) as f32 / lines.len() as f32 } else { 0.0 }
}

/// How much neighbours differ along a line, and how much of that a blur takes away. A difference of one step is what rounding
/// makes of a slope.
fn variation(line: &[u8]) -> (f64, f64) {
    let pixel = |i: isize| u32::from(line[i.clamp(0, line.len() as isize - 1) as usize]);
    let half = (BLUR / 2) as isize;
    let mut sum: u32 = (-half..=half).map(pixel).sum();
    let (mut before, mut lost) = (0.0, 0.0);
    for i in 1..line.len() as isize {
        let next = sum + pixel(i + half) - pixel(i - half - 1);
        let own = f64::from(pixel(i).abs_diff(pixel(i - 1)).saturating_sub(1));
        let blurred = f64::from(next.abs_diff(sum)) / BLUR as f64;
        before += own;
        lost += (own - blurred).max(0.0);
        sum = next;
    }
    (before, lost)
}
