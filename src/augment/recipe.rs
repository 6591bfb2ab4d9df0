//! What may be done to a picture, how often and how strongly: the recipe, a TOML file.

use serde::Deserialize;

use super::Error;

/// The default recipe, with a comment on every number.
pub const DEFAULT_RECIPE: &str = include_str!("recipe.toml");

/// Effects of a probability and of ranges from which their strengths are drawn, with what the ranges may span, and the
/// number that changes nothing where there is one.
macro_rules! effects {
    ($($effect:ident: $Effect:ident {
        $($range:ident in $least:literal to $most:literal $(from $neutral:literal)?),*
    })*) => {
        $(
            #[derive(Debug, Clone, PartialEq, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub(super) struct $Effect {
                pub probability: f64,
                $(pub $range: [f64; 2],)*
            }
        )*

        /// What may be done to a picture; `None` never is.
        #[derive(Debug, Clone, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Recipe {
            #[serde(default)]
            pub border: Border,
            pub flip: Option<Flip>,
            pub background: Option<Background>,
            $(pub $effect: Option<$Effect>,)*
        }

        impl Recipe {
            fn check(&self) -> Result<(), String> {
                $(if let Some(effect) = &self.$effect {
                    let name = stringify!($effect);
                    check_probability(name, "probability", effect.probability)?;
                    $(check_range(name, stringify!($range), effect.$range, $least, $most)?;)*
                })*
                if let Some(flip) = &self.flip {
                    check_probability("flip", "horizontal", flip.horizontal)?;
                    check_probability("flip", "vertical", flip.vertical)?;
                }
                match &self.background {
                    Some(background) if background.kinds.is_empty() => {
                        Err("background.kinds: expected one at least of solid, gradient, noise, wood and picture".into())
                    }
                    Some(background) => check_probability("background", "probability", background.probability),
                    None => Ok(()),
                }
            }

            /// The recipe with probabilities and ranges brought nearer to what changes nothing: at 1 as it is, at 0
            /// without effect.
            pub(super) fn weakened(&self, strength: f64) -> Recipe {
                let mut recipe = self.clone();
                if strength >= 1.0 {
                    return recipe;
                }
                $(if let Some(effect) = &mut recipe.$effect {
                    effect.probability *= strength;
                    $($(effect.$range = effect.$range.map(|x| $neutral + (x - $neutral) * strength);)?)*
                })*
                if let Some(flip) = &mut recipe.flip {
                    flip.horizontal *= strength;
                    flip.vertical *= strength;
                }
                if let Some(background) = &mut recipe.background {
                    background.probability *= strength;
                }
                recipe
            }
        }
    };
}

effects! {
    rotation: Rotation { degrees in -180.0 to 180.0 from 0.0 }
    translation: Translation { horizontal in -1.0 to 1.0 from 0.0, vertical in -1.0 to 1.0 from 0.0 }
    scale: Scale { factor in 0.05 to 20.0 from 1.0 }
    shear: Shear { horizontal in -60.0 to 60.0 from 0.0, vertical in -60.0 to 60.0 from 0.0 }
    perspective: Perspective { horizontal in -0.45 to 0.45 from 0.0, vertical in -0.45 to 0.45 from 0.0 }
    print_raster: PrintRaster { period in 0.001 to 0.2, depth in 0.0 to 1.0 from 0.0 }
    glare: Glare { size in 0.01 to 2.0, brightness in 0.0 to 1.0 from 0.0 }
    table: OnTable {
        tilt in 0.0 to 75.0 from 0.0, turn in -180.0 to 180.0 from 0.0, size in 0.1 to 1.0 from 1.0,
        margin in 0.0 to 0.3 from 0.0
    }
    colour: Jitter {
        brightness in 0.0 to 4.0 from 1.0, contrast in 0.0 to 4.0 from 1.0, saturation in 0.0 to 4.0 from 1.0,
        hue in -0.5 to 0.5 from 0.0
    }
    grey: Grey {}
    erasing: Erasing { count in 1.0 to 20.0, area in 0.0 to 1.0 from 0.0, ratio in 0.01 to 100.0 }
    moire: Moire { pitch in 0.5 to 20.0, depth in 0.0 to 1.0 from 0.0 }
    gaussian_blur: GaussianBlur { deviation in 0.0 to 0.1 from 0.0 }
    motion_blur: MotionBlur { length in 0.0 to 0.2 from 0.0 }
    defocus: Defocus { radius in 0.0 to 0.1 from 0.0 }
    gaussian_noise: GaussianNoise { deviation in 0.0 to 1.0 from 0.0 }
    salt_and_pepper: SaltAndPepper { share in 0.0 to 1.0 from 0.0 }
    jpeg: Jpeg { quality in 1.0 to 100.0 from 100.0 }
    mosaic: Mosaic { centre in 0.1 to 0.9 }
    mixup: Mixup { share in 0.0 to 1.0 from 1.0 }
}

/// What is seen where the picture does not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Border {
    #[default]
    Background,
    Mirror,
}

/// Two probabilities.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flip {
    pub horizontal: f64,
    pub vertical: f64,
}

/// What is put behind a picture with transparency.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Background {
    pub probability: f64,
    pub kinds: Vec<BackgroundKind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BackgroundKind {
    Solid,
    Gradient,
    Noise,
    Wood,
    Picture,
}

fn check_probability(effect: &str, key: &str, value: f64) -> Result<(), String> {
    match (0.0..=1.0).contains(&value) {
        true => Ok(()),
        false => Err(format!("{effect}.{key}: expected a probability from 0 to 1, found {value}")),
    }
}

