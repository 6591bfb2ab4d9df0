//! Two shapes in which other servers answer, so that their clients work unchanged: cerebro's search page, and
//! clip-retrieval's `ClipClient` (its `clip_back.py`, 2.45).
//!
//! What a client sends and this server has no use for (safety, aesthetics) is passed over, as those servers pass over what they
//! were started without.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::answers::{numbers, searched};
use super::body::Brought;
use super::metrics::{Metrics, Step};
use super::parameters::Parameters;
use super::reply::{self, Reply};
use crate::gallery::{Ask, Gallery, Refusal};
use crate::table::column;

/// Rows of an answer: clip-retrieval's page asks for three thousand.
const MOST: u32 = 3000;
/// What clip-retrieval takes for the same picture.
const SAME: f32 = 0.94;

/// Columns of films, which cerebro knows.
const VIDEO: &str = "youtube_video_id";
const TIMESTAMP: &str = "timestamp";
const MEDIA: &str = "media_type";

/// cerebro's `GET /search/text`.
pub(super) fn text(gallery: &Gallery, parameters: &Parameters, metrics: &Metrics) -> Result<Reply, Refusal> {
    let Some(query) = parameters.owned("query") else {
        return Err(Refusal::question("query: words are expected", "/search/text?query=fire+dog&top_n=5"));
    };
    cerebro(gallery, Ask { q: Some(query), ..Ask::default() }, parameters, metrics)
}

/// cerebro's `POST /search/image`.
pub(super) fn image(
    gallery: &Gallery,
    parameters: &Parameters,
    brought: Brought,
    metrics: &Metrics,
) -> Result<Reply, Refusal> {
    let Some(picture) = brought.picture else {
        return Err(Refusal::question("a picture is expected", "send it as the field `file` of a form"));
    };
    let mut parameters = parameters.clone();
    parameters.extend(brought.form);
    cerebro(gallery, Ask { picture: Some(picture.into()), ..Ask::default() }, &parameters, metrics)
}

fn cerebro(gallery: &Gallery, ask: Ask, parameters: &Parameters, metrics: &Metrics) -> Result<Reply, Refusal> {
    let has = |name: &str| gallery.about().columns.iter().any(|column| column.name == name);
    // Filtered before the search; what is neither of these is no filter.
    let condition = match parameters.text("filter_media") {
        Some("image") if has(MEDIA) => Some(format!("{MEDIA} = 'image'")),
        Some("youtube") if has(VIDEO) => Some(format!("{VIDEO} is not null")),
        Some("youtube") => return Ok(reply::json(&[(); 0])),
        _ => None,
    };
    let top = parameters.number("top_n", 1, u64::MAX)?.unwrap_or(5).min(MOST.into());
    let ask = Ask { top: u32::try_from(top).unwrap_or(MOST), condition, ..ask };
    let answer = searched(gallery, &ask, metrics)?;
    let hits = answer.hits.iter().map(|hit| {
        let cell = |name: &str| hit.get(name).cloned().unwrap_or(Value::Null);
        let media = Some(cell(MEDIA)).filter(|media| !media.is_null()).unwrap_or_else(|| "image".into());
        json!({
            "file_path": file(hit),
            VIDEO: cell(VIDEO),
            TIMESTAMP: cell(TIMESTAMP),
            MEDIA: media,
            "score": hit["score"],
        })
    });
    Ok(reply::json(&hits.collect::<Vec<Value>>()))
}

/// The path of a row, or its key.
fn file(hit: &Map<String, Value>) -> Value {
    let path = hit.get(column::PATH).filter(|path| !path.is_null());
    path.or_else(|| hit.get(column::KEY)).cloned().unwrap_or(Value::Null)
}

/// clip-retrieval's `GET /indices-list`.
pub(super) fn indices(gallery: &Gallery) -> Reply {
    reply::json(&[&gallery.about().name])
}

