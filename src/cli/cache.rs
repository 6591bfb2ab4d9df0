//! `cache`: what is kept of earlier runs, and its removal.

use clap::{Args, Subcommand};

use super::args::{fact, print};
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::model::cache::{Contents, Folder};
use crate::progress::Progress;

/// Show what is kept of earlier runs, or remove it
///
/// The cache folder ($POKEDEX_CACHE) holds vectors by content and model, in one database, and what else is costly to
/// make. Beyond $POKEDEX_CACHE_LIMIT bytes (500M, 2G; 10G if it is not set, 0 to keep nothing) the oldest vectors go.
/// Whatever is removed is made again when it is needed; nothing is removed that the program did not make, whatever the
/// folder. Several processes may use the cache at once, on one machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex cache info
  pokedex cache clear pokedex-mini
  POKEDEX_CACHE_LIMIT=2G POKEDEX_CACHE=/scratch/pokedex pokedex embed photos/ -o embeddings.parquet")]
pub(crate) struct Cache {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Where the cache is, how large, and how many vectors it has of each model
    #[command(after_help = "Examples:\n  pokedex cache info")]
    Info,
    /// Remove everything, or the vectors of one model
    #[command(after_help = "\
Examples:
  pokedex cache clear
  pokedex cache clear pokedex-mini
  pokedex cache clear my-model@0123abcd")]
    Clear {
        /// A model's name, or its name and the first digits of its identity
        #[arg(value_name = "NAME|NAME@DIGITS")]
        model: Option<String>,
    },
}

impl Cache {
    pub(super) fn run(self, ui: &dyn Progress) -> Result<Exit, Failure> {
        let folder = Folder::of_user()?;
        match self.command {
            Command::Info => {
                let contents = folder.contents();
                contents.trouble.iter().for_each(|trouble| ui.warn(trouble));
                print(info(&contents).as_bytes())?;
            }
            Command::Clear { model: None } => {
                let cleared = folder.clear()?;
                for path in &cleared.stay {
                    ui.warn(&format!("{}: is not, or not only, the cache's own, and stays", path.display()));
                }
                ui.done(&format!("cache: {} removed", size(cleared.bytes)));
            }
            Command::Clear { model: Some(model) } => {
                for kept in folder.clear_model(&model)? {
                    ui.done(&format!("cache: {} of {} removed", vectors(kept.vectors), kept.name()));
                }
            }
        }
        Ok(Exit::Done)
    }
}

fn info(contents: &Contents) -> String {
    let mut text = String::new();
    fact(&mut text, "where", contents.folder.display());
    fact(&mut text, "size", format!("{} of {} at most", size(contents.bytes), size(contents.limit)));
    for kept in &contents.models {
        fact(&mut text, "model", format!("{}, {}, {}", kept.name(), vectors(kept.vectors), size(kept.bytes)));
    }
    for (name, bytes) in &contents.others {
        fact(&mut text, "besides", format!("{name}, {}", size(*bytes)));
    }
    text
}

/// `1 vector`, `2 vectors`.
fn vectors(count: u64) -> String {
    if count == 1 { "1 vector".into() } else { format!("{count} vectors") }
}

/// A number of bytes as people say it.
fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1 << 10 {
        return format!("{bytes} bytes");
    }
    let power = (bytes.ilog2() / 10).min(4);
    format!("{:.1} {}", bytes as f64 / (1u64 << (10 * power)) as f64, units[power as usize - 1])
}
