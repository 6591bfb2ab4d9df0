//! Which frames are wanted: how a person says it, and how ffmpeg is told.

use std::fmt;
use std::str::FromStr;

/// Times are told in microseconds; half of one is rounding.
pub(super) const HALF: f64 = 0.000_000_5;

/// Which frames of a film.
#[derive(Debug, Clone, PartialEq)]
pub enum Pick {
    /// Every frame.
    All,
    /// The first frame of every period of so many seconds, counted from 0 on the film's own clock.
    Every(Length),
    /// As many periods a second.
    Fps(Rate),
    /// The first frame, and every one whose difference from the one before it is above this: from 0 to 1.
    Scenes(f64),
    /// The frames that are shown at these times.
    At(Vec<Moment>),
}

impl Default for Pick {
    fn default() -> Pick {
        Pick::Every(Length(1.0))
    }
}

impl Pick {
    /// Above it a new scene begins, in most films.
    pub const SCENE: f64 = 0.3;

    /// What was asked for, of which there is one at most; else what is usual.
    pub fn of(all: bool, every: Option<Length>, fps: Option<Rate>, scenes: Option<f64>, at: &[Moment]) -> Pick {
        match (every, fps, scenes) {
            _ if all => Pick::All,
            (Some(length), ..) => Pick::Every(length),
            (_, Some(rate), _) => Pick::Fps(rate),
            (.., Some(least)) => Pick::Scenes(least),
            _ if !at.is_empty() => Pick::At(at.to_vec()),
            _ => Pick::default(),
        }
    }

    /// The condition for a frame in the language of ffmpeg's filters: `t` is its time.
    pub(super) fn condition(&self) -> String {
        let periods = |number: &dyn Fn(&str) -> String| {
            let (own, last) = (number("t"), number("prev_selected_t"));
            format!("isnan(prev_selected_t)+gt({own},{last})+lt({own},{last})")
        };
        match self {
            Pick::Every(Length(seconds)) => periods(&|t| format!("floor(({t}+{HALF:.7})/{seconds})")),
            Pick::Fps(Rate(a, b)) => periods(&|t| format!("floor(({t}+{HALF:.7})*{a}/{b})")),
            Pick::Scenes(least) => format!("isnan(prev_selected_t)+gt(scene,{least})"),
            Pick::All | Pick::At(_) => "1".into(),
        }
    }

    /// The number of the period that a time is in; `None`: there are no periods.
    pub(super) fn period(&self, time: f64) -> Option<f64> {
        match self {
            Pick::Every(Length(seconds)) => Some(((time + HALF) / seconds).floor()),
            Pick::Fps(Rate(a, b)) => Some(((time + HALF) * a / b).floor()),
            Pick::All | Pick::Scenes(_) | Pick::At(_) => None,
        }
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pick::All => f.write_str("all"),
            Pick::Every(Length(seconds)) => write!(f, "every={seconds}s"),
            Pick::Fps(Rate(a, b)) => write!(f, "fps={a}/{b}"),
            Pick::Scenes(least) => write!(f, "scenes={least}"),
            Pick::At(moments) => {
                let moments: Vec<String> = moments.iter().map(Moment::to_string).collect();
                write!(f, "at={}", moments.join(","))
            }
        }
    }
}

/// A length of time in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Length(pub f64);

impl FromStr for Length {
    type Err = String;

    /// `1s`, `500ms`, `2m`, `1h`, `0.5` (seconds), `00:01:30`.
    fn from_str(text: &str) -> Result<Length, String> {
        let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
        let (number, unit) =
            units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor))).unwrap_or((text, 1.0));
        let length = seconds(number).map(|number| number * unit);
        let length = length.filter(|length| (0.001..=1e6).contains(length)).map(Length);
        length.ok_or_else(|| "expected a time from 1ms on: 1s, 500ms, 2m, 0.5".into())
    }
}

/// Times a second, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(pub f64, pub f64);

impl FromStr for Rate {
    type Err = String;

    /// `2`, `0.5`, `30000/1001`.
    fn from_str(text: &str) -> Result<Rate, String> {
        let (a, b) = text.split_once('/').unwrap_or((text, "1"));
        let rate = a.parse().ok().zip(b.parse().ok()).filter(|(a, b): &(f64, f64)| *a > 0.0 && *b > 0.0);
        let rate = rate.filter(|(a, b)| (1e-6..=1000.0).contains(&(a / b))).map(|(a, b)| Rate(a, b));
        rate.ok_or_else(|| "expected a number of frames a second: 2, 0.5, 30000/1001".into())
    }
}

/// A time of a film.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment {
    /// On the film's own clock.
    Seconds(f64),
    /// A share of its length, from 0 to 1.
    Share(f64),
}

impl FromStr for Moment {
    type Err = String;

    /// `1.5`, `00:02:03`, `90%`.
    fn from_str(text: &str) -> Result<Moment, String> {
        let share = text.strip_suffix('%').and_then(|share| share.parse::<f64>().ok());
        if let Some(share) = share.filter(|share| (0.0..=100.0).contains(share)) {
            return Ok(Moment::Share(share / 100.0));
        }
        let text = text.strip_suffix('s').unwrap_or(text);
        seconds(text).map(Moment::Seconds).ok_or_else(|| "expected times: 1.5, 00:02:03, 90%".into())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::Seconds(seconds) => write!(f, "{seconds}"),
            Moment::Share(share) => write!(f, "{}%", share * 100.0),
        }
    }
}

/// `1.5`, `02:03`, `00:02:03.250` in seconds.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let mut parts = text.trim().rsplitn(3, ':');
    let number = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        text.parse::<f64>().ok().filter(|_| plain)
    };
    let mut sum = number(parts.next()?)?;
    for (part, factor) in parts.zip([60.0, 3600.0]) {
        sum += number(part)? * factor;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(
            ["1s", "500ms", "2m", "1h", "0.5", "00:01:30"].map(|t| t.parse::<Length>().map(|l| l.0)),
            [Ok(1.0), Ok(0.5), Ok(120.0), Ok(3600.0), Ok(0.5), Ok(90.0)]
        );
        assert_eq!("90%".parse(), Ok(Moment::Share(0.9)));
        assert_eq!("00:02:03.25".parse(), Ok(Moment::Seconds(123.25)));
        assert_eq!("30000/1001".parse(), Ok(Rate(30000.0, 1001.0)));
        for wrong in ["", "-1", "1e3", "x", "0s", "1:2:3:4x", "inf"] {
            assert!(wrong.parse::<Length>().is_err(), "{wrong}");
            assert!(wrong == "0s" || wrong.parse::<Moment>().is_err(), "{wrong}");
        }
        assert!("101%".parse::<Moment>().is_err() && "0".parse::<Rate>().is_err());
    }
}
