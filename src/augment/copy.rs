//! One copy of a picture: what is drawn for it, and what it looks like then.

use super::backdrop::{self, BackgroundImages, over, paint, plain};
use super::draw::{Card, Draw, Effects, Geometry, Lying, MixupDraw, MosaicDraw};
use super::effects;
use super::geometry::{Homography, moved, moved_twice};
use super::partners::{Known, Partner, Partners};
use super::random::Random;
use super::recipe::{Border, Recipe};
use super::strength::Strength;
use super::surface::{Raster, Shine};
use super::warp::warp;
use crate::image::{self, Colour, Rgb, Rgba};
use crate::table::boxes::Bounds;
use crate::table::soft_labels::{self, SoftLabel};

/// A decoded picture.
pub(super) struct Picture {
    rgba: Rgba,
    /// Width and height in which boxes are measured.
    full: (u32, u32),
    is_transparent: bool,
    /// What is wrong with its file.
    pub flaw: Option<image::Flaw>,
}

/// What the table says of a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    /// The hash of its bytes.
    pub content: &'a [u8; 32],
    /// What is where; `None`: nobody has looked.
    pub boxes: Option<&'a [Bounds]>,
    /// Its class, or its classes by shares; none where it has none.
    pub labels: &'a [SoftLabel],
}

/// A new picture.
pub(super) struct Made {
    pub picture: Rgb,
    /// Its boxes, where its parent has any.
    pub boxes: Option<Vec<Bounds>>,
    /// What it shows, where it is a mixture.
    pub labels: Option<Vec<SoftLabel>>,
    pub draw: Draw,
}

/// Makes copies.
pub(super) struct Augmenter {
    pub recipe: Recipe,
    pub seed: u64,
    /// How strongly the recipe is applied.
    pub strength: Strength,
    /// Width and height of the copies; `None` keeps those of the parent.
    pub size: Option<(u32, u32)>,
    /// The colour behind transparent pixels, and where the picture does not reach.
    pub background: Colour,
    pub background_images: BackgroundImages,
}

/// Of so many partners that cannot be read in turn one does without.
const TRIES: usize = 4;

impl Augmenter {
    /// Decodes a picture.
    ///
    /// # Errors
    /// The bytes are no sound image.
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<Picture, image::Error> {
        let edge = self.size.map(|(width, height)| width.max(height));
        let (rgba, flaw) = image::decode_rgba_with_flaw(bytes, edge)?;
        let full = image::dimensions(bytes).unwrap_or((rgba.width, rgba.height));
        let is_transparent = rgba.pixels.as_chunks::<4>().0.iter().any(|pixel| pixel[3] < 255);
        Ok(Picture { rgba, full, is_transparent, flaw })
    }

