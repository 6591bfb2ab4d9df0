//! Two shapes in which other servers answer, so that their clients work unchanged: cerebro's search page, and
//! clip-retrieval's `ClipClient` (its `clip_back.py`, 2.45).
//!
//! What a client sends and this server has no use for (safety, aesthetics, duplicates) is passed over, as those servers pass
//! over what they were started without.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::answers::{numbers, searched};
use super::body::Brought;
use super::metrics::{Metrics, Step};
use super::parameters::Parameters;
use super::reply::{self, Reply};
use crate::gallery::{Answer, Ask, Gallery, Refusal};
use crate::table::column;

/// Rows of an answer.
const MOST: u32 = 1000;

/// cerebro's `GET /search/text`.
pub(super) fn text(gallery: &Gallery, parameters: &Parameters, metrics: &Metrics) -> Result<Reply, Refusal> {
    let Some(query) = parameters.owned("query") else {
        return Err(Refusal::question("query: words are expected", "/search/text?query=fire+dog&top_n=5"));
    };
    let ask = Ask { q: Some(query), top: top_n(parameters)?, ..Ask::default() };
    Ok(cerebro(&searched(gallery, &ask, metrics)?, parameters))
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
    let ask = Ask { picture: Some(picture.into()), top: top_n(&parameters)?, ..Ask::default() };
    Ok(cerebro(&searched(gallery, &ask, metrics)?, &parameters))
}

fn top_n(parameters: &Parameters) -> Result<u32, Refusal> {
    Ok(parameters.number("top_n", 1, MOST)?.unwrap_or(5))
}

fn cerebro(answer: &Answer, parameters: &Parameters) -> Reply {
    // There are pictures here, and no films.
    let wanted = parameters.text("filter_media").is_none_or(|media| ["image", "all"].contains(&media));
    let hits = answer.hits.iter().filter(|_| wanted).map(|hit| {
        json!({
            "file_path": file(hit),
            "youtube_video_id": null,
            "timestamp": null,
            "media_type": "image",
            "score": hit["score"],
        })
    });
    reply::json(&hits.collect::<Vec<Value>>())
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

/// clip-retrieval's `POST /knn-service`.
pub(super) fn knn(gallery: &Gallery, brought: &Brought, metrics: &Metrics) -> Result<Reply, Refusal> {
    let object = &brought.object;
    let given = |name: &str| object.get(name).filter(|value| !value.is_null());
    let text = |name: &str| given(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if text("image_url").is_some() && text("image").is_none() {
        return Err(Refusal::question("image_url: nothing is fetched from the network", "send the picture itself"));
    }
    // The text of these clients is a sentence, in which + and - join nothing.
    let q = text("text").map(|text| text.replace([' ', '\t', '\n'], " ")).map(|text| text.replace(" + ", " and "));
    let picture = match text("image") {
        Some(image) => {
            let bytes = STANDARD.decode(image.trim());
            Some(bytes.map_err(|_| Refusal::question("image: is no base64", "send the bytes of a picture in base64"))?)
        }
        None => None,
    };
    let vector = given("embedding_input").map(numbers).transpose()?;
    let count = |name: &str| given(name).and_then(Value::as_u64);
    let wanted = count("num_images").or_else(|| count("num_result_ids")).unwrap_or(100);
    let top = u32::try_from(wanted).unwrap_or(MOST).clamp(1, MOST);
    // One thing is asked for: a picture before words, words before a vector.
    let ask = match (picture, q, vector) {
        (Some(picture), ..) => Ask { picture: Some(picture), top, ..Ask::default() },
        (None, Some(q), _) => Ask { q: Some(q), top, ..Ask::default() },
        (None, None, vector) => Ask { vector, top, ..Ask::default() },
    };
    let answer = searched(gallery, &ask, metrics)?;
    let hits: Vec<Value> = answer.hits.iter().map(|hit| Value::Object(result(gallery, hit, metrics))).collect();
    Ok(reply::json(&hits))
}

/// A hit as `map_to_metadata` gives it: the row's cells, its picture in base64, its number and how near it is.
fn result(gallery: &Gallery, hit: &Map<String, Value>, metrics: &Metrics) -> Map<String, Value> {
    let row = hit["row"].as_u64().unwrap_or_default();
    let mut all = row_cells(hit);
    if gallery.about().pictures
        && let Ok(Some(small)) = metrics.time(Step::Thumbnail, || gallery.thumbnail(row, 256))
    {
        all.insert("image".into(), STANDARD.encode(&small.jpeg).into());
    }
    all.insert("id".into(), row.into());
    all.insert("similarity".into(), hit["score"].clone());
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
        Ok(json!({ "id": id, "metadata": row_cells(&row) }))
    });
    Ok(reply::json(&found.collect::<Result<Vec<Value>, Refusal>>()?))
}
