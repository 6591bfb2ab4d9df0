//! Models of the Hugging Face hub: fetched into its cache, and installed under a name.
//!
//! Hides: the hub's protocol (listing, redirects, tokens, ranges, retries), the layout of its cache, which files of a
//! repo make up a model, and what an installed model looks like on the disk. Promises: the cache is the one that the
//! Python client has, and what either has fetched neither fetches again; a file gets its name in the cache only when
//! its bytes have the hash that the hub states; a pull that is interrupted goes on where it stopped; the token goes to
//! the hub's own host alone; no name that a server gives leads out of the cache.
//!
//! The hub calls a file by the hash of its content: SHA-256 for large files (LFS), git's SHA-1 for the others. The
//! listing has it, and it is also the ETag after which the cache names its blobs, so that nothing need be asked about
//! a file before it is fetched.

mod install;
mod pick;
mod remote;
mod store;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use ureq::http::{Response, Uri};
use ureq::{Agent, Body, tls};

use super::layout::VARIANTS;
use super::own::OWN_FILES;
use super::{Model, hex, models_folder};
use crate::io::write_file;
use install::*;
use pick::*;
use remote::*;
use store::*;

pub use install::{Place, Removed, Staged};

/// Models that are known to work, under names that one can remember: name, repo, what it is.
pub const SHORT_NAMES: [(&str, &str, &str); 6] = [
    ("clip-vit-b32", "Xenova/clip-vit-base-patch32", "OpenAI's CLIP, the fastest of the three"),
    ("clip-vit-b16", "Xenova/clip-vit-base-patch16", "OpenAI's CLIP, sees finer detail"),
    ("clip-vit-l14", "Xenova/clip-vit-large-patch14", "OpenAI's CLIP, the largest: better and much slower"),
    ("siglip-base", "Xenova/siglip-base-patch16-224", "Google's SigLIP, as large as clip-vit-b16 and better"),
    ("mobileclip-s0", "Xenova/mobileclip_s0", "Apple's MobileCLIP, small enough for a phone"),
    ("dinov2-small", "onnx-community/dinov2-small", "Meta's DINOv2: images only, for what looks alike"),
];

/// Trouble that passes is waited for this often without a byte more, …
const TRIES: u32 = 5;
/// … first so long, then twice as long each time.
const PAUSE: Duration = Duration::from_millis(200);
/// A server may ask for a longer pause, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(10);
/// A connection that sends nothing for so long is given up, unless $HF_HUB_DOWNLOAD_TIMEOUT says otherwise.
const STALLED: Duration = Duration::from_secs(30);
const REDIRECTS: usize = 10;
/// Bytes of one page of a listing, and pages; the largest repos have some hundred kilobytes on a dozen pages.
const PAGE: u64 = 8 << 20;
const PAGES: usize = 100;

