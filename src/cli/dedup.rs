//! `dedup`: copies of pictures, and what becomes of them.

use std::path::PathBuf;

use clap::Args;

use super::args::{ImageInputs, Work};
use crate::cli::exit::Exit;
use crate::dedup::{self, Acted, Action, Format, Keep, Means, Options, Similar};
use crate::duplicates::{MAX_REACH, REACH};
use crate::failure::Failure;
use crate::io::{Sink, Target};
use crate::output::{self, ensure_apart, ensure_no_input};
use crate::progress::Progress;
use crate::stage::Tally;
use crate::words::several;

/// What becomes of copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum What {
    /// Nothing: they are named
    #[default]
    Report,
    /// They become other names of the file that is kept (identical files only)
    Hardlink,
    /// They become links to the file that is kept (identical files only)
    Symlink,
    /// They go to the folder --to
    Move,
    /// They go to the trash of the desktop
    Trash,
}

/// Find copies and near copies of pictures; only when told, link them, move them or put them into the trash
///
/// A group is a picture that is kept and its copies, each a copy of that picture itself and not only of another copy. What is kept
/// is said by --keep; what lies below --reference is kept in any case. Near copies are found by perceptual hashes (resized, recompressed,
/// slightly changed, framed) and looked at a second time; of animations, raw files and files of several pages only
/// identical ones are copies. Hard links, and files that are named twice, are counted and are no copies.
///
/// Without --action nothing is touched. With it every act stands in the journal before it is done; the file and the one that is kept
/// are read once more, and what was changed since is left alone, as are links, write-protected files, and what lies in archives and
/// buckets. A run that was killed is ended by the next with the same journal, and --undo takes all of it back.
#[derive(Debug, Args)]
#[command(
    mut_arg("inputs", |inputs| inputs.required(false).required_unless_present("undo")),
    after_help = "\
Examples:
  pokedex dedup photos/
  pokedex dedup photos/ --any-orientation -o copies.csv
  pokedex dedup photos/ --crops --format csv
  pokedex dedup new/ --reference archive/ --format paths
  pokedex dedup manifest.parquet --merge --all -o merged.parquet
  pokedex dedup photos/ --keep 'path:**/originals/**,pixels,oldest' --action trash
  pokedex dedup photos/ --identical --action hardlink --journal links.journal
  pokedex dedup --undo links.journal"
)]
pub(super) struct Dedup {
    #[command(flatten)]
    inputs: ImageInputs,

    /// Copies by their looks, identical ones included, as it does anyway
    #[arg(long, help_heading = "Copies", overrides_with = "identical")]
    similar: bool,

    /// Only files of the same bytes
    #[arg(long, help_heading = "Copies", conflicts_with_all = ["any_orientation", "crops", "hash_distance"])]
    identical: bool,

    /// Mirrored and turned copies, too
    #[arg(long, help_heading = "Copies")]
    any_orientation: bool,

    /// Crops, too: what shows a part of another picture, which is kept. Framed copies and those with a text on them are found
    /// more surely as well
    #[arg(long, help_heading = "Copies")]
    crops: bool,

    /// In how many bits of 256 the perceptual hashes of near copies may differ, from 0 to 31; half of it where the whole
    /// pictures are compared, background and all [default: 23]
    #[arg(long, help_heading = "Copies", value_name = "N", value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_REACH)))]
    hash_distance: Option<u32>,

    /// Keep what lies below this folder, and never touch it; it is read as well. Can be given several times
    #[arg(long, help_heading = "Copies", value_name = "DIR")]
    reference: Vec<PathBuf>,

    /// Which copy is kept, the first rule first: largest (pixels, then bytes), pixels, bytes, best-format, oldest (by EXIF, else by
    /// the file), exif (has some), path:GLOB, where:SQL [default: pixels,exif,best-format,bytes,oldest]
    #[arg(long, help_heading = "Copies", value_name = "RULES", value_parser = keep)]
    keep: Option<Keep>,

