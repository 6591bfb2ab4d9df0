//! A hub that is part of the test: two web servers, one of which keeps the large files, as the real one does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;
use sha1::{Digest, Sha1};
use sha2::Sha256;

pub(super) use crate::server::{Reply, Request, Server};
use crate::workdir::{Run, Workdir};

pub(super) const REPO: &str = "acme/clip";
pub(super) const COMMIT: &str = "1111111111111111111111111111111111111111";

pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// A hub with one repo, which keeps its large files on another host as the real one does.
pub(super) struct Hub {
    pub(super) hub: Server,
    pub(super) cdn: Server,
    pub(super) repo: Arc<Mutex<(String, Files)>>,
}

impl Hub {
    pub(super) fn new(files: Files) -> Hub {
        Hub::with(files, |_| None)
    }

    /// A hub or its other host that answers some requests in its own way.
    pub(super) fn with(files: Files, quirk: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Hub {
        let quirk = Arc::new(quirk);
        let repo = Arc::new(Mutex::new((COMMIT.to_string(), files)));
        let (of_cdn, odd) = (repo.clone(), quirk.clone());
        let cdn = Server::start(Arc::new(move |request| {
            let (_, files) = &*of_cdn.lock().expect("no panic");
            let hash = request.path.trim_start_matches("/blob/").trim_end_matches("?signature=s3cret");
            let file = files.values().find(|bytes| large_hash(bytes) == hash);
            odd(request).unwrap_or_else(|| file.map_or(Reply::new(404, ""), |bytes| Reply::file(request, bytes)))
        }));
        let (of_hub, host) = (repo.clone(), cdn.url.clone());
        let hub = Server::start(Arc::new(move |request| {
            let (commit, files) = &*of_hub.lock().expect("no panic");
            quirk(request).unwrap_or_else(|| protocol(request, commit, files, &host))
        }));
        Hub { hub, cdn, repo }
    }

    /// A new commit on its branch.
    pub(super) fn commit(&self, commit: &str, files: Files) {
        *self.repo.lock().expect("no panic") = (commit.into(), files);
    }

    /// Requests for files' contents, from wherever.
    pub(super) fn bodies(&self) -> Vec<Request> {
        let bodies = self.hub.seen().into_iter().filter(|request| request.path.starts_with("/api/resolve-cache/"));
        bodies.chain(self.cdn.seen()).collect()
    }

    pub(super) fn run(&self, dir: &Workdir, arguments: &str) -> Run {
        let mut command = dir.command(env!("CARGO_BIN_EXE_pokedex"));
        command.args(arguments.split_whitespace()).arg("-v").env("HF_ENDPOINT", &self.hub.url);
        command.output().expect("the binary runs").into()
    }

    pub(super) fn pull(&self, dir: &Workdir) -> Run {
        self.run(dir, &format!("model pull {REPO}"))
    }
}

/// What the real hub answers, as far as a pull asks.
fn protocol(request: &Request, commit: &str, files: &Files, cdn: &str) -> Reply {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    if path == format!("/api/models/{REPO}/revision/main") || path == format!("/api/models/{REPO}/revision/v1%2Fx") {
        return Reply::new(200, json!({ "sha": commit, "gated": false }).to_string());
    }
    if path == format!("/api/models/{REPO}/tree/{commit}") {
        let page: usize = query.split_once("&cursor=").map_or(0, |(_, page)| page.parse().expect("a number"));
        let mut entries: Vec<_> = files.iter().skip(page * 2).take(2).map(|(path, bytes)| entry(path, bytes)).collect();
        entries.push(json!({ "type": "directory", "oid": "3".repeat(40), "size": 0, "path": "onnx" }));
        let reply = Reply::new(200, serde_json::Value::from(entries).to_string());
        return match files.len() > page * 2 + 2 {
            // The real one gives a whole address; this one checks that others do as well.
            true => reply.with("Link", format!("<{path}?recursive=true&cursor={}>; rel=\"next\"", page + 1)),
            false => reply,
        };
    }
    if let Some(path) = path.strip_prefix(&format!("/{REPO}/resolve/{commit}/"))
        && let Some(bytes) = files.get(path)
    {
        return match is_large(path) {
            true => Reply::new(302, "")
                .with("X-Linked-Etag", format!("\"{}\"", large_hash(bytes)))
                .with("X-Linked-Size", bytes.len().to_string())
                .with("Location", format!("{cdn}/blob/{}?signature=s3cret", large_hash(bytes))),
            false => Reply::new(307, "").with("Location", format!("/api/resolve-cache/{commit}/{path}")),
        };
    }
    if let Some(path) = path.strip_prefix(&format!("/api/resolve-cache/{commit}/"))
        && let Some(bytes) = files.get(path)
    {
        return Reply::file(request, bytes).with("ETag", format!("\"{}\"", git_hash(bytes)));
    }
    Reply::new(404, "").with("X-Error-Code", "RepoNotFound")
}

fn entry(path: &str, bytes: &[u8]) -> serde_json::Value {
    let mut entry = json!({ "type": "file", "oid": git_hash(bytes), "size": bytes.len(), "path": path });
    if is_large(path) {
        entry["oid"] = "4".repeat(40).into();
        entry["lfs"] = json!({ "oid": large_hash(bytes), "size": bytes.len(), "pointerSize": 134 });
    }
    entry
}

pub(super) fn is_large(path: &str) -> bool {
    path.ends_with(".onnx") || path.ends_with(".rten")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub(super) fn large_hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn git_hash(bytes: &[u8]) -> String {
    hex(&Sha1::new_with_prefix(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize())
}
