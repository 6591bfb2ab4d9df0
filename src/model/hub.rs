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

mod address;
mod environment;
mod error;
mod hash;
mod install;
mod part;
mod patience;
mod pick;
mod remote;
mod repo;
mod short_names;
mod store;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use ureq::Agent;

use super::layout::VARIANTS;
use environment::{expand_home, setting, text_setting};
use pick::{owned, wanted_of_all};
use remote::{Session, agent};
use store::CachedRepo;

pub use error::Error;
pub use install::{Place, Removed, Staged};
pub use repo::Repo;
pub use short_names::SHORT_NAMES;
pub(super) use short_names::{nearest_short_name, short_name};

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
    /// Where they come from.
    pub origin: Origin,
    /// Bytes that came over the network, …
    pub fetched: u64,
    /// … and that were in the cache before.
    pub present: u64,
    /// Name in the model's folder, path in the repo.
    files: Vec<(String, String)>,
}

/// What an installed model has beside its files.
pub(super) const ORIGIN: &str = "hub.json";

/// Where an installed model comes from: `hub.json` beside its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// `ORG/NAME`.
    pub repo: String,
    /// The branch, tag or commit that was asked for.
    pub revision: String,
    /// The commit that it was then.
    pub commit: String,
    /// Those that were asked for so far, the most exact first.
    pub variants: Vec<Variant>,
    /// The repo's folder in the hub cache.
    pub cache: PathBuf,
}

impl Origin {
    /// That of an installed model; none for models that were not pulled.
    fn of(folder: &Path) -> Option<Origin> {
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