    /// The copy of this number of a picture.
    pub(super) fn copy(&self, picture: &Picture, shown: Shown, copy: u32, partners: &Partners) -> Made {
        let Shown { content, boxes, labels } = shown;
        let random = |purpose: &str| Random::new(self.seed, content, copy, purpose);
        let frame = self.size.unwrap_or(picture.full);
        let mut draw = Draw { seed: self.seed, copy, ..Draw::default() };
        let strength = self.strength.of(content, copy);
        draw.strength = (!self.strength.is_full()).then_some(strength);
        let recipe = &self.recipe.weakened(strength);
        draw.geometry = Geometry::draw(recipe, random);
        draw.effects = Effects::draw(recipe, random);
        draw.card.print_raster =
            recipe.print_raster.as_ref().and_then(|effect| Raster::draw(effect, random("print raster")));
        draw.card.glare = recipe.glare.as_ref().and_then(|effect| Shine::draw(effect, random("glare")));
        let mut under = None;
        if let Some(effect) = &recipe.table
            && let Some((lying, pixels)) = Lying::draw(effect, &self.background_images, frame, random("table"))
        {
            (draw.card.table, under) = (Some(lying), pixels);
        }

        // Only where there are boxes, or a class, does the mixture still say what it shows.
        let known = match boxes {
            Some(_) => Some(Known::Boxes),
            None => Some(Known::Class).filter(|_| !labels.is_empty()),
        };
        let mut tiles = Vec::new();
        if let (Some(mosaic), Some(known)) = (&recipe.mosaic, known) {
            let mut random = random("mosaic");
            if random.happens(mosaic.probability) {
                tiles = (0..3).filter_map(|_| self.partner(content, partners, known, &mut random)).collect();
                if tiles.len() == 3 {
                    let centre = [random.within(mosaic.centre), random.within(mosaic.centre)];
                    let names = tiles.iter().map(|(_, partner)| hex(&partner.content)).collect();
                    draw.mosaic = Some(MosaicDraw { centre, place: random.below(4) as u8, partners: names });
                    draw.geometry.perspective = None;
                }
            }
        }
        let mut mixed = None;
        if let (Some(mixup), Some(known)) = (&recipe.mixup, known) {
            let mut chance = random("mixup");
            if chance.happens(mixup.probability)
                && let Some((other, partner)) = self.partner(content, partners, known, &mut chance)
            {
                let geometry = Geometry::draw(recipe, |purpose| random(&format!("mixup {purpose}")));
                let share = chance.within(mixup.share);
                draw.mixup = Some(MixupDraw { share, partner: hex(&partner.content), geometry });
                mixed = Some((other, partner));
            }
        }
        let mut behind = None;
        if let Some(background) = recipe.background.as_ref().filter(|_| picture.is_transparent) {
            let drawn = backdrop::draw(background, &self.background_images, frame, random("background"));
            (draw.background, behind) = drawn.map_or((None, None), |(backdrop, pixels)| (Some(backdrop), pixels));
        }

        let moves = draw.geometry.homography(frame);
        let lies = draw.card.table.as_ref().map(|lying| lying.homography(frame));
        let moved = |boxes: &[Bounds], map: &Homography| match &lies {
            None => moved(boxes, map, frame),
            Some(lies) => moved_twice(boxes, map, lies, frame),
        };
        let mut shown = Rgba { width: frame.0, height: frame.1, pixels: vec![0; area(frame) * 4] };
        let (mut found, with_boxes) = (Vec::new(), boxes.is_some());
        let mut put = |picture: &Picture, boxes: &[Bounds], place: Homography| {
            let map = place.then(&moves);
            let (width, height) = (f64::from(picture.rgba.width), f64::from(picture.rgba.height));
            let (full_width, full_height) = (f64::from(picture.full.0), f64::from(picture.full.1));
            let enlarged = Homography::scale(full_width / width, full_height / height);
            // What a mirror shows has no box.
            let is_plain = picture.is_transparent || with_boxes;
            let border = if is_plain { Border::Background } else { recipe.border };
            warp(&picture.rgba, &enlarged.then(&map), border, &mut shown);
            found.extend(moved(boxes, &map));
        };
        let own = boxes.unwrap_or_default();
        let mut parts: Vec<(f64, &[SoftLabel])> = Vec::new();
        match &draw.mosaic {
            None => {
                put(picture, own, fitted(picture.full, frame));
                parts.push((1.0, labels));
            }
            Some(MosaicDraw { centre, place, .. }) => {
                let shares = shares(*centre, &moves, frame);
                let mut others = tiles.iter();
                for n in 0..4 {
                    let (picture, boxes, labels) = match others.as_slice().first() {
                        Some((picture, partner)) if n != *place => {
                            others.next();
                            (picture, partner.boxes.as_slice(), partner.labels.as_slice())
                        }
                        _ => (picture, own, labels),
                    };
                    put(picture, boxes, tile(picture.full, frame, *centre, n));
                    parts.push((shares[n as usize], labels));
                }
            }
        }
        let background = match &draw.background {
            Some(backdrop) => paint(backdrop, behind.as_ref(), frame, random("backdrop")),
            None => plain(self.background, frame),
        };
        let mut result = over(&shown, background);
        if let (Some(MixupDraw { share, geometry, .. }), Some((other, partner))) = (&draw.mixup, &mixed) {
            let map = fitted(other.full, frame).then(&geometry.homography(frame));
            let (width, height) = (f64::from(other.rgba.width), f64::from(other.rgba.height));
            let enlarged = Homography::scale(f64::from(other.full.0) / width, f64::from(other.full.1) / height);
            let mut second = Rgba { width: frame.0, height: frame.1, pixels: vec![0; area(frame) * 4] };
            warp(&other.rgba, &enlarged.then(&map), Border::Background, &mut second);
            shine_through(&mut result, &over(&second, plain(self.background, frame)), *share);
            found.extend(moved(&partner.boxes, &map));
            parts.iter_mut().for_each(|(part, _)| *part *= *share);
            parts.push((1.0 - *share, &partner.labels));
        }
        let Card { print_raster, glare, table } = &draw.card;
        print_raster.iter().for_each(|raster| raster.apply(&mut result));
        glare.iter().for_each(|shine| shine.apply(&mut result));
        if let Some(lying) = table {
            result = lying.apply(&result, under.as_ref(), random("tabletop"));
        }
        effects::apply(&mut result, &draw.effects, random);
        let is_mixture = draw.mosaic.is_some() || draw.mixup.is_some();
        let labels = is_mixture.then(|| soft_labels::mixed(parts)).flatten();
        Made { picture: result, boxes: boxes.map(|_| found), labels, draw }
    }

