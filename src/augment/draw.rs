//! What was drawn for one copy: every number that it takes to make it again, as it stands in the column `augmentation`.

use serde::{Deserialize, Serialize};

use super::geometry::Homography;
use super::random::Random;
use super::recipe::Recipe;
use super::surface::{Raster, Screen, Shine};

/// Says of a value that it is not worth writing down.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One copy of a picture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draw {
    pub seed: u64,
    pub copy: u32,
    /// How strongly the recipe was applied, where not as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mosaic: Option<MosaicDraw>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub geometry: Geometry,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Backdrop>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixup: Option<MixupDraw>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub card: Card,
    #[serde(default, skip_serializing_if = "is_default")]
    pub effects: Effects,
}

/// What the picture is as a thing: printed, lit, lying somewhere.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Card {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub print_raster: Option<Raster>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glare: Option<Shine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Lying>,
}

/// How a picture is moved in its frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Geometry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<f64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub flip_horizontal: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub flip_vertical: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translation: Option<[f64; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shear: Option<[f64; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perspective: Option<[f64; 2]>,
}

/// How a card lies: angles in degrees, lengths in shares of the shorter side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lying {
    pub tilt: f64,
    pub turn: f64,
    pub size: f64,
    /// Where in what it leaves free: 0 left or above, 1 right or below.
    pub at: [f64; 2],
    pub margin: f64,
    pub edge: [u8; 3],
    /// How dark its shadow is, and where it falls.
    pub shadow: f64,
    pub falls: [f64; 2],
    pub surface: Backdrop,
}

/// What lies behind a picture with transparency; colours are red, green, blue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Backdrop {
    Solid {
        colour: [u8; 3],
    },
    Gradient {
        from: [u8; 3],
        to: [u8; 3],
        degrees: f64,
    },
    Noise {
        from: [u8; 3],
        to: [u8; 3],
        cells: u32,
    },
    /// Boards side by side, with grain.
    Wood {
        colour: [u8; 3],
        boards: u32,
        upright: bool,
    },
    /// A part of a picture of the folder: `zoom` times as large as would just cover the frame, and where the frame lies
    /// in what is left over.
    Picture {
        picture: String,
        zoom: f64,
        at: [f64; 2],
        mirrored: bool,
    },
}

/// Other pictures around a point; they are named by their content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct MosaicDraw {
    pub centre: [f64; 2],
    /// Which of the four places the picture itself has: upper left, upper right, lower left, lower right.
    pub place: u8,
    pub partners: Vec<String>,
}

/// Another picture that shines through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct MixupDraw {
    pub share: f64,
    pub partner: String,
    pub geometry: Geometry,
}

/// What is done to the colours.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Effects {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<Jitter>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub grey: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erasing: Vec<Patch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moire: Option<Screen>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blur: Option<Blur>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gaussian_noise: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt_and_pepper: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jpeg: Option<u8>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Jitter {
    pub brightness: f64,
    pub contrast: f64,
    pub saturation: f64,
    pub hue: f64,
}

impl Jitter {
    pub(super) const NONE: Jitter = Jitter { brightness: 1.0, contrast: 1.0, saturation: 1.0, hue: 0.0 };
}

/// Left, top, width and height as shares of the frame, and what they are filled with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Patch {
    pub area: [f64; 4],
    pub fill: Fill,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fill {
    Noise,
    Colour([u8; 3]),
}

/// Lengths are shares of the frame's shorter side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Blur {
    Gaussian { deviation: f64 },
    Motion { length: f64, degrees: f64 },
    Defocus { radius: f64 },
}

impl Geometry {
    /// Draws one; `random(purpose)` gives the numbers for a purpose.
    pub(super) fn draw(recipe: &Recipe, random: impl Fn(&str) -> Random) -> Geometry {
        let mut geometry = Geometry::default();
        if let Some(effect) = &recipe.rotation {
            let mut random = random("rotation");
            geometry.rotation = random.happens(effect.probability).then(|| random.within(effect.degrees));
        }
        if let Some(effect) = &recipe.flip {
            let mut random = random("flip");
            geometry.flip_horizontal = random.happens(effect.horizontal);
            geometry.flip_vertical = random.happens(effect.vertical);
        }
        if let Some(effect) = &recipe.translation {
            let mut random = random("translation");
            let both = [effect.horizontal, effect.vertical];
            geometry.translation = random.happens(effect.probability).then(|| both.map(|range| random.within(range)));
        }
        if let Some(effect) = &recipe.scale {
            let mut random = random("scale");
            geometry.scale = random.happens(effect.probability).then(|| random.within(effect.factor));
        }
        if let Some(effect) = &recipe.shear {
            let mut random = random("shear");
            let both = [effect.horizontal, effect.vertical];
            geometry.shear = random.happens(effect.probability).then(|| both.map(|range| random.within(range)));
        }
        if let Some(effect) = &recipe.perspective {
            let mut random = random("perspective");
            let both = [effect.horizontal, effect.vertical];
            geometry.perspective = random.happens(effect.probability).then(|| both.map(|range| random.within(range)));
        }
        geometry
    }