    /// What becomes of the other copies
    #[arg(
        long,
        help_heading = "Output",
        value_enum,
        default_value_t,
        value_name = "ACTION",
        requires_if("move", "to")
    )]
    action: What,

    /// The folder that copies are moved to, where they lie as below their input
    #[arg(long, help_heading = "Output", value_name = "DIR")]
    to: Option<PathBuf>,

    /// Where acts are written down [default: beside the output, else dedup.journal]
    #[arg(long, help_heading = "Output", value_name = "FILE")]
    journal: Option<PathBuf>,

    /// Take back what this journal says was done
    #[arg(long, help_heading = "Output", value_name = "JOURNAL", exclusive = true)]
    undo: Option<PathBuf>,

    /// Give kept rows what they lack of their copies' metadata: columns that are null, and words of lists. Nothing is replaced. For tables
    #[arg(long, help_heading = "Output")]
    merge: bool,

    /// How copies are shown [default: what the file's name says, else text]
    #[arg(long, help_heading = "Output", value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    /// Keep the rows outside groups in tables
    #[arg(long, help_heading = "Output")]
    all: bool,

    /// Write to this file [default: standard output]
    #[arg(short, long, help_heading = "Output", value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    work: Work,
}

impl Dedup {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        if let Some(journal) = &self.undo {
            let undone = dedup::undo(journal, ui)?;
            ui.done(&format!("undo: {}", said(&undone, "back")));
            return Ok(self.exit(&Tally::default(), &undone));
        }
        let mut inputs = self.inputs.to_inputs();
        let means = self.means()?;
        let outputs = [self.output.as_deref(), means.as_ref().map(|means| &*means.journal)];
        for output in outputs {
            ensure_no_input(output, inputs.paths.iter().map(|path| &**path), "what is found in it")?;
        }
        ensure_apart(&outputs)?;
        inputs.paths = dedup::with_references(&inputs.paths, &self.reference);
        inputs.except = self.to.clone();
        let target = Target::parse(self.output.as_deref());
        let format = output::format(&target, self.format, Format::Text)?;
        if self.merge && matches!(format, Format::Text | Format::Paths) {
            return Err(Failure::usage("--merge: a table is needed", "--merge -o kept.parquet"));
        }
        let table = inputs.images()?.with_unique_keys();
        let sink = Sink::open(&target, format == Format::Parquet)?;
        let mut found = dedup::find(table, &self.options(), &self.work.work(), ui)?;
        if self.merge {
            let merged;
            (found, merged) = dedup::merge(found, ui)?;
            let (cells, rows) = (several(merged.cells, "cell", "cells"), several(merged.rows, "row", "rows"));
            ui.done(&format!("merge: {cells} of {rows} filled from copies"));
        }
        let found = dedup::write(found, format, self.all, sink, ui)?;
        if format != Format::Text {
            ui.done(&format!("dedup: {found}"));
        }
        let acted = match &means {
            Some(means) => dedup::act(&found, means, ui)?,
            None => Acted::default(),
        };
        if let Some(means) = means.filter(|_| acted.done > 0) {
            ui.done(&format!("dedup: {}; pokedex dedup --undo {}", said(&acted, "done"), means.journal.display()));
        }
        Ok(self.exit(&found.tally, &acted))
    }

    fn options(&self) -> Options {
        let similar = Similar {
            hash_distance: self.hash_distance.unwrap_or(REACH),
            any_orientation: self.any_orientation,
            crops: self.crops,
        };
        Options {
            similar: (!self.identical).then_some(similar),
            references: self.reference.clone(),
            keep: self.keep.clone().unwrap_or_default(),
        }
    }

    fn means(&self) -> Result<Option<Means>, Failure> {
        let action = match self.action {
            What::Report => None,
            What::Hardlink => Some(Action::Hardlink),
            What::Symlink => Some(Action::Symlink),
            What::Move => Some(Action::Move),
            What::Trash => Some(Action::Trash),
        };
        if self.to.is_some() && action != Some(Action::Move) {
            return Err(Failure::usage("--to: nothing is moved", "--action move --to DIR"));
        }
        let journal = self.journal.clone().unwrap_or_else(|| dedup::default_journal(self.output.as_deref()));
        let references = self.reference.clone();
        Ok(action.map(|action| Means { action, to: self.to.clone(), references, journal }))
    }

    fn exit(&self, tally: &Tally, acted: &Acted) -> Exit {
        self.work.exit(&Tally { rows: tally.rows, skipped: tally.skipped + acted.left, flawed: tally.flawed })
    }
}

fn said(acted: &Acted, done: &str) -> String {
    let settled =
        if acted.settled > 0 { format!(", {} ended that a run had begun", acted.settled) } else { String::new() };
    format!("{} {done}, {} left alone{settled}", several(acted.done, "file", "files"), acted.left)
}

/// Rules, for clap.
fn keep(text: &str) -> Result<Keep, String> {
    text.parse::<Keep>().map_err(|failure| match failure.hints.first() {
        Some(hint) => format!("{failure}; {hint}"),
        None => failure.to_string(),
    })
}
