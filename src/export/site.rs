//! A page without a server: plain files that any host serves, and that a browser opens from a disk.
//!
//! The document and its scripts ([`page`]), and beside them in `data/` what these answer from: the rows, their
//! vectors, the neighbours of each, and the numbers of the text tower, so that words are looked for in the browser and
//! found in the order of `query`. All of it is scripts, since a page from a disk may load nothing else. In `thumbnails/` lie
//! small upright pictures, named after the keys. `manifest.parquet` is the record of a folder that is written again.

mod cells;
mod data;
mod survey;
mod thumbnail;
mod write;

use std::path::Path;

use crate::failure::Failure;
use crate::filter::Filter;
use crate::image::Colour;
use crate::io::Folder;
use crate::output::folder::{read_any_twice, refuse_inputs};
use crate::page;
use crate::progress::Progress;
use crate::stage::{Tally, Work};
use crate::table::Inputs;

use super::manifest::{self, Earlier};
use survey::Survey;
use thumbnail::Thumbnails;
use write::{Job, write};

/// How a site is made.
#[derive(Debug, Clone)]
pub struct SiteOptions {
    /// The rows for which this is true.
    pub filter: Option<Filter>,
    /// Width and height into which a picture is made to fit; a smaller one stays as it is.
    pub size: (u32, u32),
    /// Of the small pictures, which are JPEGs: 1 to 100.
    pub quality: u8,
    /// The colour behind transparent pixels.
    pub background: Colour,
    /// Write into a folder that holds other files too.
    pub force: bool,
}

impl Default for SiteOptions {
    /// All rows, and pictures of at most 256 pixels a side.
    fn default() -> SiteOptions {
        SiteOptions { filter: None, size: (256, 256), quality: 85, background: Colour::WHITE, force: false }
    }
}

/// Writes a page without a server into a folder.
///
/// A run that was killed goes on where it was; of an earlier export, files that are no part of the new one are removed, and
/// nothing else is.
///
/// # Errors
/// A source lies in the folder, or somebody's files do; there are no rows, or too many; no picture can be read; something
/// cannot be read or written.
pub fn site(
    mut inputs: Inputs,
    options: &SiteOptions,
    out: &Path,
    work: &Work,
    progress: &mut dyn Progress,
) -> Result<Tally, Failure> {
    let within = refuse_inputs(&mut inputs, out, &[], progress)?;
    let mut survey = Survey::new(&inputs, within, survey::own_map(&inputs, options.filter.as_ref(), progress)?);
    let table = read_any_twice(&inputs, options.filter.as_ref(), progress, |batch| survey.look(batch))?;
    let searched = survey.finish(&table, progress)?;

    let thumbnails = Thumbnails { size: options.size, quality: options.quality, background: options.background };
    let settings = format!("site {thumbnails}");
    let mut earlier = Earlier::new(&settings);
    let run = format!("{} {settings}", manifest::EXPORT);
    let folder = Folder::open(out, &run, Some(options.force), &mut earlier)?;
    if !options.force {
        folder.require_alone(super::folder::is_harmless, work.threads)?;
    }
    ["data", "page", "thumbnails"].into_iter().try_for_each(|parent| folder.refuse_links(parent))?;
    folder.begin()?;
    let columns = cells::Columns::of(&table, progress);
    let job = Job { folder, known: earlier.0, searched, columns, thumbnails, settings };
    write(table, job, out, work, progress)
}

/// The files of the page itself: their names in the folder, and their bytes.
fn page_files() -> Vec<(&'static str, String)> {
    let sources: Vec<&str> = page::SITE.iter().map(|file| file.name).collect();
    let document = ("index.html", page::index(&sources));
    let files = page::FILES.iter().chain(page::SITE).map(|file| (file.name, file.contents.to_string()));
    files.chain([document]).collect()
}
