//! The hub's protocol: listings, redirects, tokens and ranges.

use std::io::Read;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::{Response, Uri};
use ureq::{Agent, Body, tls};

use super::address::{escape, host, join, next_page, origin};
use super::environment::text_setting;
use super::error::Error;
use super::part::Part;
use super::patience::{Patience, Trouble};
use super::repo::{Repo, is_below, is_hash};
use super::store::CachedRepo;
use super::{Hub, Remote, Watch};
use crate::io;

const CONNECT: Duration = Duration::from_secs(10);
/// A connection that sends nothing for so long is given up, unless $HF_HUB_DOWNLOAD_TIMEOUT says otherwise.
const STALLED: Duration = Duration::from_secs(30);
const REDIRECTS: usize = 10;

/// Bytes of one page of a listing, and pages; the largest repos have some hundred kilobytes on a dozen pages.
const PAGE: u64 = 8 << 20;
const PAGES: usize = 100;

/// One pull's talk with the hub.
pub(super) struct Session<'a> {
    pub(super) hub: &'a Hub,
    pub(super) repo: &'a Repo,
    pub(super) watch: &'a mut dyn Watch,
}

impl Session<'_> {
    /// The commit that a revision stands for at present.
    pub(super) fn commit(&mut self) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Revision {
            sha: String,
        }
        let (endpoint, repo) = (&self.hub.endpoint, self.repo);
        let url = format!("{endpoint}/api/models/{}/revision/{}", repo.id, escape(&repo.revision, ""));
        let (revision, _): (Revision, _) = self.ask(&url)?;
        if !is_hash(&revision.sha, 40) {
            return Err(Error::Listing { repo: repo.id.clone(), problem: "its commit is no commit".into() });
        }
        Ok(revision.sha)
    }

    /// All files at a commit.
    pub(super) fn list(&mut self, commit: &str) -> Result<Vec<Remote>, Error> {
        #[derive(Deserialize)]
        struct Entry {
            r#type: String,
            path: String,
            #[serde(default)]
            size: u64,
            oid: String,
            lfs: Option<Large>,
        }
        #[derive(Deserialize)]
        struct Large {
            oid: String,
            size: u64,
        }
        let id = &self.repo.id;
        let distrust = |problem| Error::Listing { repo: id.clone(), problem };
        let mut listed = Vec::new();
        let mut page = Some(format!("{}/api/models/{id}/tree/{commit}?recursive=true", self.hub.endpoint));
        for _ in 0..PAGES {
            let Some(url) = page else { return Ok(listed) };
            let (entries, next): (Vec<Entry>, _) = self.ask(&url)?;
            page = next;
            for entry in entries.into_iter().filter(|entry| entry.r#type == "file") {
                let (hash, size, digits) = match entry.lfs {
                    Some(large) => (large.oid, large.size, 64),
                    None => (entry.oid, entry.size, 40),
                };
                if !is_below(&entry.path) {
                    return Err(distrust(format!("it names a file `{}`", entry.path)));
                }
                if !is_hash(&hash, digits) {
                    return Err(distrust(format!("{} has no proper hash", entry.path)));
                }
                listed.push(Remote { path: entry.path, size, hash });
            }
        }
        Err(distrust("it does not end".into()))
    }

    /// A JSON answer, and the address of the page that follows it.
    fn ask<T: DeserializeOwned>(&mut self, url: &str) -> Result<(T, Option<String>), Error> {
        let mut patience = Patience::default();
        loop {
            match self.ask_once(url) {
                Ok(answer) => return Ok(answer),
                Err(trouble) => patience.wait(trouble, 0, &self.repo.id, self.watch)?,
            }
        }
    }

    fn ask_once<T: DeserializeOwned>(&self, url: &str) -> Result<(T, Option<String>), Trouble> {
        let no_answer = |problem: String| Trouble::final_for(&self.hub.endpoint, problem);
        let mut answer = self.get(url, 0)?;
        let link = answer.response.headers().get("link").and_then(|link| link.to_str().ok());
        let next = link.and_then(next_page).and_then(|next| join(&answer.from, next)).map(|uri| uri.to_string());
        let body = answer.response.body_mut().with_config().limit(PAGE).read_to_vec().map_err(|e| match e {
            ureq::Error::BodyExceedsLimit(_) => no_answer("the answer is too long".into()),
            e => Trouble::passing(e),
        })?;
        let parsed = serde_json::from_slice(&body).map_err(|e| no_answer(format!("the answer is not a hub's: {e}")))?;
        Ok((parsed, next))
    }

    /// Fetches one file into the cache, from where an earlier pull was interrupted. `done` bytes of other files were
    /// fetched before it. How many bytes came.
    pub(super) fn fetch(&mut self, commit: &str, file: &Remote, cached: &CachedRepo, done: u64) -> Result<u64, Error> {
        let what = format!("{}: {}", self.repo.id, file.path);
        let Some(mut part) = Part::open(cached, file, self.watch)? else { return Ok(0) };
        let url = format!("{}/{}/resolve/{commit}/{}", self.hub.endpoint, self.repo.id, escape(&file.path, "/"));
        let mut patience = Patience::default();
        loop {
            while part.len < file.size {
                if let Err(trouble) = self.read_on(&url, &mut part, file, done) {
                    patience.wait(trouble, part.longest, &what, self.watch)?;
                }
            }
            if part.finish(cached, file, &what)? {
                return Ok(part.came);
            }
            self.watch.waits(&format!("{what}: what was here of it is damaged, fetching it afresh"));
        }
    }

    /// Reads on from the end of what is there.
    fn read_on(&mut self, url: &str, part: &mut Part, file: &Remote, done: u64) -> Result<(), Trouble> {
        let answer = self.get(url, part.len)?;
        let total = match (answer.response.status().as_u16(), content_range(&answer.response)) {
            (206, Some((from, total))) if from == part.len => total,
            // A server that knows no ranges.
            (200, _) => {
                part.restart()?;
                answer.response.body().content_length()
            }
            _ => {
                part.restart()?;
                return Err(Trouble::passing("the server has no such part of the file"));
            }
        };
        if let Some(total) = total.filter(|total| *total != file.size) {
            let problem = format!("the server has {total} bytes of it, the hub lists {}", file.size);
            return Err(Trouble::final_for(format!("{}: {}", self.repo.id, file.path), problem));
        }
        let mut body = answer.response.into_body().into_reader().take(file.size - part.len);
        let mut buffer = vec![0; 1 << 17];
        while part.len < file.size {
            match body.read(&mut buffer) {
                Ok(0) => return Err(Trouble::passing("the connection broke")),
                Ok(bytes) => part.append(&buffer[..bytes])?,
                Err(e) => return Err(Trouble::passing(e)),
            }
            self.watch.reached(done + part.len);
        }
        Ok(())
    }

    /// An answer with a body, after redirects: 200, 206 or 416.
    fn get(&self, url: &str, from: u64) -> Result<Answer, Trouble> {
        let address = |url: &str| url.parse::<Uri>().map_err(|_| Trouble::final_for(url, "not an address of the web"));
        let (home, mut at) = (address(&self.hub.endpoint)?, address(url)?);
        for _ in 0..=REDIRECTS {
            let is_home = origin(&at) == origin(&home);
            let mut request = self.hub.agent.get(&at);
            if let Some(token) = self.hub.token.as_ref().filter(|_| is_home) {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            if from > 0 {
                request = request.header("range", format!("bytes={from}-"));
            }
            let response = request.call().map_err(|e| Trouble::of_connection(&at, e))?;
            match response.status().as_u16() {
                200 | 206 | 416 => return Ok(Answer { response, from: at }),
                301 | 302 | 303 | 307 | 308 => {
                    let location = response.headers().get("location").and_then(|location| location.to_str().ok());
                    let next = location.and_then(|location| join(&at, location));
                    let next = next.ok_or_else(|| Trouble::final_for(host(&at), "redirects to nowhere"))?;
                    if at.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
                        return Err(Trouble::final_for(host(&at), "redirects to a connection that is not encrypted"));
                    }
                    at = next;
                }
                _ => return Err(self.refusal(&response, &at, is_home)),
            }
        }
        Err(Trouble::final_for(&self.hub.endpoint, "redirects in circles"))
    }

    /// What an answer that is none means.
    fn refusal(&self, response: &Response<Body>, at: &Uri, is_home: bool) -> Trouble {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let status = response.status().as_u16();
        let why = format!("{} answers {}", host(at), response.status());
        if matches!(status, 408 | 429 | 500 | 502 | 503 | 504) {
            // `"api";r=0;t=55`: nothing is left, for so many seconds.
            let reset = header("ratelimit").rsplit_once("t=").filter(|_| status == 429).map(|(_, seconds)| seconds);
            let seconds =
                [header("retry-after"), reset.unwrap_or_default()].into_iter().find_map(|s| s.trim().parse().ok());
            return Trouble::Passing { why, wait: seconds.map(Duration::from_secs) };
        }
        // Addresses of other hosts are signed for a while; a new one comes from the hub.
        if !is_home {
            return Trouble::passing(why);
        }
        let (repo, revision) = (self.repo.id.clone(), self.repo.revision.clone());
        let (endpoint, token) = (self.hub.endpoint.clone(), self.hub.token.is_some());
        Trouble::Final(match (status, header("x-error-code")) {
            (_, "GatedRepo") => Error::Gated { repo, endpoint },
            (_, "RevisionNotFound") => Error::NoRevision { repo, revision },
            (_, "RepoNotFound") => Error::NoRepo { repo, endpoint, token },
            (_, "EntryNotFound") => Error::Answer { what: repo, problem: why },
            (401, _) if token => Error::BadToken { endpoint },
            (401 | 404, _) => Error::NoRepo { repo, endpoint, token },
            (403, _) => Error::Forbidden { repo },
            _ => Error::Answer { what: repo, problem: why },
        })
    }
}

struct Answer {
    response: Response<Body>,
    /// The address that gave it.
    from: Uri,
}

pub(super) fn agent() -> Result<Agent, Error> {
    let roots = io::root_certificates().map_err(|(path, source)| Error::disk(&path)(source))?;
    let seconds = text_setting("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|seconds| seconds.parse().ok());
    let config = Agent::config_builder()
        .tls_config(tls::TlsConfig::builder().root_certs(roots).build())
        .user_agent(concat!("pokedex/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_per_read(Some(seconds.map_or(STALLED, Duration::from_secs)));
    Ok(config.build().into())
}

/// Start and whole size of `Content-Range: bytes START-END/SIZE`; the size may be `*`.
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let range = response.headers().get("content-range")?.to_str().ok()?;
    let (range, size) = range.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, size.parse().ok()))
}
