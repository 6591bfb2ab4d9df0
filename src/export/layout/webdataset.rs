//! WebDataset's layout (github.com/webdataset/webdataset): `SPLIT-000000.tar`, …, in which the files of a sample stand
//! side by side: `NAME.png`, `NAME.cls` (the class's number, where there is one) and `NAME.json` (the row).
//!
//! Samples stand in the order of the rows. A name has no dots, at the first of which WebDataset divides it. Headers hold
//! nothing that changes from run to run.

use std::collections::BTreeMap;
use std::io::{self as stdio, Write};

use serde_json::json;

use super::{Finished, Item, Layout, Packer, Whereabouts};
use crate::export::Error;
use crate::export::plan::{Names, Naming, Place, Plan};
use crate::image;
use crate::io::{self, Folder, Sink};

/// What the pictures are called.
pub(crate) const NAMING: Naming = Naming { names: Names::Dotless, boxes: false, classified: false };

/// The layout.
#[derive(Debug)]
pub(crate) struct WebDataset {
    /// A sample that would make a shard larger than this begins the next one.
    pub shard_bytes: u64,
}

impl Layout for WebDataset {
    fn file(&self, _: &Place, _: &str) -> Option<String> {
        None
    }

    fn packer<'a>(&self, folder: &'a Folder, plan: &'a Plan, _: &arrow_schema::SchemaRef) -> Box<dyn Packer + 'a> {
        Box::new(Shards {
            folder,
            plan,
            shard_bytes: self.shard_bytes,
            open: [None, None, None],
            begun: [0; 3],
            extensions: BTreeMap::new(),
        })
    }
}

/// The shards of all splits.
struct Shards<'a> {
    folder: &'a Folder,
    plan: &'a Plan,
    shard_bytes: u64,
    open: [Option<Shard>; 3],
    begun: [u32; 3],
    /// How many pictures are of which format.
    extensions: BTreeMap<&'static str, u64>,
}

struct Shard {
    file: String,
    tar: tar::Builder<Counted>,
}

/// A sink that knows how much was written to it.
struct Counted {
    sink: Sink,
    written: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> stdio::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> stdio::Result<()> {
        self.sink.flush()
    }
}

/// Bytes of a block of a tar.
const BLOCK: u64 = 512;

/// What a member takes in a tar: a header and whole blocks.
fn room(length: u64) -> u64 {
    BLOCK + length.div_ceil(BLOCK) * BLOCK
}

impl Shard {
    /// Appends a member, and says where its bytes begin.
    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<u64, Error> {
        let length = bytes.len() as u64;
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(length);
        let failed = |source| Error::from(io::Error::Write { path: self.file.clone().into(), source });
        self.tar.append_data(&mut header, name, bytes).map_err(failed)?;
        Ok(self.tar.get_ref().written - length.div_ceil(BLOCK) * BLOCK)
    }

    fn finish(self) -> Result<String, Error> {
        let failed = |source| Error::from(io::Error::Write { path: self.file.clone().into(), source });
        let counted = self.tar.into_inner().map_err(failed)?;
        counted.sink.finish()?;
        Ok(self.file)
    }
}

impl Packer for Shards<'_> {
    fn take(&mut self, item: &Item, bytes: &[u8], _: &arrow_array::RecordBatch) -> Result<Option<Whereabouts>, Error> {
        let name = &item.place.name;
        let extension = image::format(bytes)?.extension();
        *self.extensions.entry(extension).or_default() += 1;
        let picture = format!("{name}.{extension}");
        let class = item.place.class.map(|class| class.to_string());
        let row = json!({
            "key": item.key, "id": item.id, "label": item.label, "class": item.place.class,
            "split": item.place.split.name(), "width": item.made.width, "height": item.made.height,
            "boxes": item.boxes.map(|boxes| boxes.iter().map(|b| json!({
                "label": b.label, "class": b.class, "xyxy": b.xyxy,
            })).collect::<Vec<_>>()),
        });
        let row = row.to_string();
        let texts = class.iter().map(|text| ("cls", text)).chain([("json", &row)]);
        let size = room(bytes.len() as u64) + texts.clone().map(|(_, text)| room(text.len() as u64)).sum::<u64>();

        let at = item.place.split as usize;
        let full = |shard: &Shard| shard.tar.get_ref().written + size > self.shard_bytes;
        if self.open[at].as_ref().is_some_and(full)
            && let Some(shard) = self.open[at].take()
        {
            shard.finish()?;
        }
        if self.open[at].is_none() {
            let file = format!("{}-{:06}.tar", item.place.split.name(), self.begun[at]);
            self.begun[at] += 1;
            let tar = tar::Builder::new(Counted { sink: self.folder.create(&file)?, written: 0 });
            self.open[at] = Some(Shard { file, tar });
        }
        let shard = self.open[at].as_mut().expect("it was opened above");
        let offset = shard.append(&picture, bytes)?;
        for (extension, text) in texts {
            shard.append(&format!("{name}.{extension}"), text.as_bytes())?;
        }
        Ok(Some(Whereabouts { file: shard.file.clone(), member: Some((picture, offset)) }))
    }

    fn finish(mut self: Box<Self>) -> Result<Finished, Error> {
        for shard in std::mem::take(&mut self.open).into_iter().flatten() {
            shard.finish()?;
        }
        self.folder.write("classes.txt", self.plan.classes.lines().as_bytes())?;
        let mut notes = Vec::new();
        // `datasets` makes columns of the extensions of the first five samples, and no other pictures are there for it.
        if self.extensions.len() > 1 {
            let counts: Vec<String> = self.extensions.iter().map(|(end, count)| format!("{count} .{end}")).collect();
            let pictures = counts.join(", ");
            notes.push(format!(
                "holds pictures of several formats ({pictures}), of which `datasets` sees one; --encode png makes all alike"
            ));
        }
        Ok(Finished { notes, ..Finished::default() })
    }
}
