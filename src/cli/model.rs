//! `model`: which models there are, what they are, and how more of them come here.

mod quantize;

use std::path::Path;

use clap::{Args, Subcommand};

use super::args::{fact, print};
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::failure::Failure;
use crate::head::{self, Head};
use crate::model::hub::{self, Hub, Place, Removed, Repo, SHORT_NAMES, Variant};
use crate::model::{self, models_folder};
use crate::progress::Progress;
use crate::table::Table;
use crate::words::{bytes, printable};
use quantize::Quantize;

/// List models, explain them, and get more of them
///
/// A model is its weights and its preprocessing; its identity is a hash over both, and stands in every table that
/// the model made. Models other than the built-in one live in folders below the models folder ($POKEDEX_MODELS).
///
/// A folder is understood if it has ONNX files as Optimum exports them (onnx/vision_model.onnx with
/// onnx/text_model.onnx, or onnx/model.onnx, and preprocessor_config.json and tokenizer.json), as they are made of
/// OpenCLIP models (visual.onnx and textual.onnx with bpe_simple_vocab_16e6.txt.gz) or by immich (visual/model.onnx and
/// textual/model.onnx), this program's own model.json, or the adapter.json that `train --method adapter` writes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex model list
  pokedex model info
  pokedex model info ./my-model
  pokedex model pull clip-vit-b32")]
pub(super) struct Model {
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
        /// A model's name, its folder, or an .onnx file and one of its values (FILE.onnx#NAME)
        #[arg(default_value = "pokedex-mini", value_name = "NAME|DIR|FILE")]
        model: String,
    },
    Pull(Pull),
    Quantize(Quantize),
    Remove(Remove),
}

/// Get a model from the Hugging Face hub
///
/// Fetches the files that are needed, and no others, into the hub's own cache, which Python programs share, and
/// installs them under a name. What is in the cache already is not fetched again; a pull that was interrupted goes on
/// where it stopped. Understands HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_TOKEN_PATH, HF_ENDPOINT and HF_HUB_OFFLINE, and
/// HTTPS_PROXY and SSL_CERT_FILE.
#[derive(Debug, Args)]
#[command(after_help = pull_help())]
struct Pull {
    /// A short name, or any repo of the hub with ONNX files; a branch, tag or commit behind @
    #[arg(value_name = "NAME|ORG/NAME[@REVISION]")]
    repo: String,

    /// What to call the model here [default: the short name, or NAME]
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,

    /// Numbers that the weights are made of
    #[arg(long, value_enum, default_value_t = Variant::Fp32, value_name = "VARIANT")]
    variant: Variant,
}

/// Remove a model that was pulled
///
/// Its files stay in the hub cache, where other programs may use them, unless --purge is given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex model remove clip-vit-b32
  pokedex model remove clip-vit-b32 --purge")]
struct Remove {
    /// The model's name
    name: String,

    /// Delete its files too: all that the hub cache has of its repo, or a folder that was put there by hand
    #[arg(long)]
    purge: bool,
}

fn pull_help() -> String {
    let mut text = String::from("Short names:\n");
    for (name, repo, what) in SHORT_NAMES {
        text.push_str(&format!("  {name:<13}  {what}\n                 {repo}\n"));
    }
    text.push_str(
        "\nExamples:
  pokedex model pull clip-vit-b32
  pokedex model pull siglip-base --variant fp16 --as siglip
  pokedex model pull Xenova/clip-vit-base-patch32@main
  HF_TOKEN=hf_… pokedex model pull my-org/my-private-model",
    );
    text
}

impl Model {
    pub(super) fn run(self, ui: &mut Ui) -> Result<Exit, Failure> {
        match self.command {
            Command::List => print(list().as_bytes())?,
            Command::Info { model } if is_head(&model) => print(head(&Head::read(Path::new(&model))?).as_bytes())?,
            Command::Info { model } => {
                print(info(&model::Model::find(&model, model::Engine::Auto)?.info()).as_bytes())?
            }
            Command::Pull(pull) => pull.run(ui)?,
            Command::Quantize(quantize) => return quantize.run(ui),
            Command::Remove(remove) => remove.run(ui)?,
        }
        Ok(Exit::Done)
    }
}

impl Pull {
    fn run(self, ui: &mut Ui) -> Result<(), Failure> {
        let repo = Repo::parse(&self.repo)?;
        let name = self.name.unwrap_or_else(|| repo.name.clone());
        let place = Place::new(&name)?;
        // What was pulled under this name before stays there, at the same revision as what is added.
        let others = place.variants_of(&repo)?;
        let pulled = Hub::from_env()?.pull(&repo, self.variant, &others, &mut Bar(ui))?;
        ui.finish();

        // A model that cannot be opened gets no name, and one that had the name before keeps it.
        let staged = place.stage(&pulled)?;
        let variant = self.variant.to_string();
        model::Model::open(staged.folder(), Some(&variant), model::Engine::Auto)
            .map_err(|error| of_no_use(&error, &pulled.origin))?;
        staged.install()?;

        let origin = &pulled.origin;
        ui.done(&format!(
            "{name}: installed from {}@{}, {variant}: {} fetched, {} were here already",
            origin.repo,
            &origin.commit[..12],
            bytes(pulled.fetched),
            bytes(pulled.present)
        ));
        // A name alone means the most exact of its variants.
        let suffix = if origin.variants[0] == self.variant { String::new() } else { format!(":{variant}") };
        ui.done(&format!("{name}: use it with: pokedex embed photos --model {name}{suffix}"));
        Ok(())
    }
}

