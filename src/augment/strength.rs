//! How strongly a recipe is applied, from copy to copy.

use std::fmt;
use std::str::FromStr;

use super::random::Random;

/// How strongly the recipe is applied: always the same, or from copy to copy another of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strength {
    least: f64,
    most: f64,
}

impl Default for Strength {
    /// The recipe as it is.
    fn default() -> Strength {
        Strength { least: 1.0, most: 1.0 }
    }
}

impl FromStr for Strength {
    type Err = String;

    fn from_str(text: &str) -> Result<Strength, String> {
        let wrong = || "expected a number from 0 to 1, or a range as 0.2..1".to_string();
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|x| (0.0..=1.0).contains(x)).ok_or_else(wrong);
        let strength = Strength { least: number(least)?, most: number(most)? };
        if strength.least > strength.most { Err(wrong()) } else { Ok(strength) }
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.least == self.most {
            true => write!(f, "{}", self.least),
            false => write!(f, "{}..{}", self.least, self.most),
        }
    }
}

impl Strength {
    /// Whether it is the recipe as it is, for every copy.
    pub(super) fn is_full(&self) -> bool {
        *self == Strength::default()
    }

    /// The strength for the copy of this number of a picture. Copies of one picture are spread evenly over the range
    /// however many there are (multiples of the golden ratio, without their whole parts), and begin at a point that
    /// follows from the picture: so a copy does not follow from how many others are made.
    pub(super) fn of(&self, content: &[u8; 32], copy: u32) -> f64 {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let start = Random::new(0, content, 0, "strength").unit();
        let at = (start + f64::from(copy) * GOLDEN).fract();
        ((self.least + (self.most - self.least) * at) * 1e4).round() / 1e4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strength_is_a_number_or_a_range() {
        for (text, shown) in [("1", "1"), ("0.5", "0.5"), ("0.2..1", "0.2..1"), ("0.3..0.3", "0.3")] {
            assert_eq!(text.parse::<Strength>().map(|strength| strength.to_string()), Ok(shown.to_string()));
        }
        for text in ["", "2", "-0.1", "nan", "1..0.2", "0.2..", "0.2...1", "a"] {
            assert!(text.parse::<Strength>().is_err(), "{text}");
        }
    }

    #[test]
    fn strengths_of_a_picture_are_spread_over_the_range_whatever_their_number() {
        let strength: Strength = "0.2..1".parse().expect("a range");
        for count in [4, 10, 40] {
            let mut own: Vec<f64> = (1..=count).map(|copy| strength.of(&[3; 32], copy)).collect();
            own.sort_by(f64::total_cmp);
            let gap = own.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
            assert!(own[0] >= 0.2 && own[count as usize - 1] <= 1.0 && gap < 2.2 * 0.8 / f64::from(count), "{own:?}");
        }
        assert!((1..99).all(|copy| "0.4".parse::<Strength>().expect("one").of(&[1; 32], copy) == 0.4));
    }
}
