//! What can go wrong between the hub, its cache and the models folder, and what the user can do about it.

use std::io;
use std::path::{Path, PathBuf};

use super::Variant;
use super::short_names::{SHORT_NAMES, nearest_short_name, short_names};

/// What can go wrong between the hub, its cache and the models folder.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "a variant's message says what it is")]
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

crate::failure::hinted!(Error, is_usage);

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

    pub(super) fn disk(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        |source| Error::Disk { path: path.to_path_buf(), source }
    }
}
