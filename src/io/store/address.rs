//! Names of objects, and what they mean.

use std::fmt;
use std::path::Path;

/// A bucket and a key in it, or a page of the web.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Object { scheme: Scheme, bucket: String, key: String },
    Web(String),
}

/// Whose interface it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// Amazon's, or that of a server which speaks it.
    S3,
    /// Google's.
    Gs,
}

/// Whether a path is the name of an object.
pub(crate) fn is_address(path: &Path) -> bool {
    Address::of(path).is_some()
}

impl Address {
    /// What a path names, where it is no file of this machine.
    pub(crate) fn of(path: &Path) -> Option<Address> {
        path.to_str().and_then(Address::parse)
    }

    /// As [`Address::of`], of a path in a table.
    pub(crate) fn parse(text: &str) -> Option<Address> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = match scheme {
            "s3" | "s3a" => Scheme::S3,
            "gs" | "gcs" => Scheme::Gs,
            "http" | "https" if !rest.is_empty() => return Some(Address::Web(text.into())),
            _ => return None,
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Address::Object { scheme, bucket: bucket.into(), key: key.into() })
    }

    /// Whether it can only be a folder: all of a bucket, or what ends with `/`.
    pub(crate) fn is_folder(&self) -> bool {
        matches!(self, Address::Object { key, .. } if key.is_empty() || key.ends_with('/'))
    }

    /// As a folder: with a `/` at its end, where it has a key.
    pub(crate) fn folder(&self) -> Address {
        match self {
            Address::Object { scheme, bucket, key } if !self.is_folder() => {
                Address::Object { scheme: *scheme, bucket: bucket.clone(), key: format!("{key}/") }
            }
            other => other.clone(),
        }
    }

    /// What comes after the last `/`: a file's name.
    pub(crate) fn name(&self) -> &str {
        let whole = match self {
            Address::Object { key, .. } => key,
            Address::Web(url) => url.split(['?', '#']).next().unwrap_or(url),
        };
        whole.trim_end_matches('/').rsplit('/').next().unwrap_or(whole)
    }

    /// An address of the web that says nothing secret.
    pub(crate) fn unsigned(&self) -> Option<&str> {
        let Address::Web(url) = self else { return None };
        let has_password =
            url.split("://").nth(1).and_then(|rest| rest.split('/').next()).is_some_and(|host| host.contains('@'));
        let is_secret = has_password || url.split_once('?').is_some_and(|(_, query)| is_signed(query));
        (!is_secret).then_some(url)
    }

    /// The key of a row at an address of the web: without its scheme, and without a query that is a signature.
    pub(crate) fn key(text: &str) -> &str {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        rest.split_once('?').filter(|(_, query)| is_signed(query)).map_or(rest, |(page, _)| page)
    }
}

/// Whether a query lets whoever has it in.
fn is_signed(query: &str) -> bool {
    const SECRETS: [&str; 8] = [
        "x-amz-signature",
        "x-goog-signature",
        "signature",
        "sig",
        "token",
        "access_token",
        "awsaccesskeyid",
        "key-pair-id",
    ];
    let names = query.split('&').map(|part| part.split('=').next().unwrap_or(part).to_ascii_lowercase());
    names.into_iter().any(|name| SECRETS.contains(&name.as_str()))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Object { scheme: Scheme::S3, bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Address::Object { scheme: Scheme::Gs, bucket, key } => write!(f, "gs://{bucket}/{key}"),
            // What comes behind it may be a signature.
            Address::Web(url) => f.write_str(url.split('?').next().unwrap_or(url)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_paths() {
        for path in ["a/b.png", "/s3/x", "s3:/b/k", "C://x", "file:///x", "https://"] {
            assert_eq!(Address::parse(path), None, "{path}");
        }
        let key = |text: &str| match Address::parse(text) {
            Some(Address::Object { bucket, key, .. }) => (bucket, key),
            other => panic!("{other:?}"),
        };
        assert_eq!(key("s3://b"), ("b".into(), String::new()));
        assert_eq!(key("gs://b/a//ü ?#%41/../x.png"), ("b".into(), "a//ü ?#%41/../x.png".into()));
        let web = Address::parse("https://host/a.png?signature=secret").expect("an address");
        assert_eq!((web.name(), web.to_string().as_str()), ("a.png", "https://host/a.png"));
        for (address, key) in [
            ("https://h/a.png?X-Amz-Date=1&X-Amz-Signature=2", "h/a.png"),
            ("https://h/a.png?width=3", "h/a.png?width=3"),
            ("sub/c.png", "sub/c.png"),
        ] {
            assert_eq!(Address::key(address), key);
        }
    }
}
