//! Who may ask.
//!
//! A page of a stranger that a browser here shows could ask this server too. Browsers tell by `Host` under what name they know
//! it (a name of the stranger's, which he let point here: DNS rebinding) and by `Origin` or `Sec-Fetch-Site` whose page asks.

use std::net::IpAddr;

use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, ORIGIN};
use hyper::{Method, StatusCode};

use super::Options;

/// The name of the cookie that carries the token.
pub(super) const COOKIE_NAME: &str = "pokedex";

/// Decides who may ask.
pub(super) struct Gate {
    token: Option<blake3::Hash>,
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// Why somebody may not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) status: StatusCode,
    pub(super) message: &'static str,
    pub(super) hint: &'static str,
}

impl Gate {
    pub(super) fn new(options: &Options) -> Gate {
        Gate {
            token: options.token.as_ref().map(|token| blake3::hash(token.as_bytes())),
            hosts: options.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            origins: options.origins.clone(),
        }
    }

    /// Whether a request may come in.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Closed> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        if !host.is_some_and(|host| self.is_own(host)) {
            return Err(Closed {
                status: StatusCode::FORBIDDEN,
                message: "this server is not known under that name",
                hint: "ask for 127.0.0.1 or localhost, or start it with --host NAME",
            });
        }
        if !self.may_ask(headers, host.unwrap_or_default(), method, path) {
            return Err(Closed {
                status: StatusCode::FORBIDDEN,
                message: "a page of another origin may not ask this server",
                hint: "start it with --cors ORIGIN to allow that",
            });
        }
        // What is answered without a token tells nothing of the pictures.
        let open = ["/health", "/page/"].iter().any(|start| path.starts_with(start));
        if open || self.knows_token(headers) {
            return Ok(());
        }
        Err(Closed {
            status: StatusCode::UNAUTHORIZED,
            message: "a token is needed",
            hint: "open the page with ?token=TOKEN, or send `Authorization: Bearer TOKEN`",
        })
    }

    /// Whether this is the token, or none is needed.
    pub(super) fn is_token(&self, token: &str) -> bool {
        // Digests compare in the same time, wherever they differ.
        self.token.is_none_or(|own| own == blake3::hash(token.as_bytes()))
    }

    /// The origin of a page that asks and may read the answer.
    pub(super) fn allowed_origin<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let origin = headers.get(ORIGIN)?.to_str().ok()?;
        self.origins.iter().any(|own| own == origin || own == "*").then_some(origin)
    }

    fn knows_token(&self, headers: &HeaderMap) -> bool {
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookies = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut cookies = cookies.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value);
        self.token.is_none()
            || bearer.is_some_and(|token| self.is_token(token))
            || cookies.any(|token| self.is_token(token))
    }

    /// An address cannot be made to point elsewhere, and `localhost` is this machine; other names must have been given.
    fn is_own(&self, host: &str) -> bool {
        let name = name_of(host).to_ascii_lowercase();
        name.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || name.ends_with(".localhost")
            || self.hosts.contains(&name)
    }

    fn may_ask(&self, headers: &HeaderMap, host: &str, method: &Method, path: &str) -> bool {
        if let Some(origin) = headers.get(ORIGIN) {
            let own = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
            return own.is_some_and(|(_, name)| name == host) || self.allowed_origin(headers).is_some();
        }
        let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
        let strange = site.is_some_and(|site| ["cross-site", "same-site"].contains(&site));
        // A link from elsewhere may lead to the page.
        !strange || *method == Method::GET && path == "/" || !self.origins.is_empty()
    }
}

/// The name in a `Host` header, without the port and the brackets of an address.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(
            host,
            |(name, port)| {
                if port.bytes().all(|b| b.is_ascii_digit()) { name } else { host }
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn ask(gate: &Gate, headers: &[(&'static str, &str)]) -> Result<(), StatusCode> {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
        };
        let headers: HeaderMap = headers.iter().map(pair).collect();
        gate.check(&Method::GET, "/api/about", &headers).map_err(|closed| closed.status)
    }

    #[test]
    fn strangers_names_and_pages_are_refused() {
        let gate = Gate::new(&Options { hosts: vec!["Pi.local".into()], ..Options::default() });
        for host in ["127.0.0.1:7025", "localhost", "[::1]:7025", "192.168.1.5:80", "pi.local:7025", "a.localhost:1"] {
            assert_eq!(ask(&gate, &[("host", host)]), Ok(()), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:7025", "127.0.0.1.evil.example", "", "pi.local.evil"] {
            assert_eq!(ask(&gate, &[("host", host)]), Err(StatusCode::FORBIDDEN), "{host}");
        }
        assert_eq!(ask(&gate, &[]), Err(StatusCode::FORBIDDEN));
        let from = |origin| ask(&gate, &[("host", "127.0.0.1:7025"), ("origin", origin)]);
        assert_eq!(from("http://127.0.0.1:7025"), Ok(()));
        for origin in ["http://evil.example", "null", "http://127.0.0.1:8080", "http://127.0.0.1:7025.evil.example"] {
            assert_eq!(from(origin), Err(StatusCode::FORBIDDEN), "{origin}");
        }
        let site = |site| ask(&gate, &[("host", "127.0.0.1:7025"), ("sec-fetch-site", site)]);
        assert_eq!((site("same-origin"), site("none")), (Ok(()), Ok(())));
        assert_eq!(site("cross-site"), Err(StatusCode::FORBIDDEN));
        let open = Gate::new(&Options { origins: vec!["https://example.org".into()], ..Options::default() });
        assert_eq!(ask(&open, &[("host", "127.0.0.1"), ("origin", "https://example.org")]), Ok(()));
        assert_eq!(ask(&open, &[("host", "127.0.0.1"), ("origin", "https://example.com")]), Err(StatusCode::FORBIDDEN));
    }

    #[test]
    fn a_token_opens() {
        let gate = Gate::new(&Options { token: Some("secret".into()), ..Options::default() });
        let with = |name, value| ask(&gate, &[("host", "127.0.0.1"), (name, value)]);
        assert_eq!(with("authorization", "Bearer secret"), Ok(()));
        assert_eq!(with("cookie", "a=b; pokedex=secret"), Ok(()));
        for (name, value) in [("authorization", "Bearer other"), ("authorization", "secret"), ("cookie", "pokedex=")] {
            assert_eq!(with(name, value), Err(StatusCode::UNAUTHORIZED), "{name}: {value}");
        }
    }
}