/// What can go wrong between the hub, its cache and the models folder.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{given}: no such short name")]
    ShortName { given: String },
    #[error("{given}: not a model of the hub: {problem}")]
    BadRepo { given: String, problem: &'static str },
    #[error("{name}: cannot be the name of a model: {problem}")]
    BadName { name: String, problem: &'static str },
    #[error("{name}: there is another model of this name, {what}")]
    Taken { name: String, what: String },
    #[error("{name}: is no installed model")]
    NotInstalled { name: String, installed: Vec<String> },
    #[error("{name}: is a folder that was put there by hand")]
    ByHand { name: String },
    #[error("{name}: its files in the hub cache are used by {other} as well")]
    Shared { name: String, other: String },
    #[error("{repo}: no such model on {endpoint}, or it is private")]
    NoRepo { repo: String, endpoint: String, token: bool },
    #[error("{repo}: has no revision `{revision}`")]
    NoRevision { repo: String, revision: String },
    #[error("{repo}: is gated: its authors want their terms to be accepted first")]
    Gated { repo: String, endpoint: String },
    #[error("{repo}: access is refused")]
    Forbidden { repo: String },
    #[error("{endpoint}: refuses the token")]
    BadToken { endpoint: String },
    #[error("{what}: cannot fetch: {problem}")]
    Fetch { what: String, problem: String },
    #[error("{what}: cannot fetch: {problem}")]
    Answer { what: String, problem: String },
    #[error("{what}: cannot fetch: no trusted connection: {problem}")]
    Tls { what: String, problem: String },
    #[error("{what}: the server asks to come back in {seconds} seconds")]
    Busy { what: String, seconds: u64 },
    #[error("{repo}: the hub's list of its files cannot be trusted: {problem}")]
    Listing { repo: String, problem: String },
    #[error("{repo}: has no ONNX model, only {files}")]
    NoModel { repo: String, files: String },
    #[error("{repo}: has no {asked} variant")]
    NoVariant { repo: String, asked: Variant, there: Vec<Variant> },
    #[error("{repo}: has several models: {}", folders.join(", "))]
    Several { repo: String, folders: Vec<String> },
    #[error("{what}: damaged on its way, and deleted: {problem}")]
    Damaged { what: String, problem: String },
    #[error("{repo}: its {variant} variant is not in {}, and HF_HUB_OFFLINE is set", cache.display())]
    NotCached { repo: String, variant: Variant, cache: PathBuf },
    #[error("{}: {source}", path.display())]
    Disk { path: PathBuf, source: io::Error },
    #[error("no folder for {0}: neither HOME nor a variable of its own is set")]
    NoFolder(&'static str),
    #[error(transparent)]
    Write(#[from] crate::io::Error),
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let pull = "pokedex model pull";
        Some(match self {
            Error::ShortName { given } => match nearest_short_name(given) {
                Some(name) => format!("did you mean {pull} {name}? Other models are given as ORG/NAME"),
                None => format!("short names: {}; other models are given as ORG/NAME", short_names().join(", ")),
            },
            Error::BadRepo { .. } => format!("ORG/NAME or ORG/NAME@REVISION: {pull} {}", SHORT_NAMES[0].1),
            Error::BadName { .. } => {
                "a pull takes another name with --as NAME; those that there are: pokedex model list".into()
            }
            Error::Taken { name, .. } => format!("take another name: --as NAME; or first: pokedex model remove {name}"),
            Error::NotInstalled { installed, .. } if installed.is_empty() => {
                format!("none is: {pull} {}", SHORT_NAMES[0].0)
            }
            Error::NotInstalled { installed, .. } => format!("installed models: {}", installed.join(", ")),
            Error::ByHand { name } => {
                format!("to delete it with all that is in it: pokedex model remove {name} --purge")
            }
            Error::Shared { other, .. } => format!("leave --purge out, or first: pokedex model remove {other}"),
            Error::NoRepo { repo, token: false, .. } | Error::Forbidden { repo } => {
                format!(
                    "check the spelling; a private model needs a token that may read it: HF_TOKEN=hf_… {pull} {repo}"
                )
            }
            Error::NoRepo { token: true, .. } => "check the spelling, and whether the token may read it".into(),
            Error::NoRevision { repo, .. } => {
                format!("a branch, a tag or a commit; without one it is main: {pull} {repo}")
            }
            Error::Gated { repo, endpoint } => {
                format!("accept them at {endpoint}/{repo}, then: HF_TOKEN=hf_… {pull} {repo}")
            }
            Error::BadToken { endpoint } => {
                let without = "HF_TOKEN= HF_TOKEN_PATH=/dev/null";
                format!("make one at {endpoint}/settings/tokens, or try without: {without} {pull} …")
            }
            Error::Tls { .. } => {
                "a proxy that reads along needs its certificate: SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
                    .into()
            }
            Error::Fetch { .. } | Error::Busy { .. } => {
                "the same command goes on from here; HF_HUB_OFFLINE=1 makes do with what was fetched before".into()
            }
            Error::Answer { .. } => {
                format!("HF_ENDPOINT, where it is set, must name a hub; to try without: env -u HF_ENDPOINT {pull} …")
            }
            Error::NoModel { repo, .. } => {
                let name = repo.rsplit('/').next().unwrap_or(repo);
                format!("export it: optimum-cli export onnx --model {repo} {name}; then use it: --model ./{name}")
            }
            Error::NoVariant { there, .. } => {
                let there: Vec<String> = there.iter().map(|variant| format!("--variant {variant}")).collect();
                format!("there is {}", there.join(", "))
            }
            Error::Several { .. } => "download the one that you want, and give its folder: --model ./FOLDER".into(),
            Error::Damaged { .. } => {
                "try again; if it happens again, something between here and the hub changes files".into()
            }
            Error::NotCached { repo, .. } => format!("with a connection: env -u HF_HUB_OFFLINE {pull} {repo}"),
            Error::Disk { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free some space, or point HF_HOME at a disk with room".into()
            }
            Error::NoFolder(_) => "set HF_HOME and POKEDEX_MODELS".into(),
            Error::Write(error) => return error.hint(),
            Error::Listing { .. } | Error::Disk { .. } => return None,
        })
    }

    /// Whether the command line is to blame.
    pub fn is_usage(&self) -> bool {
        matches!(self, Error::ShortName { .. } | Error::BadRepo { .. } | Error::BadName { .. })
    }

    fn disk(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        |source| Error::Disk { path: path.to_path_buf(), source }
    }
}

fn short_names() -> [&'static str; SHORT_NAMES.len()] {
    SHORT_NAMES.map(|(name, ..)| name)
}

/// The short name that a model has here or whose repo is called so.
pub fn short_name(given: &str) -> Option<&'static str> {
    let is_it = |(name, repo, _): &&(&'static str, &str, &str)| {
        given.eq_ignore_ascii_case(name) || repo.rsplit('/').next().is_some_and(|own| given.eq_ignore_ascii_case(own))
    };
    SHORT_NAMES.iter().find(is_it).map(|(name, ..)| *name)
}

/// The short name that is most like what was typed; the repo's own name counts as well.
pub fn nearest_short_name(given: &str) -> Option<&'static str> {
    let given = given.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&given, name);
    SHORT_NAMES
        .iter()
        .map(|(name, repo, _)| (likeness(name).max(likeness(repo.rsplit('/').next().unwrap_or(repo))), *name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Which numbers the weights are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// As trained
    Fp32,
    /// Half the size, and nearly the same vectors
    Fp16,
    /// A quarter of the size, and other vectors
    Int8,
}

impl Variant {
    const ALL: [Variant; 3] = [Variant::Fp32, Variant::Fp16, Variant::Int8];

    /// What exporters put behind the name of a file.
    fn suffixes(self) -> &'static [&'static str] {
        // In the order of the variants.
        VARIANTS[self as usize].1
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(VARIANTS[*self as usize].0)
    }
}

