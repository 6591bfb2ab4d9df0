//! Files that hold several pictures and need no ffmpeg: pages, which are all taken, and animations, of which what is asked for.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::path::Path;

use super::Options;
use super::out::{Out, Unwanted};
use super::pick::{HALF, Moment, Pick};
use crate::image::{self, Colour, Filter, Fit, Page, Rgb};
use crate::io;

/// So much of a file tells its format.
const START: usize = 4096;

/// Whether the file is one of these, by its first bytes; what is far away or in an archive by its name.
pub(super) fn has_pages(path: &str) -> bool {
    const NAMES: [&str; 6] = ["tif", "tiff", "webp", "png", "apng", "jxl"];
    match io::open_file(&io::table_path(path)).and_then(|file| io::At::new(file)?.part(0, START)) {
        Ok(start) => image::format(&start).is_ok_and(image::has_pages),
        Err(_) => {
            let extension = Path::new(path).extension().and_then(OsStr::to_str);
            extension.is_some_and(|e| NAMES.iter().any(|name| name.eq_ignore_ascii_case(e)))
        }
    }
}

/// Hands on the pictures of a file that are wanted.
pub(super) fn all(out: &mut Out, options: &Options, bytes: &[u8]) -> Result<(), Unwanted> {
    let mut wanted = match Choice::of(&options.pick, bytes) {
        Ok(wanted) => wanted,
        Err(problem) => return out.problem(problem),
    };
    let mut unwanted = false;
    let read = image::pages(bytes, Colour::WHITE, &mut |page| match wanted.wants(&page) {
        false => ControlFlow::Continue(()),
        true => match one(out, options, page) {
            Ok(()) => ControlFlow::Continue(()),
            Err(Unwanted) => {
                unwanted = true;
                ControlFlow::Break(())
            }
        },
    });
    match read {
        Err(e) => out.problem(e.to_string()),
        Ok(()) if unwanted => Err(Unwanted),
        Ok(()) => wanted.missed().try_for_each(|time| {
            let key = out.key_at(time);
            out.problem_of(key, "the animation ends before it".into())
        }),
    }
}

/// Hands on one picture.
fn one(out: &mut Out, options: &Options, page: Page) -> Result<(), Unwanted> {
    let key = match page.time {
        Some(time) => out.key_at(time),
        None if page.number == 0 => out.key().to_string(),
        None => format!("{}#page={}", out.key(), page.number),
    };
    let (picture, flaw) = match page.picture {
        Ok(picture) => picture,
        Err(e) => return out.problem_of(key, e.to_string()),
    };
    if let Some(flaw) = flaw {
        out.damaged(flaw.to_string())?;
    }
    let picture = match options.size {
        Some(size) => within(picture, size),
        None => picture,
    };
    out.picture(picture, page.time, Some(page.number.into()), key)
}

/// Made smaller by areas until the longer side is `size`; never larger.
fn within(picture: Rgb, size: u32) -> Rgb {
    let longer = picture.width.max(picture.height);
    if longer <= size {
        return picture;
    }
    let side = |side: u32| ((f64::from(side) * f64::from(size) / f64::from(longer)).round() as u32).max(1);
    picture.resize(side(picture.width), side(picture.height), Fit::Stretch, Filter::Box, Colour::WHITE)
}

/// Which frames are still to come.
enum Choice {
    All,
    /// The period of the last frame that was taken.
    Periods(Pick, Option<f64>),
    /// Numbers of frames, and times that there are none for.
    Numbers(Vec<u32>, Vec<f64>),
}

impl Choice {
    fn of(pick: &Pick, bytes: &[u8]) -> Result<Choice, String> {
        Ok(match pick {
            Pick::All => Choice::All,
            Pick::Every(_) | Pick::Fps(_) => Choice::Periods(pick.clone(), None),
            Pick::Scenes(_) => match times(bytes)?.is_empty() {
                true => Choice::All,
                false => {
                    return Err(
                        "scenes are told apart in films; of animations --all --distinct takes what differs".into()
                    );
                }
            },
            Pick::At(moments) => match times(bytes)?.as_slice() {
                [] => Choice::All,
                times => at(moments, times),
            },
        })
    }

    fn wants(&mut self, page: &Page) -> bool {
        let Some(time) = page.time else { return true };
        match self {
            Choice::All => true,
            Choice::Periods(pick, last) => {
                let own = pick.period(time);
                let is_new = last.is_none() || *last != own;
                *last = own;
                is_new
            }
            Choice::Numbers(numbers, _) => numbers.contains(&page.number) || page.picture.is_err(),
        }
    }

    /// Times that were asked for and that no frame is shown at.
    fn missed(self) -> impl Iterator<Item = f64> {
        match self {
            Choice::Numbers(_, missed) => missed,
            _ => Vec::new(),
        }
        .into_iter()
    }
}

/// When each frame begins and the last one ends; empty: pages, or one picture.
fn times(bytes: &[u8]) -> Result<Vec<f64>, String> {
    let mut times = Vec::new();
    let mut end = None;
    let read = image::pages(bytes, Colour::WHITE, &mut |page| {
        // Where one has no time, none has, and the others need not be read.
        let Some(time) = page.time else { return ControlFlow::Break(()) };
        if page.picture.is_ok() {
            times.push(time);
            end = Some(time + page.lasts);
        }
        ControlFlow::Continue(())
    });
    times.extend(end);
    read.map(|()| times).map_err(|e| e.to_string())
}

/// The frames that are shown at these moments: the last that has begun.
fn at(moments: &[Moment], times: &[f64]) -> Choice {
    let (frames, end) = (&times[..times.len() - 1], times[times.len() - 1]);
    let (mut numbers, mut missed) = (Vec::new(), Vec::new());
    for moment in moments {
        let time = match moment {
            Moment::Seconds(time) => *time,
            Moment::Share(share) => share * end,
        };
        match frames.partition_point(|begins| *begins <= time + HALF) {
            _ if time > end + HALF => missed.push(time),
            begun => numbers.push(begun.saturating_sub(1) as u32),
        }
    }
    Choice::Numbers(numbers, missed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_at_a_time_is_the_last_frame_that_has_begun() {
        // Frames at 0, 1 and 3 seconds; the last ends at 4.
        let moments = [0.0, 0.999, 1.0, 2.5, 3.0, 4.0, 4.5].map(Moment::Seconds);
        let shares = [0.0, 0.5, 1.0].map(Moment::Share);
        let chosen = |moments: &[Moment]| match at(moments, &[0.0, 1.0, 3.0, 4.0]) {
            Choice::Numbers(numbers, missed) => (numbers, missed),
            _ => unreachable!("it chooses numbers"),
        };
        assert_eq!(chosen(&moments), (vec![0, 0, 1, 1, 2, 2], vec![4.5]));
        assert_eq!(chosen(&shares), (vec![0, 1, 2], vec![]));
    }
}
