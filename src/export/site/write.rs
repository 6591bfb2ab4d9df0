//! All files of a site, written in the order of the rows; what names them last.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use serde_json::json;

use super::super::Error;
use super::super::layout::Whereabouts;
use super::super::manifest::{self, Entry, MANIFEST, Manifest, Says};
use super::cells::Columns;
use super::data::{self, NEAR, ROWS_IN_A_FILE};
use super::page_files;
use super::survey::{MOST_COLOURS, Searched};
use super::thumbnail::Thumbnails;
use crate::failure::Failure;
use crate::image::{self, Flaw};
use crate::index::Neighbours;
use crate::io::Folder;
use crate::map::View;
use crate::model::TextWeights;
use crate::output::made::{Known, Made};
use crate::page;
use crate::progress::Progress;
use crate::stage::{Skipped, Tally, Work, go_on, in_order, pool, slices};
use crate::table::dataset::FOLDER;
use crate::table::{self, Images, Table, column};
use crate::words::{rows, several};

/// Rows that one thread works on at a time.
const SLICE_ROWS: usize = 4;
const NEAR_SLICE_ROWS: usize = 64;
/// Of more rows the neighbours are worked out when somebody asks for them.
const MOST_NEAR: usize = 20_000;

/// What every thread needs.
pub(super) struct Job {
    pub folder: Folder,
    pub known: Known,
    pub searched: Searched,
    pub columns: Columns,
    pub thumbnails: Thumbnails,
    /// What makes the same files again.
    pub settings: String,
}

/// What became of a slice of rows.
struct Slice {
    batch: RecordBatch,
    cells: Vec<String>,
    /// The small pictures, and the files below the folder.
    pictures: Vec<Option<(Made, String)>>,
    skipped: Vec<Skipped>,
    flawed: Vec<Skipped>,
    /// Pictures that an earlier run had made.
    found: u64,
}

/// A small picture.
struct Picture {
    made: Made,
    /// What is wrong with the original, though it shows a picture.
    flaw: Option<Flaw>,
    /// An earlier run had made it.
    was_there: bool,
}

impl Job {
    /// Makes the pictures of rows, the first of which has this number, and writes them.
    fn slice(&self, from: usize, batch: RecordBatch) -> Result<Slice, Failure> {
        let mut slice = Slice {
            cells: self.columns.rows(&batch)?,
            pictures: Vec::with_capacity(batch.num_rows()),
            skipped: Vec::new(),
            flawed: Vec::new(),
            found: 0,
            batch,
        };
        let images = Images::of(&slice.batch)?;
        for i in 0..slice.batch.num_rows() {
            let file = self.searched.files.get(from + i).and_then(Option::as_ref);
            let Some(file) = file.map(|file| format!("thumbnails/{file}")) else {
                slice.pictures.push(None);
                continue;
            };
            let key = || images.key(i).to_string();
            let picture = match images.read(i) {
                Ok(bytes) => self.picture(&file, &bytes)?,
                Err(problem) => Err(problem),
            };
            match picture {
                Ok(Picture { made, flaw, was_there }) => {
                    slice.flawed.extend(flaw.map(|flaw| Skipped { key: key(), problem: flaw.to_string() }));
                    slice.found += u64::from(was_there);
                    slice.pictures.push(Some((made, file)));
                }
                Err(problem) => {
                    slice.skipped.push(Skipped { key: key(), problem });
                    slice.pictures.push(None);
                }
            }
        }
        Ok(slice)
    }

    /// Makes one picture, unless an earlier run has made it of the same bytes; or why there is none.
    fn picture(&self, file: &str, bytes: &[u8]) -> Result<Result<Picture, String>, Failure> {
        let source = *blake3::hash(bytes).as_bytes();
        if let Some(made) = self.known.up_to_date(&self.folder, file, &source) {
            self.folder.keep(file);
            let flaw = image::is_truncated(bytes).then_some(Flaw::Truncated);
            return Ok(Ok(Picture { made, flaw, was_there: true }));
        }
        Ok(match self.thumbnails.make(bytes, source) {
            Ok((made, small, flaw)) => {
                self.folder.put(file, &small, &made.content, &made.note())?;
                Ok(Picture { made, flaw, was_there: false })
            }
            Err(problem) => Err(problem.to_string()),
        })
    }

