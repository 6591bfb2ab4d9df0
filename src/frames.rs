//! Stills of films, and the pages and frames of files that hold several pictures: rows with pictures, each with its time.
//!
//! Hides: which files this program reads itself; that `ffmpeg` and `ffprobe` run as children, how they are asked, and how frames and their times are kept together.
//! Promises: a still is the frame that the film shows, upright, with the pixels that ffmpeg decodes, and its `timestamp` is that
//! frame's own time, to the microsecond; stills come in the order of the films and of their times, whatever the number of threads;
//! a few are held at a time; a file's name is never an option, nor a protocol, and no file leads ffmpeg to another.
//!
//! [`frames()`] reads films and hands on the rows; [`still`] gives the picture of such a row once more.

mod again;
mod clip;
mod distinct;
mod films;
mod out;
mod pages;
mod pick;
mod probe;
mod rows;
mod tools;

pub use again::still;
pub use pick::{Length, Moment, Pick, Rate};
pub use rows::schema;
pub use tools::Error;

use arrow_array::RecordBatch;

use crate::failure::Failure;
use crate::image::Encoding;
use crate::progress::Progress;
use crate::stage::{Tally, Work};
use crate::table::{Provenance, Table};
use films::Films;
use rows::Maker;

/// So many stills are encoded at once: each is some megabytes.
const MOST_ENCODED: usize = 4;

/// Which stills are wanted, and how they are kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which frames.
    pub pick: Pick,
    /// Leave out what is within so many bits of the still before it.
    pub distinct: Option<u32>,
    /// Stills are made smaller until their longer side is this.
    pub size: Option<u32>,
    /// How stills are written.
    pub encoding: Encoding,
}

impl Default for Options {
    /// The first frame of every second, as a JPEG: films are lossy themselves, and a PNG takes several times the room.
    fn default() -> Options {
        Options { pick: Pick::default(), distinct: None, size: None, encoding: Encoding::Jpeg }
    }
}

impl Options {
    /// The distance within which stills are near copies, in bits of a perceptual hash.
    pub const NEAR: u32 = crate::duplicates::REACH;

    /// Notes in a table's footer what was asked for.
    pub fn describe(&self, footer: &mut Provenance) {
        let distinct = self.distinct.map_or("no".into(), |bits| bits.to_string());
        let size = self.size.map_or("original".into(), |size| size.to_string());
        let encode = self.encoding.extension();
        footer.set("schema", "frames");
        footer.set("frames", format!("{} distinct={distinct} size={size} encode={encode}", self.pick));
    }
}

/// Hands on a row a still of a table's films, in order; a film that cannot be read, or not to its end, has a row with an error.
///
/// # Errors
/// The table cannot be read, there is a film and no ffmpeg, a film is skipped that may not be, or `take` fails.
pub fn frames(
    table: Table,
    options: &Options,
    work: &Work,
    progress: &mut dyn Progress,
    take: impl FnMut(RecordBatch) -> Result<(), Failure>,
) -> Result<Tally, Failure> {
    let maker = Maker::new(schema(&table.schema), options.encoding);
    progress.start("frames", None);
    let films = Films::new(table, options.clone(), work.threads);
    let encoders = Work { threads: work.threads.min(MOST_ENCODED), ..*work };
    encoders.drive(films, move |item| maker.make(item?), progress, take)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_says_what_is_usual() {
        assert_eq!((Options::NEAR, Pick::SCENE), (23, 0.3));
    }
}