    /// From places in the frame to where they are moved.
    pub(super) fn homography(&self, (width, height): (u32, u32)) -> Homography {
        let (half_width, half_height) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
        let [x, y] = self.perspective.unwrap_or_default();
        let [lean_x, lean_y] = self.shear.unwrap_or_default();
        let factor = self.scale.unwrap_or(1.0);
        let sign = |flipped: bool| if flipped { -1.0 } else { 1.0 };
        let [right, down] = self.translation.unwrap_or_default();
        Homography::translation(-half_width, -half_height)
            .then(&Homography::perspective(x / half_width, y / half_height))
            .then(&Homography::scale(sign(self.flip_horizontal) * factor, sign(self.flip_vertical) * factor))
            .then(&Homography::shear(lean_x, lean_y))
            .then(&Homography::rotation(self.rotation.unwrap_or(0.0)))
            .then(&Homography::translation(
                half_width + right * f64::from(width),
                half_height + down * f64::from(height),
            ))
    }
}

impl Effects {
    /// Draws them.
    pub(super) fn draw(recipe: &Recipe, random: impl Fn(&str) -> Random) -> Effects {
        let mut effects = Effects::default();
        if let Some(effect) = &recipe.colour {
            let mut random = random("colour");
            effects.colour = random.happens(effect.probability).then(|| Jitter {
                brightness: random.within(effect.brightness),
                contrast: random.within(effect.contrast),
                saturation: random.within(effect.saturation),
                hue: random.within(effect.hue),
            });
        }
        if let Some(effect) = &recipe.grey {
            effects.grey = random("grey").happens(effect.probability);
        }
        if let Some(effect) = &recipe.erasing {
            let mut random = random("erasing");
            if random.happens(effect.probability) {
                let count = random.within(effect.count).round() as usize;
                effects.erasing = (0..count).map(|_| patch(effect.area, effect.ratio, &mut random)).collect();
            }
        }
        effects.moire = recipe.moire.as_ref().and_then(|effect| Screen::draw(effect, random("moire")));
        effects.blur = draw_blur(recipe, &random);
        let share = |purpose: &str, probability: f64, range: [f64; 2]| {
            let mut random = random(purpose);
            random.happens(probability).then(|| random.within(range))
        };
        if let Some(effect) = &recipe.gaussian_noise {
            effects.gaussian_noise = share("gaussian noise", effect.probability, effect.deviation);
        }
        if let Some(effect) = &recipe.salt_and_pepper {
            effects.salt_and_pepper = share("salt and pepper", effect.probability, effect.share);
        }
        if let Some(effect) = &recipe.jpeg {
            effects.jpeg = share("jpeg", effect.probability, effect.quality).map(|quality| quality.round() as u8);
        }
        effects
    }
}

fn draw_blur(recipe: &Recipe, random: impl Fn(&str) -> Random) -> Option<Blur> {
    if let Some(effect) = &recipe.gaussian_blur {
        let mut random = random("gaussian blur");
        if random.happens(effect.probability) {
            return Some(Blur::Gaussian { deviation: random.within(effect.deviation) });
        }
    }
    if let Some(effect) = &recipe.motion_blur {
        let mut random = random("motion blur");
        if random.happens(effect.probability) {
            let length = random.within(effect.length);
            return Some(Blur::Motion { length, degrees: random.within([0.0, 180.0]) });
        }
    }
    let effect = recipe.defocus.as_ref()?;
    let mut random = random("defocus");
    random.happens(effect.probability).then(|| Blur::Defocus { radius: random.within(effect.radius) })
}

/// A rectangle inside the frame. Its ratio is even on a scale of logarithms: as often 1:2 as 2:1.
fn patch(area: [f64; 2], ratio: [f64; 2], random: &mut Random) -> Patch {
    let area = random.within(area);
    let ratio = random.within(ratio.map(f64::ln)).exp();
    let side = |side: f64| ((side * 1e4).round() / 1e4).min(1.0);
    let (width, height) = (side((area * ratio).sqrt()), side((area / ratio).sqrt()));
    let (left, top) = (random.within([0.0, 1.0 - width]), random.within([0.0, 1.0 - height]));
    let fill = if random.happens(0.5) { Fill::Noise } else { Fill::Colour(random.colour()) };
    Patch { area: [left, top, width, height], fill }
}
