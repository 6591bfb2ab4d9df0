//! `model`: which models there are, and what they are.

use clap::{Args, Subcommand};

use super::args::print;
use super::failure::{Exit, Failure};
use crate::model::{self, models_folder};

/// List models and explain them
///
/// A model is its weights and its preprocessing; its identity is a hash over both, and stands in every table that
/// the model made. Models other than the built-in one live in folders below the models folder ($POKEDEX_MODELS).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex model list
  pokedex model info
  pokedex model info ./my-model")]
pub struct Model {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Names, identities and places of the installed models
    #[command(after_help = "Examples:\n  pokedex model list")]
    List,
    /// What a model is: identity, towers, preprocessing, files
    #[command(after_help = "Examples:\n  pokedex model info\n  pokedex model info ./my-model")]
    Info {
        /// A model's name, or its folder
        #[arg(default_value = "pokedex-mini", value_name = "NAME|DIR")]
        model: String,
    },
}

impl Model {
    pub fn run(self) -> Result<Exit, Failure> {
        let text = match self.command {
            Command::List => list(),
            Command::Info { model } => info(&model::Model::find(&model, model::Engine::Auto)?.info()),
        };
        print(text.as_bytes())?;
        Ok(Exit::Done)
    }
}

fn list() -> String {
    let mut text = String::from("name\tmodel\tdimension\twhere\n");
    for model in model::Model::list() {
        let info = model.info();
        text.push_str(&format!("{}\t{}\t{}\t{}\n", info.id.name, info.id, info.dimension, info.location));
    }
    text
}

fn info(info: &model::Info) -> String {
    let none = || "none".to_string();
    let mut text = format!("model       {}\n", info.id.full());
    text.push_str(&format!("where       {}\n", info.location));
    text.push_str(&format!("dimension   {}, cosine\n", info.dimension));
    text.push_str(&format!("images      {}\n", info.image.clone().unwrap_or_else(none)));
    text.push_str(&format!("text        {}\n", info.text.clone().unwrap_or_else(none)));
    text.push_str(&format!("licence     {}\n", info.license.clone().unwrap_or_else(|| "not stated".into())));
    text.push_str("engine      rten (in the binary)\n");
    for (file, bytes) in &info.files {
        text.push_str(&format!("file        {file}, {bytes} bytes\n"));
    }
    if let Some(folder) = models_folder() {
        text.push_str(&format!("models in   {}\n", folder.display()));
    }
    text
}