fn check_range(effect: &str, key: &str, [from, to]: [f64; 2], least: f64, most: f64) -> Result<(), String> {
    match least <= from && from <= to && to <= most {
        true => Ok(()),
        false => Err(format!("{effect}.{key}: expected [least, most] from {least} to {most}, found [{from}, {to}]")),
    }
}

impl Default for Recipe {
    fn default() -> Recipe {
        Recipe::parse(DEFAULT_RECIPE, "the default recipe").expect("a test reads it")
    }
}

impl Recipe {
    /// Reads a recipe; `name` is what to call it in a message.
    ///
    /// # Errors
    /// It is no TOML, names an effect or a number that does not exist, leaves one out, or a number is out of range.
    pub(super) fn parse(text: &str, name: &str) -> Result<Recipe, Error> {
        let recipe: Recipe = toml::from_str(text).map_err(|e| {
            let line = e.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let place = line.map_or_else(|| name.to_string(), |line| format!("{name}, line {line}"));
            Error::Recipe { place, problem: e.message().lines().collect::<Vec<_>>().join("; ") }
        })?;
        recipe.check().map_err(|problem| Error::Recipe { place: name.into(), problem })?;
        Ok(recipe)
    }

    /// Whether nothing can be put behind a picture but another one.
    pub(super) fn needs_background_images(&self) -> bool {
        let is_picture = |kind: &BackgroundKind| *kind == BackgroundKind::Picture;
        self.background.as_ref().is_some_and(|own| own.probability > 0.0 && own.kinds.iter().all(is_picture))
    }

    /// Whether copies may need other pictures of the table.
    pub(super) fn needs_partners(&self) -> bool {
        self.mosaic.as_ref().is_some_and(|mosaic| mosaic.probability > 0.0)
            || self.mixup.as_ref().is_some_and(|mixup| mixup.probability > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        Recipe::parse(text, "my.toml").expect_err("a wrong recipe").to_string()
    }

    #[test]
    fn the_printed_recipe_is_the_default_and_names_every_effect() {
        let recipe = Recipe::default();
        assert!(recipe.flip.is_some() && recipe.background.is_some() && recipe.rotation.is_some());
        assert!(recipe.translation.is_some() && recipe.scale.is_some() && recipe.shear.is_some());
        assert!(recipe.perspective.is_some() && recipe.colour.is_some() && recipe.grey.is_some());
        assert!(recipe.erasing.is_some() && recipe.gaussian_blur.is_some() && recipe.motion_blur.is_some());
        assert!(recipe.defocus.is_some() && recipe.gaussian_noise.is_some() && recipe.salt_and_pepper.is_some());
        assert!(recipe.jpeg.is_some() && recipe.mosaic.is_some() && recipe.mixup.is_some());
        assert!(recipe.print_raster.is_some() && recipe.glare.is_some() && recipe.table.is_some());
        assert!(recipe.moire.is_some());
        assert!(!recipe.needs_partners());
    }

    #[test]
    fn what_a_recipe_does_not_name_is_not_done() {
        let recipe = Recipe::parse("[rotation]\nprobability = 1\ndegrees = [90, 90]\n", "").expect("a recipe");
        assert_eq!(recipe.rotation, Some(Rotation { probability: 1.0, degrees: [90.0; 2] }));
        assert!(recipe.flip.is_none() && recipe.colour.is_none() && recipe.border == Border::Background);
    }

    #[test]
    fn a_weaker_recipe_lies_between_the_whole_one_and_nothing() {
        let recipe = Recipe::default();
        assert_eq!(recipe.weakened(1.0), recipe);
        let half = recipe.weakened(0.5);
        assert!(half.check().is_ok());
        assert_eq!(half.rotation, Some(Rotation { probability: 0.35, degrees: [-7.5, 7.5] }));
        assert_eq!(half.scale.map(|scale| scale.factor), Some([0.9, 1.1]));
        assert_eq!(half.jpeg.map(|jpeg| jpeg.quality), Some([67.5, 95.0]));
        let none = recipe.weakened(0.0);
        assert_eq!(none.flip, Some(Flip { horizontal: 0.0, vertical: 0.0 }));
        assert_eq!(none.colour.map(|colour| (colour.probability, colour.contrast)), Some((0.0, [1.0, 1.0])));
    }

    #[test]
    fn a_wrong_name_is_named_with_its_line_and_what_is_allowed() {
        let said = problem("[rotation]\nprobability = 1\ndegree = [1, 2]\n");
        assert!(said.contains("my.toml, line 3") && said.contains("`degree`") && said.contains("`degrees`"), "{said}");
        let said = problem("\n[rotaton]\nprobability = 1\n");
        assert!(said.contains("line 2") && said.contains("rotaton") && said.contains("`rotation`"), "{said}");
        assert!(problem("[jpeg]\nprobability = 1\n").contains("quality"));
        let said = problem("[background]\nprobability = 1\nkinds = [\"plaid\"]\n");
        assert!(said.contains("line 3") && said.contains("plaid") && said.contains("gradient"), "{said}");
        assert!(problem("[jpeg\n").contains("line 1"));
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let said = problem("[grey]\nprobability = 1.5\n");
        assert!(said.contains("grey.probability") && said.contains("1.5"), "{said}");
        let said = problem("[rotation]\nprobability = 1\ndegrees = [20, -20]\n");
        assert!(said.contains("rotation.degrees") && said.contains("[20, -20]"), "{said}");
        assert!(problem("[scale]\nprobability = 1\nfactor = [0, 1]\n").contains("scale.factor"));
        assert!(problem("[flip]\nhorizontal = nan\nvertical = 0\n").contains("flip.horizontal"));
        assert!(problem("[background]\nprobability = 1\nkinds = []\n").contains("background.kinds"));
    }
}
