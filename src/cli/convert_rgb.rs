//! `convert-rgb`: any image to upright RGB over a background.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::args::{ImageInputs, Part, Size, Work};
use crate::cli::exit::Exit;
use crate::convert::{self, Recipe};
use crate::failure::Failure;
use crate::image::{Colour, Colours, Encoding};
use crate::io::{Sink, Target};
use crate::output::{ensure_no_input, ensure_parquet, ensure_whole_in_place};
use crate::progress::Progress;
use crate::stage::Stage;
use crate::table::{StreamFormat, Writer, column};

/// Turn any image into upright RGB over a background
///
/// Reads 8 and 16 bits a channel, grey, palettes, transparency, CMYK; turns pictures upright as EXIF and XMP say; takes
/// the first frame of an animation. What is cut short or damaged is read as far as it goes, and named. Into a table
/// (-o FILE.parquet, or a pipe) the images travel inside, in the column `image`.
///
/// Into a folder (-o DIR/) it writes one file an image, of the same relative name with the extension of the encoding
/// (a_jpg.png and a_png.png of a.jpg and a.png), and manifest.parquet. On the next run files whose source has not changed
/// are left alone, and those whose source is gone are removed; nothing else is. A folder that lies in the one that is
/// read is not read itself; no other source may lie in it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex convert-rgb artwork/ -o rgb/
  pokedex convert-rgb scans/ -o small/ --size 224 --encode jpeg --background '#e0e0e0'
  pokedex convert-rgb iphone/ --colours srgb --encode jpeg -o web/
  pokedex convert-rgb artwork/ | pokedex embed - -o embeddings.parquet")]
pub(super) struct ConvertRgb {
    #[command(flatten)]
    inputs: ImageInputs,

    #[command(flatten)]
    part: Part,

    /// Write to this table, or to this folder when it ends in / or exists [default: a table on standard output]
    #[arg(short, long, help_heading = "Output", value_name = "FILE|DIR/")]
    output: Option<PathBuf>,

    /// Format of a table on standard output; arrow (an IPC stream) never touches the disk
    #[arg(long, help_heading = "Output", value_enum, default_value_t, value_name = "FORMAT")]
    stdout_format: StreamFormat,

    /// The colour behind transparent pixels: white, black, grey or #rrggbb
    #[arg(long, help_heading = "Pictures", default_value = "white", value_name = "COLOUR")]
    background: Colour,

    /// Which colours the numbers mean: those stored, as models were taught, or sRGB, as the file's profile says and people see
    #[arg(long, help_heading = "Pictures", value_enum, default_value_t, value_name = "SPACE")]
    colours: Colours,

    /// Scale to fit N x N or W x H pixels; what is left over is background
    #[arg(long, help_heading = "Pictures", value_name = "N|WxH")]
    size: Option<Size>,

    /// How images are written
    #[arg(long, help_heading = "Pictures", value_enum, default_value_t, value_name = "FORMAT")]
    encode: Encoding,

    #[command(flatten)]
    work: Work,
}

impl ConvertRgb {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let size = self.size.map(|Size(width, height)| (width, height));
        let recipe = Recipe { background: self.background, size, colours: self.colours, encoding: self.encode };
        let target = Target::parse(self.output.as_deref());
        if let Target::Directory(folder) = &target {
            let tally =
                convert::into_folder(recipe, self.part.of(self.inputs.to_inputs()), folder, &self.work.work(), ui)?;
            return Ok(self.work.exit(&tally));
        }
        ensure_parquet(&target)?;
        let inputs = self.part.of(self.inputs.to_inputs());
        let table = inputs.images()?.with_unique_keys();
        let (output, paths) = (self.output.as_deref(), &inputs.paths);
        ensure_whole_in_place(output, paths, &table.schema, &recipe.schema(&table.schema))?;
        if table.has(column::IMAGE) {
            // The pictures themselves may be nowhere else.
            ensure_no_input(output, paths.iter().map(|path| &**path), "other pictures than it holds")?;
        }
        let sink = Sink::open(&target, true)?;
        let format = if target == Target::Stdout { self.stdout_format } else { StreamFormat::Parquet };
        let start = |schema: &_, footer: &_| Ok(Writer::new(sink, schema, footer, format)?);
        let tally = self.work.work().write(table, &Arc::new(recipe), start, ui)?;
        Ok(self.work.exit(&tally))
    }
}