    /// The neighbours of all rows.
    ///
    /// # Errors
    /// Nobody wants them any more, or the system refuses to start a thread.
    fn near(self: &Arc<Self>, work: &Work, progress: &mut dyn Progress) -> Result<Vec<Option<Neighbours>>, Failure> {
        let (job, count) = (self.clone(), self.searched.rows);
        progress.start("neighbours", Some(count as u64));
        let find = move |from: usize| -> Vec<_> {
            let to = count.min(from + NEAR_SLICE_ROWS);
            (from..to).map(|row| job.searched.vectors.of(row, NEAR)).collect()
        };
        let mut near = Vec::with_capacity(count);
        for some in in_order(pool(work.threads)?, (0..count).step_by(NEAR_SLICE_ROWS), find) {
            go_on(progress)?;
            progress.advance(some.len() as u64);
            near.extend(some);
        }
        progress.finish();
        Ok(near)
    }

    /// What the page is told of the site; of the other files in `data/` it has the digest.
    fn about(&self, pictures: bool, near: usize) -> Vec<u8> {
        let Searched { name, called, is_pokedex, rows, model, no_words, vectors, group, .. } = &self.searched;
        let mut digest = blake3::Hasher::new();
        for (file, content) in self.folder.others().iter().filter(|(file, _)| file.starts_with("data/")) {
            digest.update(file.as_bytes()).update(content);
        }
        let weak = if *is_pokedex { page::WEAK_SPECIES } else { page::WEAK_ROWS };
        let mut site = json!({
            "name": called,
            "rows_in_a_file": ROWS_IN_A_FILE,
            "types": self.columns.types(),
            "near": near,
            "weak": crate::output::format::number(weak),
        });
        if let Some(problem) = no_words {
            site[if vectors.dimension() == 0 { "no_vectors" } else { "no_words" }] = problem.as_str().into();
        }
        data::about(&json!({
            "name": name,
            "version": env!("CARGO_PKG_VERSION"),
            "identity": &digest.finalize().to_hex()[..16],
            "rows": rows,
            "model": model,
            "columns": self.columns.described(),
            "pictures": pictures,
            "words": no_words.is_none(),
            "by_picture": false,
            "classify": false,
            "group": group,
            "pokedex": is_pokedex,
            "map": self.searched.map.as_ref().map(|map| json!({ "colours": colours(map) })),
            "site": site,
        }))
    }
}

/// The columns that a site's map can be coloured by: each costs two bytes a row.
fn colours(map: &View) -> Vec<String> {
    map.kept().into_iter().take(MOST_COLOURS).collect()
}

/// Writes all files of a site; the manifest last.
///
/// # Errors
/// The table cannot be read or has changed, no picture can be read, one is skipped that may not be, or a file cannot be
/// written.
pub(super) fn write(
    table: Table,
    job: Job,
    out: &Path,
    work: &Work,
    progress: &mut dyn Progress,
) -> Result<Tally, Failure> {
    let job = Arc::new(job);
    let (name, mut footer) = (table.name.clone(), table.provenance.clone());
    // Boxes are those of the originals.
    let kept = column::drop_field(&table.schema, column::BOXES);
    let mut writing = Writing {
        job: &job,
        manifest: Manifest::new(&kept, Says { members: false, labels: false, splits: false })?,
        tally: Tally::default(),
        cells: Vec::new(),
        files: Vec::new(),
        written: 0,
        waiting: Vec::new(),
        pictures: 0,
        found: 0,
    };
    progress.start("export", Some(job.searched.rows as u64));
    let mut first = 0;
    let counted = slices(table, SLICE_ROWS).map(move |batch| {
        let from = first;
        first += batch.as_ref().map_or(0, RecordBatch::num_rows);
        (from, batch)
    });
    let maker = job.clone();
    let make = move |(from, batch): (usize, Result<RecordBatch, table::Error>)| maker.slice(from, batch?);
    for slice in in_order(pool(work.threads)?, counted, make) {
        let slice = slice?;
        go_on(progress)?;
        work.report(&slice.skipped, progress)?;
        writing.tally.report_flaws(&slice.flawed, progress);
        progress.advance(slice.batch.num_rows() as u64);
        writing.take(slice)?;
    }
    progress.finish();
    let Writing { manifest, tally, pictures, found, .. } = writing.rows_end(&name)?;
    tally.report_other_flaws(progress);

    let searched = &job.searched;
    let has_vectors = searched.vectors.dimension() > 0;
    let near = if has_vectors && searched.rows <= MOST_NEAR { NEAR } else { 0 };
    if has_vectors {
        job.folder.write("data/vectors.js", &data::vectors(&searched.vectors, searched.rows))?;
    }
    if near > 0 {
        job.folder.write("data/near.js", &data::near(&job.near(work, progress)?))?;
    }
    if let Some(map) = &searched.map {
        job.folder.write("data/map.js", &data::map(map, &colours(map)))?;
    }
    if searched.no_words.is_none() {
        job.folder.write("data/text.js", &data::text(&TextWeights::builtin()?))?;
    }
    job.folder.write("data/about.js", &job.about(pictures > 0, near))?;
    page_files().iter().try_for_each(|(file, text)| job.folder.write(file, text.as_bytes()))?;
    let removed = job.folder.remove_stale()?;
    footer.set("schema", "manifest");
    footer.set(FOLDER, manifest::EXPORT);
    footer.set(manifest::EXPORT, &*job.settings);
    footer.set(manifest::FILES, manifest::list(&job.folder.others()));
    manifest.finish(job.folder.create(MANIFEST)?, &footer, &[])?;
    job.folder.complete();

    let mut said = format!("{}: {}, {}", out.display(), rows(tally.rows), several(pictures, "picture", "pictures"));
    if found > 0 {
        said.push_str(&format!("; {found} were there"));
    }
    if removed > 0 {
        let files = several(removed, "file of an earlier export", "files of an earlier export");
        said.push_str(&format!("; {files} removed"));
    }
    progress.done(&said);
    Ok(tally)
}

