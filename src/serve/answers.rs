//! What each question of the API is answered.

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::body::Brought;
use super::metrics::{Metrics, Step};
use super::parameters::Parameters;
use super::reply::{self, Reply};
use super::shelf::Shelf;
use crate::gallery::{Answer, Ask, Gallery, Page, Refusal};

/// Rows of an answer.
const MOST_ROWS: usize = 1000;
const MOST_HITS: u32 = 1000;
const MOST_OFFSET: u32 = 1_000_000;

/// `GET /health`.
pub(super) fn health(shelf: &Shelf) -> Reply {
    let gallery = shelf.gallery();
    let mut object = Map::new();
    object.insert("status".into(), "ok".into());
    object.insert("rows".into(), gallery.about().rows.into());
    object.insert("identity".into(), gallery.about().identity.clone().into());
    if let Some(trouble) = shelf.trouble() {
        object.insert("trouble".into(), trouble.into());
    }
    reply::json(&object)
}

/// `GET /api/rows`.
pub(super) fn rows(gallery: &Gallery, parameters: &Parameters, metrics: &Metrics) -> Result<Reply, Refusal> {
    parameters.known(&["from", "count", "where", "sort", "group", "rows", "index"])?;
    if let Some(rows) = parameters.text("rows") {
        if parameters.known(&["rows", "index"]).is_err() {
            return Err(Refusal::question(
                "rows: these are told as they are",
                "rows=1,2,3 without from, count, where, sort and group",
            ));
        }
        let wrong = || Refusal::question(format!("rows: up to {MOST_ROWS} numbers are expected"), "rows=1,2,3");
        let rows: Vec<u64> = rows.split(',').map(|row| row.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
        if rows.len() > MOST_ROWS {
            return Err(wrong());
        }
        return Ok(reply::json(&metrics.time(Step::Rows, || gallery.rows_of(&rows))?));
    }
    let page = Page {
        from: parameters.number("from", 0, u64::MAX)?.unwrap_or(0),
        count: parameters.number("count", 0, MOST_ROWS)?.unwrap_or(100),
        condition: parameters.owned("where"),
        sort: parameters.owned("sort"),
        group: parameters.owned("group"),
    };
    Ok(reply::json(&metrics.time(Step::Rows, || gallery.rows(&page))?))
}

/// `GET /api/groups`.
pub(super) fn groups(gallery: &Gallery, parameters: &Parameters, metrics: &Metrics) -> Result<Reply, Refusal> {
    parameters.known(&["where", "group", "index"])?;
    let Some(column) = parameters.text("group") else {
        return Err(Refusal::question("group: a column is expected", "group=label"));
    };
    Ok(reply::json(&metrics.time(Step::Rows, || gallery.groups(parameters.text("where"), column))?))
}

/// `GET /api/map`.
pub(super) fn map(
    gallery: &Gallery,
    parameters: &Parameters,
    headers: &HeaderMap,
    metrics: &Metrics,
) -> Result<Reply, Refusal> {
    parameters.known(&["colour", "index"])?;
    let colour = parameters.text("colour").filter(|colour| !colour.is_empty());
    let map = metrics.time(Step::Rows, || gallery.map(colour))?;
    let body = serde_json::to_vec(&map).map_err(|e| Refusal::missing(e.to_string()))?;
    let tag = blake3::hash(&body).to_hex();
    Ok(reply::tagged(reply::JSON, &tag[..24], body, headers))
}

/// `GET /api/passing`.
pub(super) fn passing(gallery: &Gallery, parameters: &Parameters, metrics: &Metrics) -> Result<Reply, Refusal> {
    parameters.known(&["where", "index"])?;
    let Some(condition) = parameters.text("where") else {
        return Err(Refusal::question("where: a condition is expected", "where=hp > 100"));
    };
    Ok(reply::json(&metrics.time(Step::Rows, || gallery.passing(condition))?))
}

/// `GET /api/rows/N`.
pub(super) fn row(gallery: &Gallery, row: u64, parameters: &Parameters, metrics: &Metrics) -> Result<Reply, Refusal> {
    parameters.known(&["index"])?;
    Ok(reply::json(&metrics.time(Step::Rows, || gallery.row(row))?))
}

/// `GET /api/rows/N/thumbnail`.
pub(super) fn thumbnail(
    gallery: &Gallery,
    row: u64,
    parameters: &Parameters,
    headers: &HeaderMap,
    metrics: &Metrics,
) -> Result<Reply, Refusal> {
    parameters.known(&["size", "index"])?;
    let size = parameters.number("size", 1, 1 << 14)?.unwrap_or(256);
    match metrics.time(Step::Thumbnail, || gallery.thumbnail(row, size))? {
        Some(made) => Ok(reply::tagged("image/jpeg", &made.tag, Bytes::copy_from_slice(&made.jpeg), headers)),
        // No fault: a page asks for all, and its browser would report each that is missing.
        None => Ok(reply::of(StatusCode::NO_CONTENT, "image/jpeg", "")),
    }
}

/// What every search may be asked.
const SEARCH: [&str; 12] =
    ["q", "literal", "top", "offset", "where", "min_score", "diverse", "explain", "row", "vector", "index", "token"];

/// `GET` and `POST /api/search`, and `GET /api/rows/N/similar`.
pub(super) fn search(
    gallery: &Gallery,
    row: Option<u64>,
    parameters: &Parameters,
    brought: Brought,
    metrics: &Metrics,
) -> Result<Reply, Refusal> {
    let mut parameters = parameters.clone();
    let mut vector = None;
    for (name, value) in &brought.object {
        match name.as_str() {
            "vector" => vector = Some(numbers(value)?),
            _ => parameters.add_object(name, value)?,
        }
    }
    parameters.extend(brought.form);
    parameters.known(&SEARCH[..])?;
    let ask = Ask {
        q: parameters.owned("q"),
        picture: brought.picture.map(Vec::from),
        vector,
        row: match row {
            Some(row) => Some(row),
            None => parameters.number("row", 0, u64::MAX)?,
        },
        literal: parameters.flag("literal")?,
        condition: parameters.owned("where"),
        top: parameters.number("top", 1, MOST_HITS)?.unwrap_or(10),
        offset: parameters.number("offset", 0, MOST_OFFSET)?.unwrap_or(0),
        min_score: parameters.number("min_score", f32::MIN, f32::MAX)?,
        diverse: parameters.number("diverse", 0.0, 1.0)?,
        explain: parameters.flag("explain")?,
        apart: None,
    };
    Ok(reply::json(&searched(gallery, &ask, metrics)?))
}

/// Asks, and notes how long each step took.
pub(super) fn searched(gallery: &Gallery, ask: &Ask, metrics: &Metrics) -> Result<Answer, Refusal> {
    let answer = gallery.search(ask)?;
    metrics.note(Step::Read, answer.took.read);
    metrics.note(Step::Search, answer.took.search);
    metrics.note(Step::Rows, answer.took.rows);
    Ok(answer)
}

/// `POST /api/classify`.
pub(super) fn classify(
    gallery: &Gallery,
    parameters: &Parameters,
    brought: Brought,
    metrics: &Metrics,
) -> Result<Reply, Refusal> {
    let mut parameters = parameters.clone();
    parameters.extend(brought.form);
    parameters.known(&["top", "index"])?;
    let top = parameters.number("top", 1, 20)?.unwrap_or(5);
    let Some(picture) = brought.picture else {
        return Err(Refusal::question(
            "a picture is expected",
            "send it as the body, or as the field `file` of a form",
        ));
    };
    Ok(reply::json(&metrics.time(Step::Classify, || gallery.classify(&picture, top))?))
}

/// The numbers of a vector.
///
/// # Errors
/// It is no list of finite numbers.
pub(super) fn numbers(value: &Value) -> Result<Vec<f32>, Refusal> {
    let number = |value: &Value| value.as_f64().map(|x| x as f32).filter(|x| x.is_finite());
    let numbers = value.as_array().and_then(|values| values.iter().map(number).collect::<Option<Vec<f32>>>());
    let wrong = || Refusal::question("vector: is no list of finite numbers", "\"vector\": [0.1, -0.2, …]");
    numbers.filter(|numbers| !numbers.is_empty()).ok_or_else(wrong)
}

/// What is answered where the index was replaced since the page was told of it.
pub(super) fn outdated(identity: &str) -> Reply {
    let object = json!({
        "error": "the index was replaced meanwhile",
        "hint": "ask /api/about anew",
        "identity": identity,
    });
    reply::of(StatusCode::CONFLICT, reply::JSON, object.to_string())
}