/// clip-retrieval's `POST /knn-service`: as many hits as `num_result_ids` wants, of which the first `num_images` are whole.
pub(super) fn knn(gallery: &Gallery, brought: &Brought, metrics: &Metrics) -> Result<Reply, Refusal> {
    let object = &brought.object;
    let given = |name: &str| object.get(name).filter(|value| !value.is_null());
    let text = |name: &str| given(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    // Its page writes numbers as texts.
    let count = |name: &str| given(name).and_then(|n| n.as_u64().or_else(|| n.as_str()?.trim().parse().ok()));
    let whole = count("num_images").unwrap_or(100);
    let top = count("num_result_ids").unwrap_or(whole).clamp(1, MOST.into());
    let is_text = text("modality") == Some("text");
    // Of what is asked for at once the first counts: words, a picture, a vector.
    let ask = if is_text {
        return Err(Refusal::question(
            "modality text: rows here are found by their pictures",
            "\"modality\": \"image\"",
        ));
    } else if let Some(words) = text("text") {
        // A sentence, in which + and - join nothing.
        Ask {
            q: Some(words.split_whitespace().filter(|word| !["+", "-"].contains(word)).collect::<Vec<_>>().join(" ")),
            ..Ask::default()
        }
    } else if let Some(picture) = text("image") {
        let bytes = STANDARD.decode(picture.trim());
        let bytes =
            bytes.map_err(|_| Refusal::question("image: is no base64", "send the bytes of a picture in base64"))?;
        Ask { picture: Some(bytes), ..Ask::default() }
    } else if text("image_url").is_some() {
        return Err(Refusal::question("image_url: nothing is fetched from the network", "send the picture itself"));
    } else {
        Ask { vector: given("embedding_input").map(numbers).transpose()?, ..Ask::default() }
    };
    let apart = (given("deduplicate") == Some(&Value::Bool(true))).then_some(SAME);
    let ask = Ask { top: u32::try_from(top).unwrap_or(MOST), apart, ..ask };
    let answer = searched(gallery, &ask, metrics)?;
    let hits = answer.hits.iter().enumerate().map(|(at, hit)| match (at as u64) < whole {
        true => Value::Object(result(gallery, hit, metrics)),
        false => json!({ "id": hit["row"], "similarity": hit["score"] }),
    });
    Ok(reply::json(&hits.collect::<Vec<Value>>()))
}

/// A hit as `map_to_metadata` gives it: what there is to show of it, its number and how near it is.
fn result(gallery: &Gallery, hit: &Map<String, Value>, metrics: &Metrics) -> Map<String, Value> {
    let mut all = told(gallery, hit, metrics);
    all.insert("id".into(), hit["row"].clone());
    all.insert("similarity".into(), hit["score"].clone());
    all
}

/// What there is to show of a row: its cells, and its picture in base64.
fn told(gallery: &Gallery, row: &Map<String, Value>, metrics: &Metrics) -> Map<String, Value> {
    let number = row["row"].as_u64().unwrap_or_default();
    let mut all = row_cells(row);
    if gallery.about().pictures
        && let Ok(Some(small)) = metrics.time(Step::Thumbnail, || gallery.thumbnail(number, 256))
    {
        all.insert("image".into(), STANDARD.encode(&small.jpeg).into());
    }
    all
}

/// The cells of a row under the names that clip-retrieval gives them.
fn row_cells(row: &Map<String, Value>) -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("image_path".into(), file(row));
    if let Some(label) = row.get(column::LABEL).filter(|label| !label.is_null() && !row.contains_key("caption")) {
        all.insert("caption".into(), label.clone());
    }
    let own = ["rank", "score", "row", column::ID, column::PATH];
    all.extend(row.iter().filter(|(name, _)| !own.contains(&name.as_str())).map(|(k, v)| (k.clone(), v.clone())));
    all
}

/// clip-retrieval's `POST /metadata`.
pub(super) fn metadata(gallery: &Gallery, brought: &Brought, metrics: &Metrics) -> Result<Reply, Refusal> {
    let ids = brought.object.get("ids").and_then(Value::as_array);
    let ids = ids.and_then(|ids| ids.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>());
    let Some(ids) = ids.filter(|ids| ids.len() <= MOST as usize) else {
        let hint = format!("\"ids\": [0, 1], at most {MOST}");
        return Err(Refusal::question("ids: a list of numbers of rows is expected", hint));
    };
    let found = ids.iter().map(|&id| {
        let row = metrics.time(Step::Rows, || gallery.row(id))?;
        Ok(json!({ "id": id, "metadata": told(gallery, &row, metrics) }))
    });
    Ok(reply::json(&found.collect::<Result<Vec<Value>, Refusal>>()?))
}