/// A site whose rows are being written.
struct Writing<'a> {
    job: &'a Job,
    manifest: Manifest,
    tally: Tally,
    /// Rows of the next file, and the files of their pictures.
    cells: Vec<String>,
    files: Vec<Option<Box<str>>>,
    /// Files of rows so far.
    written: usize,
    /// Those that wait: nothing appears before it is certain that pictures can be read.
    waiting: Vec<(String, Vec<u8>)>,
    pictures: u64,
    found: u64,
}

impl Writing<'_> {
    fn take(&mut self, slice: Slice) -> Result<(), Failure> {
        let Slice { batch, cells, pictures, skipped, found, .. } = slice;
        self.tally.skipped += skipped.len() as u64;
        self.tally.rows += batch.num_rows() as u64;
        self.found += found;
        let has_picture: BooleanArray = pictures.iter().map(|picture| Some(picture.is_some())).collect();
        let own = column::put(&batch, &manifest::kept(&column::drop_field(&batch.schema(), column::BOXES)), &[]);
        let own = arrow_select::filter::filter_record_batch(&own, &has_picture).expect("as many marks as rows");
        let entry = |(made, file): &(Made, String)| Entry {
            made: *made,
            split: None,
            whereabouts: Whereabouts { file: file.clone(), member: None },
            label_file: None,
            boxes: None,
        };
        let entries: Vec<Entry> = pictures.iter().flatten().map(entry).collect();
        self.pictures += entries.len() as u64;
        self.manifest.write(&own, &entries)?;
        for (cells, picture) in cells.into_iter().zip(pictures) {
            self.cells.push(cells);
            let file = picture.map(|(_, file)| file.trim_start_matches("thumbnails/").into());
            self.files.push(file);
            if self.cells.len() == ROWS_IN_A_FILE {
                self.write_rows()?;
            }
        }
        Ok(())
    }

    fn write_rows(&mut self) -> Result<(), Failure> {
        let file = format!("data/rows-{}.js", self.written);
        self.waiting.push((file, data::rows(self.written, &self.cells, &self.files)));
        self.written += 1;
        self.cells.clear();
        self.files.clear();
        if self.pictures > 0 || !self.wants_pictures() {
            self.waiting.drain(..).try_for_each(|(file, bytes)| self.job.folder.write(&file, &bytes))?;
        }
        Ok(())
    }

    fn wants_pictures(&self) -> bool {
        self.job.searched.files.iter().any(Option::is_some)
    }

    /// Writes the rows that are left. `name` is the table's.
    ///
    /// # Errors
    /// They are not as many as were looked at, or none of their pictures could be read.
    fn rows_end(mut self, name: &str) -> Result<Self, Failure> {
        if self.tally.rows != self.job.searched.rows as u64 {
            return Err(Error::Changed { name: name.into() }.into());
        }
        if self.pictures == 0 && self.wants_pictures() {
            return Err(Error::NothingRead { name: name.into() }.into());
        }
        // At the end of the last file there may be none left, but files that wait.
        if !self.cells.is_empty() || !self.waiting.is_empty() {
            self.write_rows()?;
        }
        Ok(self)
    }
}