/// A repo at a revision, as given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    /// `ORG/NAME`.
    pub id: String,
    pub revision: String,
    /// What to call the model if nobody says otherwise.
    pub name: String,
}

impl Repo {
    /// Reads `ORG/NAME` or a short name, either with or without `@REVISION`.
    ///
    /// # Errors
    /// The short name is not known, or it cannot be a repo or a revision.
    pub fn parse(given: &str) -> Result<Repo, Error> {
        let bad = |problem| Error::BadRepo { given: given.into(), problem };
        let (repo, revision) = given.split_once('@').unwrap_or((given, "main"));
        let id = match SHORT_NAMES.iter().find(|(name, ..)| *name == repo) {
            Some((_, id, _)) => id,
            None if !repo.contains('/') && !repo.is_empty() => return Err(Error::ShortName { given: repo.into() }),
            None => repo,
        };
        let (org, name) = id.split_once('/').ok_or_else(|| bad("it has the form ORG/NAME"))?;
        if !is_repo_part(org) || !is_repo_part(name) {
            return Err(bad("ORG and NAME have letters, digits, -, _ and . only"));
        }
        if !is_revision(revision) {
            return Err(bad("a revision has letters, digits, -, _, . and / only"));
        }
        let name = if repo == id { name } else { repo };
        Ok(Repo { id: id.into(), revision: revision.into(), name: name.into() })
    }

