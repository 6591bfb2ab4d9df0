//! Objects of buckets and files of the web, as inputs and outputs: `s3://bucket/key`, `gs://bucket/key`, `https://…`.
//!
//! Hides: signatures, pages of listings, ranges, parts of uploads, what trouble passes and how long it is waited for. Promises:
//! an object is read whole or not at all, and one that is read in ranges is the same one throughout; an upload appears when it is
//! finished and not before; what can be read again is asked for again, within a budget; no secret and no signature leaves
//! this module; a server of the web gets few requests at once, and what it sent before it need not send again.
//!
//! Credentials, regions and endpoints are those of the environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
//! `AWS_SESSION_TOKEN`, `AWS_REGION` or `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`; for Google's buckets
//! `GS_ACCESS_KEY_ID`, `GS_SECRET_ACCESS_KEY` and `GS_ENDPOINT_URL` (HMAC keys of its S3 interface), else Amazon's. Without
//! credentials requests are not signed, which public buckets allow.

mod address;
mod bucket;
mod kept;
mod object;
mod patience;
mod polite;
mod upload;
mod version;

pub(super) use address::Address;
pub(crate) use address::is_address;
pub(crate) use bucket::root_certificates;
pub(crate) use kept::{Shelf, keep_pictures};
pub(super) use object::Object;
pub(super) use upload::{Upload, abandon};

use bucket::Wanted;
use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

/// A longer object is no picture; see [`super::read_image`].
const MAX_PICTURE: u64 = 1 << 30;

/// A path as messages say it: of an address without what may be a signature.
pub(crate) fn sayable(path: &str) -> Cow<'_, str> {
    Address::parse(path).map_or(Cow::Borrowed(path), |address| Cow::Owned(address.to_string()))
}

/// The bytes of a whole object.
///
/// # Errors
/// There is none, it cannot be read, or it is longer than any picture.
pub(super) fn read(address: &Address) -> io::Result<Vec<u8>> {
    let place = bucket::place(address)?;
    let known = address.unsigned().and_then(kept::find);
    let wanted = match &known {
        Some(known) => Wanted::Unless(&known.version),
        None => Wanted::Whole,
    };
    let answer = patience::patiently(|| place.get(wanted, MAX_PICTURE))?;
    match (answer.is_unchanged, known) {
        (true, Some(known)) => Ok(known.bytes),
        _ => {
            if let Some(url) = address.unsigned().filter(|_| answer.may_be_kept) {
                kept::keep(url, answer.version, &answer.bytes);
            }
            Ok(answer.bytes)
        }
    }
}

/// The objects of a bucket whose keys are of a pattern; `None` where the pattern is of no bucket.
///
/// # Errors
/// They cannot be listed, or it is no pattern.
pub(crate) fn matching(pattern: &Path) -> Option<io::Result<Vec<PathBuf>>> {
    let address = Address::of(pattern).filter(|address| matches!(address, Address::Object { .. }))?;
    let text = address.to_string();
    let wild = text.find(['*', '?', '[']).unwrap_or(text.len());
    let folder = &text[..text[..wild].rfind('/').map_or(0, |slash| slash + 1)];
    let find = || {
        let invalid =
            |e: glob::PatternError| io::Error::new(io::ErrorKind::InvalidInput, format!("is no pattern: {e}"));
        let wanted = glob::Pattern::new(&text[folder.len()..]).map_err(invalid)?;
        let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::default() };
        let keys = list(&Address::parse(folder).expect("it begins as the address"))?.into_iter();
        let keys = keys.filter(|key| wanted.matches_with(key, options));
        Ok(keys.map(|key| PathBuf::from(format!("{folder}{key}"))).collect())
    };
    Some(find())
}

/// Whether there are objects below it.
pub(super) fn is_prefix(address: &Address) -> bool {
    let page = || bucket::place(&address.folder()).and_then(|place| patience::patiently(|| place.page(None)));
    page().is_ok_and(|page| !page.keys.is_empty())
}

/// The keys below a prefix, in their bytewise order, without the prefix; those of folders, which end with `/`, left out.
///
/// # Errors
/// It cannot be listed.
pub(super) fn list(address: &Address) -> io::Result<Vec<String>> {
    let place = bucket::place(address)?;
    let (mut keys, mut next) = (Vec::new(), None);
    loop {
        let page = patience::patiently(|| place.page(next.as_deref()))?;
        keys.extend(page.keys.into_iter().filter(|key| !key.is_empty() && !key.ends_with('/')));
        if page.next.is_none() {
            break;
        }
        next = page.next;
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}