    /// Draws a partner that is another picture of which the same is known, and can be read.
    fn partner(
        &self,
        own: &[u8; 32],
        partners: &Partners,
        known: Known,
        random: &mut Random,
    ) -> Option<(Picture, Partner)> {
        let count = partners.count(known);
        if count < 2 {
            return None;
        }
        let first = random.below(count);
        (0..TRIES.min(count)).find_map(|n| {
            let partner = partners.get(known, (first + n) % count).filter(|partner| partner.content != *own)?;
            let picture = self.decode(&partner.bytes).ok()?;
            Some((picture, partner))
        })
    }
}

fn area((width, height): (u32, u32)) -> usize {
    width as usize * height as usize
}

fn hex(content: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*content).to_hex().to_string()
}

/// Into the middle of the frame, as large as it may be, its shape kept.
fn fitted((width, height): (u32, u32), frame: (u32, u32)) -> Homography {
    let (width, height) = (f64::from(width), f64::from(height));
    let (wide, high) = (f64::from(frame.0), f64::from(frame.1));
    let factor = (wide / width).min(high / height);
    let (left, top) = ((wide - width * factor) / 2.0, (high - height * factor) / 2.0);
    Homography::scale(factor, factor).then(&Homography::translation(left, top))
}

/// With a corner at the point where four pictures meet: as large as [`fitted`] has it, and larger where it would not
/// cover its part of the frame. What lies beyond the frame is seen where the mosaic is moved.
fn tile(picture: (u32, u32), frame: (u32, u32), [x, y]: [f64; 2], place: u8) -> Homography {
    let (width, height) = (f64::from(picture.0), f64::from(picture.1));
    let (wide, high) = (f64::from(frame.0), f64::from(frame.1));
    let (x, y) = (x * wide, y * high);
    let (is_left, is_upper) = (place.is_multiple_of(2), place < 2);
    let (part_wide, part_high) = (if is_left { x } else { wide - x }, if is_upper { y } else { high - y });
    let factor = (wide / width).min(high / height).max(part_wide / width).max(part_high / height);
    let left = if is_left { x - width * factor } else { x };
    let top = if is_upper { y - height * factor } else { y };
    Homography::scale(factor, factor).then(&Homography::translation(left, top))
}

/// How much of the frame shows each of four pictures that meet in a point and are then moved, as points of a grid tell.
fn shares([x, y]: [f64; 2], moves: &Homography, (width, height): (u32, u32)) -> [f64; 4] {
    const POINTS: u32 = 48;
    let mut shares = [0.0; 4];
    let (wide, high) = (f64::from(width), f64::from(height));
    let Some(back) = moves.inverse() else { return shares };
    for (across, down) in (0..POINTS).flat_map(|down| (0..POINTS).map(move |across| (across, down))) {
        let at = |n: u32, side: f64| (f64::from(n) + 0.5) / f64::from(POINTS) * side;
        let (u, v, _) = back.apply(at(across, wide), at(down, high));
        shares[usize::from(u > x * wide) + 2 * usize::from(v > y * high)] += 1.0 / f64::from(POINTS * POINTS);
    }
    shares
}

/// `share` of the first, the rest of the second.
fn shine_through(first: &mut Rgb, second: &Rgb, share: f64) {
    let share = (share * 256.0).round() as u32;
    let mix = |a: u8, b: u8| ((u32::from(a) * share + u32::from(b) * (256 - share) + 128) >> 8) as u8;
    first.pixels.iter_mut().zip(&second.pixels).for_each(|(a, &b)| *a = mix(*a, b));
}

#[cfg(test)]
mod tests;