    /// Its folder in the cache. The hub allows no `--` in names.
    fn folder(&self) -> String {
        format!("models--{}", self.id.replace('/', "--"))
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn is_repo_part(part: &str) -> bool {
    let edge = |c: char| c == '-' || c == '.';
    is_plain(part)
        && !part.is_empty()
        && !part.contains("--")
        && !part.contains("..")
        && part.trim_matches(edge) == part
}

/// A revision becomes the name of a file in the cache.
fn is_revision(revision: &str) -> bool {
    revision.split('/').all(|part| is_plain(part) && !part.is_empty() && !part.starts_with(['.', '-']))
        && !revision.contains("..")
}

fn is_hash(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a path that a server gave stays below the folder that it is joined to.
fn is_below(path: &str) -> bool {
    path.len() <= 1024
        && !path.chars().any(|c| c.is_control() || c == '\\')
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// What a pull tells whoever waits for it.
pub trait Watch {
    /// So many bytes have to be fetched …
    fn start(&mut self, bytes: u64);
    /// … and of these so many are here. Less than before where a file must be fetched afresh.
    fn reached(&mut self, bytes: u64);
    /// Why nothing moves for a while.
    fn waits(&mut self, why: &str);
}

/// The hub and its cache, as the environment describes them.
pub struct Hub {
    agent: Agent,
    endpoint: String,
    token: Option<String>,
    offline: bool,
    cache: PathBuf,
}

/// Files of a model that are in the cache.
#[derive(Debug)]
pub struct Pulled {
    pub origin: Origin,
    /// Bytes that came over the network, …
    pub fetched: u64,
    /// … and that were in the cache before.
    pub present: u64,
    /// Name in the model's folder, path in the repo.
    files: Vec<(String, String)>,
}

/// Where an installed model comes from: `hub.json` beside its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub repo: String,
    pub revision: String,
    pub commit: String,
    /// Those that were asked for so far, the most exact first.
    pub variants: Vec<Variant>,
    /// The repo's folder in the hub cache.
    pub cache: PathBuf,
}

impl Origin {
    /// That of an installed model; none for models that were not pulled.
    pub fn of(folder: &Path) -> Option<Origin> {
        serde_json::from_slice(&fs::read(folder.join(ORIGIN)).ok()?).ok()
    }
}

/// A file as the hub lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Remote {
    path: String,
    size: u64,
    /// SHA-256 of its bytes for large files, git's SHA-1 for others.
    hash: String,
}

impl Hub {
    /// The hub of `$HF_ENDPOINT`, with the cache and the token of `$HF_HOME` and its relatives.
    ///
    /// # Errors
    /// There is no home folder, or `$SSL_CERT_FILE` cannot be read.
    pub fn from_env() -> Result<Hub, Error> {
        let folder = |name| setting(name).map(expand_home);
        let home = match (folder("HF_HOME"), folder("XDG_CACHE_HOME")) {
            (Some(home), _) => home,
            (None, Some(caches)) => caches.join("huggingface"),
            (None, None) => dirs::home_dir().ok_or(Error::NoFolder("the hub cache"))?.join(".cache/huggingface"),
        };
        let cache = folder("HF_HUB_CACHE").unwrap_or_else(|| home.join("hub"));
        let cache = std::path::absolute(&cache).map_err(Error::disk(&cache))?;
        let token_file = folder("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        let token = text_setting("HF_TOKEN").or_else(|| fs::read_to_string(token_file).ok());
        let offline = text_setting("HF_HUB_OFFLINE").unwrap_or_default().to_uppercase();
        let endpoint = text_setting("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into());
        Ok(Hub {
            agent: agent()?,
            endpoint: endpoint.trim_end_matches('/').into(),
            token: token.map(|token| token.trim().to_string()).filter(|token| !token.is_empty()),
            offline: ["1", "ON", "YES", "TRUE"].contains(&offline.as_str()),
            cache,
        })
    }

    /// Brings a model's files into the cache, as far as they are not there. The repo must have the variant; it need not
    /// have the `others`.
    ///
    /// # Errors
    /// The hub has no such model or cannot be reached, the model is of no use here, or a file cannot be written.
    pub fn pull(
        &self,
        repo: &Repo,
        variant: Variant,
        others: &BTreeSet<Variant>,
        watch: &mut dyn Watch,
    ) -> Result<Pulled, Error> {
        let cached = CachedRepo { folder: self.cache.join(repo.folder()) };
        if self.offline {
            return cached.pulled(repo, variant, others);
        }
        let mut session = Session { hub: self, repo, watch };
        let commit = session.commit()?;
        let listed = session.list(&commit)?;
        let paths: Vec<&str> = listed.iter().map(|file| file.path.as_str()).collect();
        let (variants, picks) = wanted_of_all(&paths, variant, others).map_err(|e| e.explain(repo, variant, &paths))?;
        let files = picks.iter().filter_map(|pick| listed.iter().find(|file| file.path == pick.path));
        let files: Vec<&Remote> = files.collect();

        let missing: Vec<&Remote> = files.iter().copied().filter(|file| !cached.has(&commit, file)).collect();
        if !missing.is_empty() {
            session.watch.start(missing.iter().map(|file| file.size).sum());
        }
        let (mut fetched, mut done) = (0, 0);
        for file in &missing {
            fetched += session.fetch(&commit, file, &cached, done)?;
            done += file.size;
        }
        // Only now, so that a snapshot holds a whole model or nothing of it.
        for file in &files {
            cached.link(&commit, file)?;
        }
        cached.note_revision(&repo.revision, &commit)?;

        let present = files.iter().map(|file| file.size).sum::<u64>().saturating_sub(fetched);
        Ok(Pulled { origin: cached.origin(repo, &commit, variants), fetched, present, files: owned(&picks) })
    }
}

/// A variable of the environment; an empty one is none.
fn setting(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn text_setting(name: &str) -> Option<String> {
    setting(name)?.into_string().ok()
}

/// `~/` in a variable that no shell has seen.
fn expand_home(path: OsString) -> PathBuf {
    let path = PathBuf::from(path);
    match (path.strip_prefix("~"), dirs::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[&str], variant: Variant) -> Vec<String> {
        let picks = wanted(paths, variant).expect("a model");
        picks.iter().map(|pick| if pick.path == pick.name { pick.path.into() } else { format!("{pick:?}") }).collect()
    }

    const CLIP: [&str; 15] = [
        ".gitattributes",
        "README.md",
        "config.json",
        "merges.txt",
        "onnx/model.onnx",
        "onnx/model_fp16.onnx",
        "onnx/model_quantized.onnx",
        "onnx/text_model.onnx",
        "onnx/text_model_fp16.onnx",
        "onnx/text_model_quantized.onnx",
        "onnx/vision_model.onnx",
        "onnx/vision_model_fp16.onnx",
        "onnx/vision_model_quantized.onnx",
        "preprocessor_config.json",
        "tokenizer.json",
    ];

    #[test]
    fn two_towers_are_preferred_and_only_one_variant_is_taken() {
        let small = ["config.json", "preprocessor_config.json", "tokenizer.json", "merges.txt"];
        for (variant, suffix) in [(Variant::Fp32, ""), (Variant::Fp16, "_fp16"), (Variant::Int8, "_quantized")] {
            let mut expected = vec![format!("onnx/vision_model{suffix}.onnx"), format!("onnx/text_model{suffix}.onnx")];
            expected.extend(small.map(String::from));
            assert_eq!(names(&CLIP, variant), expected);
        }
    }

    #[test]
    fn one_file_with_both_towers_is_better_than_an_image_tower_alone() {
        let paths = ["onnx/vision_model.onnx", "onnx/model.onnx"];
        assert_eq!(names(&paths, Variant::Fp32), ["onnx/model.onnx"]);
        assert_eq!(names(&["vision_model.onnx"], Variant::Fp32), ["vision_model.onnx"]);
        assert_eq!(names(&["model.onnx", "config.json"], Variant::Fp32), ["model.onnx", "config.json"]);
    }

    #[test]
    fn eight_bits_have_several_names() {
        let paths = ["onnx/model.onnx", "onnx/model_uint8.onnx", "onnx/model_int8.onnx"];
        assert_eq!(names(&paths, Variant::Int8), ["onnx/model_int8.onnx"]);
        assert_eq!(names(&paths[..2], Variant::Int8), ["onnx/model_uint8.onnx"]);
    }

    #[test]
    fn weights_beside_the_graph_come_along() {
        let paths = [
            "onnx/model.onnx",
            "onnx/model.onnx_data",
            "onnx/model.onnx_data_1",
            "onnx/model.data",
            "onnx/model.onnx.data",
            "onnx/model_fp16.onnx",
            "onnx/model_fp16.onnx_data",
            "onnx/models.data",
        ];
        let expected = ["onnx/model.onnx", "onnx/model.onnx.data", "onnx/model.onnx_data", "onnx/model.onnx_data_1"];
        let mut found = names(&paths, Variant::Fp32);
        found.sort();
        assert_eq!(found, [&["onnx/model.data"], &expected[..]].concat());
        assert_eq!(names(&paths, Variant::Fp16), ["onnx/model_fp16.onnx", "onnx/model_fp16.onnx_data"]);
    }

    #[test]
    fn a_model_in_a_folder_of_the_repo_takes_from_beside_it_what_it_lacks() {
        let paths = [
            "ViT-B-32/textual.onnx",
            "ViT-B-32/visual.onnx",
            "ViT-B-32/visual.mlpackage/Manifest.json",
            "ViT-B-32/config.json",
            "config.json",
            "tokenizer/bpe_simple_vocab_16e6.txt.gz",
        ];
        let picks = wanted(&paths, Variant::Fp32).expect("a model");
        let picks: Vec<(&str, &str)> = picks.iter().map(|pick| (pick.path, pick.name)).collect();
        let expected = [
            ("ViT-B-32/visual.onnx", "visual.onnx"),
            ("ViT-B-32/textual.onnx", "textual.onnx"),
            ("ViT-B-32/config.json", "config.json"),
            ("tokenizer/bpe_simple_vocab_16e6.txt.gz", "tokenizer/bpe_simple_vocab_16e6.txt.gz"),
        ];
        assert_eq!(picks, expected);
        let two = ["a/visual.onnx", "a/textual.onnx", "b/visual.onnx"];
        assert_eq!(wanted(&two, Variant::Fp32), Err(Unfit::Several(vec!["a".into(), "b".into()])));
    }

    #[test]
    fn sentence_pieces_are_for_want_of_a_tokenizer() {
        let paths = ["model.onnx", "spiece.model", "tokenizer.json"];
        assert_eq!(names(&paths, Variant::Fp32), ["model.onnx", "tokenizer.json"]);
        assert_eq!(names(&paths[..2], Variant::Fp32), ["model.onnx", "spiece.model"]);
    }

    #[test]
    fn models_of_our_own_are_taken_as_they_are() {
        let paths = ["README.md", "image.rten", "model.json", "text.rten", "vocab.txt"];
        assert_eq!(names(&paths, Variant::Fp32), ["model.json", "image.rten", "text.rten", "vocab.txt"]);
        assert_eq!(wanted(&paths, Variant::Int8), Err(Unfit::NoVariant(vec![Variant::Fp32])));
    }

    #[test]
    fn what_is_missing_is_told_apart() {
        assert_eq!(wanted(&["model.safetensors", "config.json"], Variant::Fp32), Err(Unfit::NoModel));
        assert_eq!(wanted(&[], Variant::Fp32), Err(Unfit::NoModel));
        assert_eq!(wanted(&["onnx/model_fp16.onnx"], Variant::Fp32), Err(Unfit::NoVariant(vec![Variant::Fp16])));
    }

    #[test]
    fn repos_and_revisions_are_read() {
        let repo = Repo::parse("Xenova/clip-vit-base-patch32@refs/pr/1").expect("a repo");
        assert_eq!((repo.id.as_str(), repo.revision.as_str()), ("Xenova/clip-vit-base-patch32", "refs/pr/1"));
        assert_eq!(
            (repo.name.as_str(), repo.folder().as_str()),
            ("clip-vit-base-patch32", "models--Xenova--clip-vit-base-patch32")
        );
        let repo = Repo::parse("clip-vit-b32").expect("a short name");
        assert_eq!((repo.id.as_str(), repo.name.as_str()), ("Xenova/clip-vit-base-patch32", "clip-vit-b32"));
        for bad in [
            "a/b/c", "/b", "a/", "../b", "a/..", "a/b@", "a/b@../c", "a/b@/etc", "a/b@x//y", "a/b c", "a--b/c", "",
            "a/b@.git",
        ] {
            assert!(matches!(Repo::parse(bad), Err(Error::BadRepo { .. })), "{bad}");
        }
    }

    #[test]
    fn short_names_are_repos_and_misspelt_ones_are_recognised() {
        for (name, repo, _) in SHORT_NAMES {
            assert_eq!(Repo::parse(name).expect("a short name").id, repo);
            assert!(Place::new(name).is_ok(), "{name}");
        }
        assert_eq!(nearest_short_name("clip-vit-b23"), Some("clip-vit-b32"));
        assert_eq!(nearest_short_name("clip-vit-base-patch16"), Some("clip-vit-b16"));
        assert_eq!(nearest_short_name("dino2-small"), Some("dinov2-small"));
        assert_eq!(nearest_short_name("resnet"), None);
    }

    #[test]
    fn no_path_of_a_server_leads_out() {
        for good in ["config.json", "onnx/model.onnx", "a/.b/c..d"] {
            assert!(is_below(good), "{good}");
        }
        for bad in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\0b", "a\nb", "..\\x"] {
            assert!(!is_below(bad), "{bad}");
        }
    }

    #[test]
    fn addresses_are_joined_and_told_apart() {
        let base: Uri = "https://hub.example/a/b?c".parse().expect("an address");
        for (location, expected) in [
            ("https://cdn.example/x?s=1", "https://cdn.example/x?s=1"),
            ("//cdn.example/x", "https://cdn.example/x"),
            ("/x/y?z", "https://hub.example/x/y?z"),
            ("x", "https://hub.example/a/x"),
        ] {
            assert_eq!(join(&base, location).map(|uri| uri.to_string()).as_deref(), Some(expected));
        }
        let same =
            |a: &str, b: &str| origin(&a.parse().expect("an address")) == origin(&b.parse().expect("an address"));
        assert!(same("https://Hub.example/a", "https://hub.example:443/b"));
        assert!(!same("https://hub.example", "http://hub.example"));
        assert!(!same("https://hub.example", "https://hub.example:444"));
        assert!(!same("https://hub.example", "https://hub.example.evil"));
        assert!(!same("https://hub.example", "https://hub.example@evil"));
    }

    #[test]
    fn headers_are_read() {
        assert_eq!(next_page("<https://a/b?c=1&d=2>; rel=\"next\""), Some("https://a/b?c=1&d=2"));
        assert_eq!(next_page("<x>; rel=\"prev\", <y>; rel=\"next\""), Some("y"));
        assert_eq!(next_page("<x>; rel=\"prev\""), None);
        assert_eq!(escape("refs/pr/1", ""), "refs%2Fpr%2F1");
        assert_eq!(escape("a b/ü#?.onnx", "/"), "a%20b/%C3%BC%23%3F.onnx");
    }

    #[test]
    fn small_files_are_hashed_as_git_does() {
        let hash = "ce013625030ba8dba906f756967f9e9ca394464a".to_string();
        let mut hasher = Hasher::new(&Remote { path: "a".into(), size: 6, hash: hash.clone() });
        hasher.update(b"hello\n");
        assert_eq!(hasher.finish(), hash);
    }
}
