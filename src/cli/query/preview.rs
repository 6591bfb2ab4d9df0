//! The hits' pictures: drawn on the terminal, or opened in the desktop's viewer.

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use rayon::prelude::*;

use crate::failure::Failure;
use crate::frames;
use crate::image::{self, Colour, Rgb};
use crate::index::{Hit, StillOf};
use crate::io::{self, Sink};
use crate::output::format::Format;
use crate::progress::Progress;
use crate::query::results::Group;
use crate::terminal::{Captioned, Colours, Grid, Protocol, Screen};
use crate::words::printable;

/// So many files are opened at most, unless more are asked for with --top.
const MOST_OPENED: usize = 20;

/// What is done with the hits' pictures.
#[derive(Debug, Args)]
pub(super) struct Pictures {
    /// Draw the hits' pictures below the table, if standard output is a terminal; with =PROTOCOL always
    #[arg(
        long,
        help_heading = "Output",
        value_enum,
        value_name = "PROTOCOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "auto"
    )]
    preview: Option<Preview>,

    /// Open the hits' pictures in the desktop's viewer, films at their times in mpv or vlc, no more than 20 or --top
    #[arg(long, help_heading = "Output")]
    open: bool,
}

/// How pictures are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Preview {
    /// As the terminal says in the environment that it can, else as blocks
    Auto,
    Kitty,
    Iterm2,
    Sixel,
    /// Half blocks, in 24-bit colours if COLORTERM says so, else in 256
    Blocks,
}

impl Pictures {
    /// The format of the results: a table where pictures are asked for that are drawn in any case.
    pub(super) fn format(&self, format: Option<Format>) -> Result<Option<Format>, Failure> {
        match (self.preview, format) {
            (None | Some(Preview::Auto), format) => Ok(format),
            (Some(_), None | Some(Format::Table)) => Ok(Some(Format::Table)),
            (Some(_), Some(_)) => Err(Failure::usage(
                "pictures are drawn below a table only",
                "leave out --format; plain --preview draws on a terminal only and leaves other formats as they are",
            )),
        }
    }

    /// Shows the pictures of results that have been written already. `indexed`: they are from an index, not from the
    /// built-in Pokédex, which has no pictures; `many`: each group is headed by its query.
    ///
    /// # Errors
    /// Standard output fails; no picture can be opened. A picture that cannot be drawn is named where it would be.
    pub(super) fn show(
        &self,
        groups: &[Group],
        format: Option<Format>,
        indexed: bool,
        many: bool,
        top: u32,
        ui: &dyn Progress,
    ) -> Result<(), Failure> {
        let why_none =
            match groups.iter().flat_map(|group| &group.hits).any(|hit| hit.path.is_some() || hit.still.is_some()) {
                true => None,
                false if indexed => Some((
                    "no hit names a file",
                    "index a table that has a column `path`: pokedex embed FOLDER | pokedex index - -o index.parquet",
                )),
                false => Some(("the built-in Pokédex holds no pictures", "search pictures of yours with --index FILE")),
            };
        if let Some(preview) = self.preview {
            let protocol = preview.protocol(format);
            match (why_none, protocol) {
                (_, Err(why)) => ui.warn(&format!("no pictures are drawn: {why}")),
                (Some(_), Ok(_)) if groups.iter().all(|group| group.hits.is_empty()) => {}
                (Some((why, hint)), Ok(_)) => ui.warn(&format!("no pictures are drawn: {why}; {hint}")),
                (None, Ok(protocol)) => draw(groups, protocol, many)?,
            }
        }
        match (self.open, why_none) {
            (false, _) => Ok(()),
            (true, Some((why, hint))) => Err(Failure::failed(format!("nothing to open: {why}"), Some(hint.into()))),
            (true, None) => open(groups, MOST_OPENED.max(top as usize), ui),
        }
    }
}

impl Preview {
    /// # Errors
    /// Why nothing is to be drawn.
    fn protocol(self, format: Option<Format>) -> Result<Protocol, &'static str> {
        let variable = |name: &str| std::env::var(name).ok();
        match self {
            Preview::Auto if format.is_some_and(|format| format != Format::Table) => {
                Err("they go with --format table only")
            }
            Preview::Auto if !std::io::stdout().is_terminal() => {
                Err("standard output is not a terminal (--preview=blocks draws all the same)")
            }
            Preview::Auto => Protocol::guess(&variable),
            Preview::Kitty => Ok(Protocol::Kitty),
            Preview::Iterm2 => Ok(Protocol::Iterm2),
            Preview::Sixel => Ok(Protocol::Sixel),
            Preview::Blocks => Ok(Protocol::Blocks(Colours::guess(&variable))),
        }
    }
}

/// Of the terminal that standard output is; else (`| less -R`) that the messages or the keys go through.
fn screen() -> Screen {
    let size = rustix::termios::tcgetwinsize(std::io::stdout())
        .or_else(|_| rustix::termios::tcgetwinsize(std::io::stderr()))
        .or_else(|_| rustix::termios::tcgetwinsize(std::io::stdin()));
    let size = size.ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    let Some(size) = size else { return Screen { columns: 80, lines: 24, cell: None } };
    let cell = (u32::from(size.ws_xpixel / size.ws_col), u32::from(size.ws_ypixel / size.ws_row));
    // Some terminals say zero, or nonsense.
    let cell = Some(cell).filter(|(width, height)| (3..=100).contains(width) && (3..=200).contains(height));
    Screen { columns: size.ws_col.into(), lines: size.ws_row.into(), cell }
}

fn draw(groups: &[Group], protocol: Protocol, many: bool) -> Result<(), Failure> {
    let mut sink = Sink::drawing();
    let screen = screen();
    for group in groups {
        draw_group(group, protocol, screen, many, &mut sink).map_err(io::Error::Stdout)?;
    }
    Ok(sink.finish()?)
}

