//! One place on a server, and the requests that can be made of it.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use rusty_s3::actions::{CreateMultipartUpload, ListObjectsV2};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use ureq::http::{Response, StatusCode, Uri};
use ureq::{Agent, Body, tls};

use super::address::{Address, Scheme};
use super::patience::Trouble;
use super::polite::Turn;
use super::version::Version;

const CONNECT: Duration = Duration::from_secs(10);
/// A connection that sends nothing for so long is given up.
const STALLED: Duration = Duration::from_secs(30);
/// A signature holds for so long, which is longer than any request takes.
const SIGNED: Duration = Duration::from_secs(3600);
const REDIRECTS: usize = 10;
/// Bytes of a page of a listing: a thousand keys of a kilobyte, escaped.
const PAGE: u64 = 16 << 20;
/// Of an answer that is an error, so much is read for its reason.
const REASON: u64 = 1 << 16;

/// What a store says of an object, and as many of its bytes as were asked for.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    /// The length of the whole object, where the store says it.
    pub(super) length: Option<u64>,
    /// What changes when the object does.
    pub(super) version: Version,
    /// Nobody says that it must not be kept.
    pub(super) may_be_kept: bool,
    /// It is of the version that is there already, and has no bytes.
    pub(super) is_unchanged: bool,
}

/// What is asked for of an object.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'w> {
    Whole,
    /// So many bytes from a place on; with a tag, only of the object that has it.
    Part {
        from: u64,
        length: u64,
        tag: Option<&'w str>,
    },
    /// All of it, unless it is of this version.
    Unless(&'w Version),
}

/// A page of a listing.
pub(super) struct Page {
    pub(super) keys: Vec<String>,
    /// What the page after it is asked for with.
    pub(super) next: Option<String>,
}

/// An object, or all that begin with its key.
pub(super) enum Place {
    Web { agent: Agent, url: String },
    Bucket { agent: Agent, account: Arc<Account>, key: String },
}

/// A bucket, and who asks.
pub(super) struct Account {
    scheme: Scheme,
    bucket: Bucket,
    credentials: Option<Credentials>,
}

static AGENT: LazyLock<Result<Agent, String>> = LazyLock::new(agent);
static ACCOUNTS: LazyLock<Mutex<Accounts>> = LazyLock::new(Mutex::default);

/// Who asks each bucket.
type Accounts = HashMap<(Scheme, String), Arc<Account>>;

/// Where an address leads, by the environment.
///
/// # Errors
/// The environment or the address makes no sense.
pub(super) fn place(address: &Address) -> io::Result<Place> {
    let agent = AGENT.clone().map_err(io::Error::other)?;
    let (scheme, name, key) = match address {
        Address::Web(url) => return Ok(Place::Web { agent, url: url.clone() }),
        Address::Object { scheme, bucket, key } => (*scheme, bucket, key.clone()),
    };
    if key.split('/').any(|part| part == "." || part == "..") {
        // Whoever takes addresses apart takes these away.
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "a key with `.` or `..` between slashes cannot be asked for",
        ));
    }
    let mut accounts = ACCOUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    let account = match accounts.get(&(scheme, name.clone())) {
        Some(account) => account.clone(),
        None => {
            let account = Arc::new(Account::open(scheme, name)?);
            accounts.insert((scheme, name.clone()), account.clone());
            account
        }
    };
    Ok(Place::Bucket { agent, account, key })
}

fn setting(names: &[&str]) -> Option<String> {
    let value = |name: &&str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    names.iter().find_map(value)
}

