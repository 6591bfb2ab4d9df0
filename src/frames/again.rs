//! A still once more, from the film or the file of pages that it was taken from.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::clip::Clip;
use super::pages;
use super::tools::Tools;
use crate::image::{self, Colour, Rgb};
use crate::io;

/// How far before its time ffmpeg begins to look for a frame; `None`: at the beginning.
const WINDOWS: [Option<f64>; 3] = [Some(0.5), Some(10.0), None];
/// One film is read at a time: ffmpeg takes all processors for it, and a page asks for dozens of stills at once.
static ONE_FILM: Mutex<()> = Mutex::new(());

/// Times in tables are exact to a microsecond.
const NEAR: f64 = 0.001;

/// The picture at a time of a film or an animation, or of this number of a file's pages.
///
/// # Errors
/// Why it cannot be had: the file is not there, there is no ffmpeg, or no such frame.
pub fn still(path: &str, time: Option<f64>, number: Option<i64>) -> Result<Rgb, String> {
    if pages::has_pages(path) {
        return page(path, number);
    }
    let time = time.ok_or("the table does not say at which time")?;
    let file = io::local_file(path).ok_or("films in buckets and on the web are not read")?;
    if !file.is_file() {
        return Err(format!("cannot read {path}: there is no such file"));
    }
    let _turn = ONE_FILM.lock().unwrap_or_else(PoisonError::into_inner);
    let tools = Tools::find().map_err(|e| e.to_string())?;
    at(&tools, &file, time)
}

fn at(tools: &Tools, file: &Path, time: f64) -> Result<Rgb, String> {
    let condition = format!("gte(t,{:.6})", time - NEAR);
    for window in WINDOWS {
        let from = window.map(|window| time - window).filter(|from| *from > 0.0);
        // With its end ffmpeg is ended, too.
        let mut clip = Clip::start(tools, file, &condition, from, None)?;
        match clip.next()? {
            Some(still) if (still.time - time).abs() <= NEAR => return Ok(still.picture),
            _ => {}
        }
    }
    Err(format!("there is no frame at {time:.3} s any more"))
}

fn page(path: &str, number: Option<i64>) -> Result<Rgb, String> {
    let number = number.ok_or("the table does not say which page")?;
    let bytes = io::read_image(path).map_err(|e| format!("cannot read {path}: {e}"))?;
    let found = u32::try_from(number).ok().map(|number| image::page(&bytes, Colour::WHITE, number)).transpose();
    let (picture, _) =
        found.map_err(|e| e.to_string())?.flatten().ok_or_else(|| format!("there is no page {number} any more"))?;
    Ok(picture)
}