/// Only the pictures of a row, and those that are being read for the next, are in memory.
fn draw_group(group: &Group, protocol: Protocol, screen: Screen, many: bool, out: &mut Sink) -> std::io::Result<()> {
    writeln!(out)?;
    if many {
        writeln!(out, "{}", printable(&group.query))?;
    }
    let grid = Grid::new(protocol, screen, group.hits.len());
    let (mut row, mut missing) = (Vec::new(), Vec::new());
    let ranked: Vec<(u32, &Hit)> = (1..).zip(&group.hits).collect();
    for some in ranked.chunks(grid.across()) {
        let pictures: Vec<_> =
            some.par_iter().map(|(_, hit)| load(hit, grid.edge()).map(|rgb| grid.fit(&rgb))).collect();
        for (&(rank, hit), picture) in some.iter().zip(pictures) {
            let name = hit.label.as_deref().unwrap_or_else(|| hit.key.rsplit('/').next().unwrap_or_default());
            let caption = printable(&format!("{rank} {:.4} {name}", hit.score));
            match picture {
                Ok(picture) => row.push(Captioned { picture, caption }),
                Err(problem) => missing.push(format!("{caption} (no picture: {})", printable(&problem))),
            }
            if row.len() == grid.across() {
                out.write_all(&grid.row(&row))?;
                row.clear();
            }
        }
    }
    if !row.is_empty() {
        out.write_all(&grid.row(&row))?;
    }
    missing.iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// A hit's picture over white, as the built-in model sees it (a dark drawing would vanish on a dark terminal), or what is
/// wrong with it.
fn load(hit: &Hit, edge: u32) -> Result<Rgb, String> {
    if let (None, Some(StillOf { path, time, number })) = (&hit.path, &hit.still) {
        return frames::still(path, *time, *number);
    }
    let path = hit.path.as_deref().ok_or("the table names no file")?;
    let bytes = io::read_image(path).map_err(|e| format!("{path}: cannot read: {e}"))?;
    image::decode_srgb(&bytes, Colour::WHITE, Some(edge)).map(|(rgb, _)| rgb).map_err(|e| format!("{path}: {e}"))
}

/// What is opened of a hit: the file of its picture, or that of its film, and when in it.
fn shown(hit: &Hit) -> Option<(&str, Option<f64>)> {
    match (hit.path.as_deref(), &hit.still) {
        (Some(path), _) => Some((path, None)),
        // Animations and pages are pictures to a desktop.
        (None, Some(still)) => Some((&still.path, still.time.filter(|_| !io::is_picture_name(still.path.as_ref())))),
        (None, None) => None,
    }
}

/// The file of a picture or a film, as an absolute path. A table may come from a stranger, and a desktop starts programs as readily as
/// it shows pictures: only what is named as a picture and is one is opened, or what is named as a film.
fn file_of(path: &str, is_film: bool) -> Result<PathBuf, String> {
    if is_film {
        let file = io::local_file(path).filter(|file| io::Kind::Films.is_of(file.as_os_str()));
        let file = file.ok_or("its name is not that of a film")?;
        let file = std::path::absolute(file).map_err(|e| format!("cannot open: {e}"))?;
        return if file.is_file() { Ok(file) } else { Err("cannot open: there is no such file".into()) };
    }
    let file = io::find_image(path).map_err(|e| format!("cannot open: {e}"))?;
    let bytes = io::read_image(path).map_err(|e| format!("cannot read: {e}"))?;
    image::dimensions(&bytes).map_err(|e| e.to_string())?;
    Ok(file)
}

/// Players that can be told where to begin, and how.
const PLAYERS: [(&str, &str); 2] = [("mpv", "--start="), ("vlc", "--start-time=")];

/// Starts a player at a time; whether there is one.
fn play(film: &Path, time: f64) -> bool {
    let start = |(player, option): &(&str, &str)| {
        let mut command = Command::new(player);
        command.arg(format!("{option}{time:.3}")).arg(film);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().is_ok()
    };
    PLAYERS.iter().any(start)
}

fn open(groups: &[Group], most: usize, ui: &dyn Progress) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    let all = groups.iter().flat_map(|group| &group.hits).filter_map(shown);
    let all: Vec<_> = all.filter(|(path, time)| seen.insert((*path, time.map(f64::to_bits)))).collect();
    let (now, rest) = all.split_at(all.len().min(most));
    let (mut opened, mut at_its_beginning) = (0u32, None);
    for &(path, time) in now {
        match file_of(path, time.is_some()) {
            Err(problem) => ui.warn(&format!("{path}: {problem}")),
            Ok(file) => {
                let is_playing = time.is_some_and(|time| play(&file, time));
                if !is_playing {
                    at_its_beginning = at_its_beginning.or(time.map(|time| (path, time)));
                    open::that_detached(file).map_err(|e| {
                        let hint = "xdg-open (package xdg-utils) must be there; --format paths lists the files instead";
                        Failure::failed(format!("{path}: no program opens it: {e}"), Some(hint.into()))
                    })?;
                }
                opened += 1;
            }
        }
    }
    if let Some((path, time)) = at_its_beginning {
        ui.warn(&format!("{path}: opened at its beginning; the still is at {time:.3} s, where mpv or vlc would begin"));
    }
    if !rest.is_empty() {
        ui.warn(&format!("only the first {most} of {} pictures were opened; a larger --top opens more", all.len()));
    }
    match opened {
        0 => Err(Failure::failed(
            "nothing to open: no hit's picture can be read",
            Some("the paths in an index are relative to the folder that it was made in; run this there".into()),
        )),
        _ => Ok(()),
    }
}
