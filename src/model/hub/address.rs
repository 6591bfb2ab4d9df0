//! Addresses of the web: whose they are, and where they lead.

use ureq::http::Uri;

/// Scheme, host and port: who gets the token.
pub(super) fn origin(uri: &Uri) -> (Option<&str>, Option<String>, Option<u16>) {
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    (uri.scheme_str(), uri.host().map(str::to_lowercase), Some(uri.port_u16().unwrap_or(default)))
}

/// Host and port, for messages: what follows them may be signed.
pub(super) fn host(uri: &Uri) -> String {
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", uri.host().unwrap_or("?"))
}

/// The address that a redirect or a link leads to.
pub(super) fn join(base: &Uri, location: &str) -> Option<Uri> {
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let url = if location.starts_with("http://") || location.starts_with("https://") {
        location.to_string()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    url.parse().ok()
}

/// `<ADDRESS>; rel="next"` of a `Link` header.
pub(super) fn next_page(link: &str) -> Option<&str> {
    link.split(',').find_map(|link| {
        let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        parameters.split(';').any(|p| matches!(p.trim(), "rel=\"next\"" | "rel=next")).then_some(address)
    })
}

/// Percent-encodes all but unreserved characters and those in `keep`.
pub(super) fn escape(text: &str, keep: &str) -> String {
    let escape = |b: u8| match char::from(b) {
        c if c.is_ascii_alphanumeric() || "-_.~".contains(c) || keep.contains(c) => c.to_string(),
        _ => format!("%{b:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