/// Whose word counts for who a server is: those of `$SSL_CERT_FILE`, else Mozilla's.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn root_certificates() -> Result<tls::RootCerts, (PathBuf, io::Error)> {
    let Some(path) = setting(&["SSL_CERT_FILE"]).map(PathBuf::from) else { return Ok(tls::RootCerts::WebPki) };
    let pem = std::fs::read(&path).map_err(|e| (path, e))?;
    let certificates = tls::parse_pem(&pem).filter_map(|item| match item {
        Ok(tls::PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    Ok(tls::RootCerts::from(certificates))
}

fn agent() -> Result<Agent, String> {
    let roots = root_certificates().map_err(|(path, e)| format!("$SSL_CERT_FILE: {}: {e}", path.display()))?;
    let config = Agent::config_builder()
        .tls_config(tls::TlsConfig::builder().root_certs(roots).build())
        .user_agent(concat!("pokedex/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .http_status_as_error(false)
        .max_redirects(0)
        .max_idle_connections_per_host(32)
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_send_body(Some(STALLED * 4))
        .timeout_recv_response(Some(STALLED))
        .timeout_per_read(Some(STALLED));
    Ok(config.build().into())
}

impl Account {
    fn open(scheme: Scheme, name: &str) -> io::Result<Account> {
        let invalid = |why: String| io::Error::new(ErrorKind::InvalidInput, why);
        if name.is_empty() {
            return Err(invalid("names no bucket".into()));
        }
        let keys: [&[&str]; 2] = match scheme {
            Scheme::S3 => [&["AWS_ACCESS_KEY_ID"], &["AWS_SECRET_ACCESS_KEY"]],
            Scheme::Gs => {
                [&["GS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"], &["GS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"]]
            }
        };
        let credentials = match (setting(keys[0]), setting(keys[1])) {
            (Some(key), Some(secret)) => Some(match setting(&["AWS_SESSION_TOKEN"]).filter(|_| scheme == Scheme::S3) {
                Some(token) => Credentials::new_with_token(key, secret, token),
                None => Credentials::new(key, secret),
            }),
            (None, None) => None,
            (Some(_), None) => return Err(invalid(format!("{} is not set, and its key is", keys[1][0]))),
            (None, Some(_)) => return Err(invalid(format!("{} is not set, and its secret is", keys[0][0]))),
        };
        let region = match scheme {
            Scheme::S3 => setting(&["AWS_REGION", "AWS_DEFAULT_REGION"]).unwrap_or_else(|| "us-east-1".into()),
            Scheme::Gs => "auto".into(),
        };
        let (endpoint, is_own) = match scheme {
            Scheme::S3 => match setting(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]) {
                Some(endpoint) => (endpoint, true),
                None => (format!("https://s3.{region}.amazonaws.com"), false),
            },
            Scheme::Gs => match setting(&["GS_ENDPOINT_URL"]) {
                Some(endpoint) => (endpoint, true),
                None => ("https://storage.googleapis.com".into(), true),
            },
        };
        // Names with dots have no certificate of their own.
        let style = if is_own || name.contains('.') { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let url = endpoint.parse().map_err(|e| invalid(format!("the endpoint {endpoint} is no address: {e}")))?;
        let bucket = Bucket::new(url, style, name.to_string(), region);
        let bucket = bucket.map_err(|e| invalid(format!("the endpoint {endpoint} is of no use: {e}")))?;
        Ok(Account { scheme, bucket, credentials })
    }
}

impl Place {
    /// The bytes of an object that are wanted; more than `most` are none.
    pub(super) fn get(&self, wanted: Wanted, most: u64) -> Result<Answer, Trouble> {
        let mut url = match self {
            Place::Web { url, .. } => url.clone(),
            Place::Bucket { account, key, .. } => {
                account.bucket.get_object(account.credentials.as_ref(), key).sign(SIGNED).to_string()
            }
        };
        for _ in 0..=REDIRECTS {
            let _turn = matches!(self, Place::Web { .. }).then(|| Turn::at(host(&url)));
            let mut request = self.agent().get(&url);
            let mut range = None;
            match wanted {
                Wanted::Whole => {}
                Wanted::Part { from, length, tag } => {
                    range = Some((from, length));
                    request = request.header("range", format!("bytes={from}-{}", from + length - 1));
                    if let Some(tag) = tag {
                        request = request.header("if-match", tag);
                    }
                }
                // Where both are sent, the tag counts.
                Wanted::Unless(Version { etag, modified }) => {
                    if let Some(etag) = etag {
                        request = request.header("if-none-match", etag);
                    }
                    if let Some(modified) = modified {
                        request = request.header("if-modified-since", modified);
                    }
                }
            }
            let response = request.call().map_err(|e| connection(&url, &e))?;
            match response.status().as_u16() {
                200 | 206 => return body(response, range, most),
                304 if matches!(wanted, Wanted::Unless(_)) => {
                    return Ok(Answer { is_unchanged: true, ..Answer::default() });
                }
                // The end of an empty object.
                416 => return Ok(Answer { length: Some(0), ..Answer::default() }),
                301 | 302 | 303 | 307 | 308 if matches!(self, Place::Web { .. }) => url = redirected(&url, &response)?,
                _ => return Err(self.refusal(response)),
            }
        }
        Err(Trouble::last(ErrorKind::Other, "redirects in circles"))
    }

    /// A page of the keys that begin with this one, without it.
    pub(super) fn page(&self, after: Option<&str>) -> Result<Page, Trouble> {
        let Place::Bucket { account, key, .. } = self else {
            return Err(Trouble::last(ErrorKind::Unsupported, "a page of the web cannot be listed"));
        };
        let mut list = ListObjectsV2::new(&account.bucket, account.credentials.as_ref());
        list.with_prefix(key.as_str());
        if let Some(token) = after {
            list.with_continuation_token(token);
        }
        let answer = self.ask("GET", list.sign(SIGNED).as_str(), None, PAGE)?;
        let text = String::from_utf8(answer.bytes).map_err(|_| Trouble::passing("the listing is no text"))?;
        let listed = ListObjectsV2::parse_response(&text);
        let listed = listed.map_err(|e| Trouble::passing(format!("the listing is none: {e}")))?;
        let keys = listed.contents.into_iter();
        let keys = keys.filter_map(|content| content.key.strip_prefix(key.as_str()).map(str::to_string)).collect();
        Ok(Page { keys, next: listed.next_continuation_token })
    }

    /// Puts a whole object.
    pub(super) fn put(&self, bytes: &[u8]) -> Result<(), Trouble> {
        let (account, key) = self.bucket()?;
        let url = account.bucket.put_object(account.credentials.as_ref(), key).sign(SIGNED);
        self.ask("PUT", url.as_str(), Some(bytes), REASON).map(drop)
    }

    /// Begins an upload in parts; its name.
    pub(super) fn begin(&self) -> Result<String, Trouble> {
        let (account, key) = self.bucket()?;
        let url = account.bucket.create_multipart_upload(account.credentials.as_ref(), key).sign(SIGNED);
        let answer = self.ask("POST", url.as_str(), Some(&[]), REASON)?;
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        let begun = CreateMultipartUpload::parse_response(&text);
        Ok(begun.map_err(|e| Trouble::passing(format!("the upload did not begin: {e}")))?.upload_id().to_string())
    }

    /// Puts a part of an upload; what it is called when the upload is completed.
    pub(super) fn put_part(&self, upload: &str, number: u16, bytes: &[u8]) -> Result<String, Trouble> {
        let (account, key) = self.bucket()?;
        let url = account.bucket.upload_part(account.credentials.as_ref(), key, number, upload).sign(SIGNED);
        let answer = self.ask("PUT", url.as_str(), Some(bytes), REASON)?;
        answer.version.etag.ok_or_else(|| Trouble::passing("the store gives no name to a part"))
    }

    /// Makes an object of the parts.
    pub(super) fn complete(&self, upload: &str, parts: &[String]) -> Result<(), Trouble> {
        let (account, key) = self.bucket()?;
        let parts = parts.iter().map(String::as_str);
        let action = account.bucket.complete_multipart_upload(account.credentials.as_ref(), key, upload, parts);
        let url = action.sign(SIGNED);
        let body = action.body();
        let answer = self.ask("POST", url.as_str(), Some(body.as_bytes()), REASON)?;
        // An error may come after the status said that all is well.
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        match text.contains("<Error>") {
            true => Err(Trouble::passing(reason(&text).unwrap_or_else(|| "the upload was not completed".into()))),
            false => Ok(()),
        }
    }

    /// Gives an upload up.
    pub(super) fn abort(&self, upload: &str) -> Result<(), Trouble> {
        let (account, key) = self.bucket()?;
        let url = account.bucket.abort_multipart_upload(account.credentials.as_ref(), key, upload).sign(SIGNED);
        self.ask("DELETE", url.as_str(), None, REASON).map(drop)
    }

    fn bucket(&self) -> Result<(&Account, &str), Trouble> {
        match self {
            Place::Bucket { account, key, .. } => Ok((account, key)),
            Place::Web { .. } => Err(Trouble::last(ErrorKind::Unsupported, "an address of the web cannot be written")),
        }
    }

    fn agent(&self) -> &Agent {
        match self {
            Place::Web { agent, .. } | Place::Bucket { agent, .. } => agent,
        }
    }

    /// One request of a bucket.
    fn ask(&self, method: &str, url: &str, body: Option<&[u8]>, most: u64) -> Result<Answer, Trouble> {
        let agent = self.agent();
        let response = match (method, body) {
            ("PUT", Some(bytes)) => agent.put(url).send(bytes),
            ("POST", Some(bytes)) => agent.post(url).send(bytes),
            ("DELETE", _) => agent.delete(url).call(),
            _ => agent.get(url).call(),
        };
        let response = response.map_err(|e| connection(url, &e))?;
        match response.status().is_success() {
            true => self::body(response, None, most),
            false => Err(self.refusal(response)),
        }
    }

    /// What an answer that is none means.
    fn refusal(&self, mut response: Response<Body>) -> Trouble {
        let status = response.status();
        let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let text = response.body_mut().with_config().limit(REASON).read_to_string().unwrap_or_default();
        let why = match reason(&text) {
            Some(reason) => format!("the store answers {status}: {reason}"),
            None => format!("the server answers {status}"),
        };
        match status.as_u16() {
            408 | 429 | 500 | 502..=504 => Trouble::Passing(why, after.map(Duration::from_secs)),
            404 => Trouble::last(ErrorKind::NotFound, why),
            412 => Trouble::last(ErrorKind::Other, "it was changed while it was read"),
            _ => Trouble::last(ErrorKind::Other, self.advice(status, why)),
        }
    }

    /// With what may be done about it.
    fn advice(&self, status: StatusCode, why: String) -> String {
        let Place::Bucket { account, .. } = self else { return why };
        let names = match account.scheme {
            Scheme::S3 => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            Scheme::Gs => "GS_ACCESS_KEY_ID and GS_SECRET_ACCESS_KEY",
        };
        match (status.as_u16(), &account.credentials) {
            (401 | 403, None) => format!("{why} (the request was not signed: set {names})"),
            (301, _) => format!("{why} (the bucket is in another region: set AWS_REGION)"),
            (400 | 401 | 403, Some(_)) if why.contains("Expired") => format!("{why} (set fresh credentials)"),
            _ => why,
        }
    }
}

/// The code and the message of an error of S3.
fn reason(text: &str) -> Option<String> {
    let part = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let part = rest.split_once(&format!("</{name}>"))?.0.trim();
        (!part.is_empty() && part.len() < 500).then(|| part.replace("&quot;", "\"").replace("&amp;", "&"))
    };
    let (code, message) = (part("Code")?, part("Message"));
    Some(match message {
        Some(message) => format!("{code}: {}", message.trim_end_matches('.')),
        None => code,
    })
}

/// Reads an answer to its end.
fn body(response: Response<Body>, range: Option<(u64, u64)>, most: u64) -> Result<Answer, Trouble> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let version =
        Version { etag: header("etag").map(str::to_string), modified: header("last-modified").map(str::to_string) };
    let may_be_kept = !header("cache-control").is_some_and(|said| said.to_ascii_lowercase().contains("no-store"));
    let said: Option<u64> = header("content-length").and_then(|length| length.parse().ok());
    let is_part = response.status().as_u16() == 206;
    let whole = header("content-range").and_then(|range| range.rsplit_once('/')?.1.parse().ok());
    let length = if is_part { whole } else { said };
    // A server that knows no ranges sends all of it.
    let (skip, take) = match range {
        Some((_, length)) if is_part => (0, length.min(said.unwrap_or(u64::MAX))),
        Some((from, length)) => (from, length),
        None => (0, said.unwrap_or(u64::MAX)),
    };
    if range.is_none() && said.is_some_and(|said| said > most) {
        let why = format!("{} MB are too much for a picture", said.unwrap_or(0) / 1_000_000);
        return Err(Trouble::last(ErrorKind::Other, why));
    }
    let mut reader = response.into_body().into_reader();
    io::copy(&mut reader.by_ref().take(skip), &mut io::sink()).map_err(Trouble::passing)?;
    let mut bytes = Vec::with_capacity(usize::try_from(take.min(most).min(1 << 24)).unwrap_or(0));
    reader.take(take.min(most + 1)).read_to_end(&mut bytes).map_err(Trouble::passing)?;
    if bytes.len() as u64 > most {
        return Err(Trouble::last(
            ErrorKind::Other,
            format!("more than {} MB are too much for a picture", most / 1_000_000),
        ));
    }
    if said.is_some() && range.is_none() && (bytes.len() as u64) < take {
        return Err(Trouble::passing("the connection broke"));
    }
    if is_part && said.is_some_and(|said| (bytes.len() as u64) < take.min(said)) {
        return Err(Trouble::passing("the connection broke"));
    }
    Ok(Answer { bytes, length, version, may_be_kept, is_unchanged: false })
}

/// Where an answer of the web sends who asked.
fn redirected(url: &str, response: &Response<Body>) -> Result<String, Trouble> {
    let nowhere = || Trouble::last(ErrorKind::Other, "redirects to nowhere");
    let location = response.headers().get("location").and_then(|value| value.to_str().ok()).ok_or_else(nowhere)?;
    let at: Uri = url.parse().map_err(|_| nowhere())?;
    let (scheme, authority) = (at.scheme_str().ok_or_else(nowhere)?, at.authority().ok_or_else(nowhere)?);
    let next = match location {
        whole if whole.contains("://") => whole.to_string(),
        relative if relative.starts_with("//") => format!("{scheme}:{relative}"),
        relative if relative.starts_with('/') => format!("{scheme}://{authority}{relative}"),
        relative => {
            let folder = at.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{authority}{folder}/{relative}")
        }
    };
    if scheme == "https" && !next.starts_with("https://") {
        return Err(Trouble::last(ErrorKind::Other, "redirects to a connection that is not encrypted"));
    }
    Ok(next)
}

/// Whom an address is asked of.
fn host(url: &str) -> String {
    url.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string)).unwrap_or_default()
}

/// Trouble of a connection; the address is named without what may be a signature.
fn connection(url: &str, error: &ureq::Error) -> Trouble {
    use ureq::Error as E;
    let why = format!("{}: {error}", host(url));
    match error {
        E::Tls(_) | E::Rustls(_) | E::Pem(_) => Trouble::last(ErrorKind::Other, why),
        E::Io(e) if e.kind() == ErrorKind::InvalidData => Trouble::last(ErrorKind::Other, why),
        E::Io(_)
        | E::Timeout(_)
        | E::HostNotFound
        | E::ConnectionFailed
        | E::Protocol(_)
        | E::ConnectProxyFailed(_) => Trouble::passing(why),
        _ => Trouble::last(ErrorKind::Other, why),
    }
}