/// The model's own words about its files, not about the folder that was made to try it.
fn of_no_use(error: &model::Error, origin: &hub::Origin) -> Failure {
    let problem = match error {
        model::Error::NotAModel { problem, .. } => format!("not a model that can be used here: {problem}"),
        error => error.to_string(),
    };
    let hint = format!("not installed; its files stay in the hub cache until: rm -r {}", origin.cache.display());
    Failure::failed(format!("{}: {problem}", origin.repo), Some(hint))
}

impl Remove {
    fn run(self, ui: &mut Ui) -> Result<(), Failure> {
        let name = &self.name;
        let what = match Place::new(name)?.remove(self.purge)? {
            Removed::Stays(cache, size) => {
                format!("{} stay in the hub cache, which other programs share: {}", bytes(size), cache.display())
            }
            Removed::Purged(size) => format!("{} were deleted", bytes(size)),
            Removed::Unlinked(target) => format!("it was a link to {}, which stays", target.display()),
        };
        ui.done(&format!("{name}: removed; {what}"));
        Ok(())
    }
}

/// Shows how a pull goes.
struct Bar<'a>(&'a mut Ui);

impl hub::Watch for Bar<'_> {
    fn start(&mut self, bytes: u64) {
        self.0.start_bytes("fetching", bytes);
    }

    fn reached(&mut self, bytes: u64) {
        self.0.reach(bytes);
    }

    fn waits(&mut self, why: &str) {
        self.0.warn(why);
    }
}

fn list() -> String {
    let mut text = String::from("name\tmodel\tdimension\twhere\n");
    for model in model::Model::list() {
        let info = model.info();
        // A model that was pulled may have another name here than the one by which its makers know it.
        let folder = Path::new(&info.location).file_name().filter(|_| info.location.contains('/'));
        let name = folder.map_or(info.id.name.clone().into(), |folder| folder.to_string_lossy());
        let cells = [name.to_string(), info.id.to_string(), info.dimension.to_string(), info.location];
        text.push_str(&format!("{}\n", cells.map(|cell| printable(&cell)).join("\t")));
    }
    for (ocr, folder) in model::ocr::Ocr::list() {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let cells = [name, ocr.id().to_string(), "reads text".into(), folder.display().to_string()];
        text.push_str(&format!("{}\n", cells.map(|cell| printable(&cell)).join("\t")));
    }
    text
}

/// Whether a table of that name says that it is a head.
fn is_head(name: &str) -> bool {
    Path::new(name).is_file() && Table::open(Path::new(name)).is_ok_and(|table| head::is_head(&table))
}

fn head(head: &Head) -> String {
    let mut text = String::new();
    let mut say = |name: &str, value: String| fact(&mut text, name, value);
    say("head", head.identity());
    say("classes", format!("{}, by {}", head.classes.len(), head.target));
    for feature in &head.features {
        let model = feature.model.as_deref().unwrap_or("an unknown model");
        say("reads", format!("{}: {} numbers by {model}", feature.column, feature.dimension));
    }
    let doubt = &head.doubt;
    say("temperature", doubt.temperature.to_string());
    if let Some(unknown) = doubt.unknown {
        say("none of all", format!("{unknown}, as a logit"));
    }
    say("rejects", format!("scores below {}, leads below {}", doubt.min_score, doubt.min_margin));
    for (name, value) in &head.facts {
        say(&printable(&name.replace('_', " ")), value.to_string());
    }
    let few = head.classes.iter().map(|class| class.rows).min().unwrap_or(0);
    let many = head.classes.iter().map(|class| class.rows).max().unwrap_or(0);
    say("rows", format!("{few} to {many} a class"));
    for class in head.classes.iter().take(SHOWN) {
        say("class", class.label.clone());
    }
    if head.classes.len() > SHOWN {
        say("", format!("and {} more", head.classes.len() - SHOWN));
    }
    text
}

/// Classes of a head that are named.
const SHOWN: usize = 10;

fn info(info: &model::Info) -> String {
    let none = || "none".to_string();
    let mut text = String::new();
    let mut say = |name: &str, value: String| fact(&mut text, name, value);
    say("model", info.id.full());
    say("where", info.location.clone());
    say("layout", info.kind.to_string());
    if info.variants.len() > 1 {
        say("variants", info.variants.join(", "));
    }
    say("dimension", format!("{}, cosine", info.dimension));
    say("images", info.image.clone().unwrap_or_else(none));
    say("text", info.text.clone().unwrap_or_else(none));
    say("licence", info.license.clone().unwrap_or_else(|| "not stated".into()));
    say("engine", info.engines.to_string());
    for (name, value) in &info.quantised {
        say(name, value.clone());
    }
    for (name, value) in &info.adapted {
        say(&printable(name), value.clone());
    }
    for (file, bytes) in &info.files {
        say("file", format!("{file}, {bytes} bytes"));
    }
    if let Some(folder) = models_folder() {
        say("models in", folder.display().to_string());
    }
    text
}
