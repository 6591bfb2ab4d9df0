//! `mcp`: an index for agents.

use std::io::{BufReader, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use clap::builder::TypedValueParser;

use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::mcp::{Options, serve};
use crate::model::Engine;
use crate::progress::Progress;
use crate::table::column;
use crate::{gallery, query};

/// Answer agents: the Model Context Protocol over standard input and output
///
/// An agent's program starts it; its tools are search, similar, describe, classify, check and about. Without --index it is the
/// built-in Pokédex. It only reads, and of files only those below --root and --images.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex mcp
  pokedex mcp --index photos.parquet --images ~/Pictures
  pokedex mcp --root datasets/
  claude mcp add photos -- pokedex mcp --index ~/photos.parquet --images ~/Pictures
  printf '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\\n' | pokedex mcp")]
pub(super) struct Mcp {
    /// The table to search [default: the built-in Pokédex]
    #[arg(long, help_heading = "Input", env = "POKEDEX_INDEX", value_name = "FILE", hide_env_values = true, value_parser = clap::builder::OsStringValueParser::new().map(PathBuf::from))]
    index: Option<PathBuf>,

    /// A folder in which the pictures are; also for the built-in Pokédex, by the names or numbers of its files
    #[arg(long, help_heading = "Input", value_name = "DIR")]
    images: Vec<PathBuf>,

    /// A folder below which pictures may be classified and data sets checked
    #[arg(long, help_heading = "Input", value_name = "DIR")]
    root: Vec<PathBuf>,

    /// What tells classes of a picture apart, as `train` writes it [default: the labelled rows, or the 1025 species]
    #[arg(long, help_heading = "Input", value_name = "FILE")]
    head: Option<PathBuf>,

    /// The model that embeds questions [default: the one that made the index]
    #[arg(long, help_heading = "Model", value_name = "NAME|DIR")]
    model: Option<String>,

    /// What runs the model of an index; the built-in one always runs in rten [default: auto]
    #[arg(long, help_heading = "Model", value_enum, default_value_t, hide_default_value = true)]
    engine: Engine,
}

impl Mcp {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let query = query::Options {
            model: self.model,
            engine: self.engine,
            column: column::EMBEDDING.into(),
            annoy: None,
            forms: query::Forms::Never,
            ..query::Options::default()
        };
        let gallery = gallery::Options { index: self.index, images: self.images, head: self.head, query };
        if std::io::stdin().is_terminal() {
            ui.done("waiting for an agent's requests on standard input; Ctrl-D ends it");
        }
        let input = BufReader::with_capacity(1 << 16, std::io::stdin());
        serve(Options { gallery, roots: self.root }, input, std::io::stdout().lock(), ui)?;
        Ok(Exit::Done)
    }
}
