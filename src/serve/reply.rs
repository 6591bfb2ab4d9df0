//! Answers as they go out: what they are of, what browsers may do with them, and what went wrong.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::gate::Closed;
use crate::gallery::{Fault, Refusal};

/// An answer.
pub(super) type Reply = Response<Full<Bytes>>;

/// Only what this server sends, and no script in the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) const JSON: &str = "application/json";

/// An answer of some type.
pub(super) fn of(status: StatusCode, media_type: &str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    put(headers, header::CONTENT_TYPE, media_type);
    put(headers, header::CACHE_CONTROL, "no-store");
    reply
}

/// JSON.
pub(super) fn json<T: Serialize>(value: &T) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => of(StatusCode::OK, JSON, body),
        Err(e) => error(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string(), None),
    }
}

/// What went wrong, as JSON.
pub(super) fn error(status: StatusCode, message: &str, hint: Option<&str>) -> Reply {
    let body = match hint {
        Some(hint) => json!({ "error": message, "hint": hint }),
        None => json!({ "error": message }),
    };
    let mut reply = of(status, JSON, body.to_string());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        put(reply.headers_mut(), header::RETRY_AFTER, "1");
    }
    reply
}

/// Why a gallery refused something.
pub(super) fn refusal(refusal: &Refusal) -> Reply {
    let status = match refusal.fault {
        Fault::Question => StatusCode::BAD_REQUEST,
        Fault::Missing => StatusCode::NOT_FOUND,
        Fault::Picture => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Fault::Here => StatusCode::INTERNAL_SERVER_ERROR,
    };
    error(status, &refusal.message, refusal.hint.as_deref())
}

/// Why somebody may not ask.
pub(super) fn closed(closed: &Closed) -> Reply {
    let mut reply = error(closed.status, closed.message, Some(closed.hint));
    if closed.status == StatusCode::UNAUTHORIZED {
        put(reply.headers_mut(), header::WWW_AUTHENTICATE, "Bearer");
    }
    reply
}

/// Something that browsers keep, and ask whether it is still the same.
pub(super) fn tagged(media_type: &str, tag: &str, body: impl Into<Bytes>, asked: &HeaderMap) -> Reply {
    let tag = format!("\"{tag}\"");
    let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let same = known.flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    });
    let mut reply = match same {
        true => Response::new(Full::default()),
        false => of(StatusCode::OK, media_type, body),
    };
    if same {
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
    }
    put(reply.headers_mut(), header::ETAG, &tag);
    put(reply.headers_mut(), header::CACHE_CONTROL, "private, no-cache");
    reply
}

/// What holds of every answer.
pub(super) fn finish(mut reply: Reply, identity: &str, origin: Option<&str>) -> Reply {
    let headers = reply.headers_mut();
    put(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(headers, header::CONTENT_SECURITY_POLICY, POLICY);
    put(headers, header::REFERRER_POLICY, "no-referrer");
    put(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    put(headers, HeaderName::from_static("pokedex-index"), identity);
    let resources = if origin.is_some() { "cross-origin" } else { "same-origin" };
    put(headers, HeaderName::from_static("cross-origin-resource-policy"), resources);
    if let Some(origin) = origin {
        put(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        put(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type");
        put(headers, header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST");
        put(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, "etag, pokedex-index");
        put(headers, header::VARY, "Origin");
    }
    reply
}

/// Sets a header; one that could not stand in a head is left out.
pub(super) fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
