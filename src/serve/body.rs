//! What comes with a request: a picture, a form with one, or an object.
//!
//! Promises: no more is read than may come, nor for longer; what is announced as larger is refused before it comes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyDataStream, BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{Request, StatusCode};
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::parameters::Parameters;
use super::reply;

/// Bytes of a request's body: the largest pictures of cameras have less.
const MOST: usize = 64 << 20;
/// Bytes of an object: a vector of a few thousand numbers and more; and of one that may hold a picture in base64.
const MOST_OBJECT: usize = 1 << 20;
const MOST_WITH_PICTURE: usize = MOST / 3 * 4 + MOST_OBJECT;
/// The time for all of it.
const TIME: Duration = Duration::from_secs(30);
/// Bytes of the bodies of all requests together.
const ROOM: usize = 256 << 20;

/// Room for bodies: what is brought takes of it until its answer is there.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Room {
        Room(Arc::new(Semaphore::new(ROOM)))
    }
}

/// What came with a request.
#[derive(Debug, Default)]
pub(super) struct Brought {
    pub(super) picture: Option<Bytes>,
    pub(super) object: Map<String, Value>,
    pub(super) form: Parameters,
    /// The room that it takes.
    _room: Option<OwnedSemaphorePermit>,
}

impl Brought {
    /// Whether an object holds a picture, as text.
    pub(super) fn has_image(&self) -> bool {
        self.object.get("image").is_some_and(|image| !image.is_null())
    }
}

/// What is wrong with a body.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) status: StatusCode,
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
}

/// Reads the body of a request.
///
/// # Errors
/// What is wrong with it.
pub(super) async fn read(request: Request<Incoming>, room: &Room) -> Result<Brought, Unreadable> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.trim().to_string();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let packed = request.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    let is_picture = essence.starts_with("image/") || essence == "application/octet-stream";
    if packed || !is_picture && ![reply::JSON, "multipart/form-data"].contains(&essence.as_str()) {
        return Err(Unreadable {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            message: "the body is of a type that is not read here".into(),
            hint: Some("send a picture (Content-Type: image/jpeg), a form (multipart/form-data) or application/json"),
        });
    }
    if essence == reply::JSON {
        return object(all_of(request.into_body(), MOST_OBJECT, room).await?);
    }
    let (bytes, room) = all_of(request.into_body(), MOST, room).await?;
    match is_picture {
        true => Ok(Brought { picture: Some(bytes), _room: room, ..Brought::default() }),
        false => Ok(Brought { _room: room, ..form(bytes, &kind).await? }),
    }
}

/// Reads the body of a request as an object, whatever its type says, which may hold a picture in base64.
///
/// # Errors
/// What is wrong with it.
pub(super) async fn read_object(request: Request<Incoming>, room: &Room) -> Result<Brought, Unreadable> {
    object(all_of(request.into_body(), MOST_WITH_PICTURE, room).await?)
}

/// Bytes, and the room that they take.
type Kept = (Bytes, Option<OwnedSemaphorePermit>);

fn object((bytes, room): Kept) -> Result<Brought, Unreadable> {
    let object = serde_json::from_slice::<Value>(&bytes).map_err(|e| bad(&format!("no JSON: {e}")))?;
    match object {
        Value::Object(object) => Ok(Brought { object, _room: room, ..Brought::default() }),
        _ => Err(bad("an object is expected: {\"q\": \"fire dog\"}")),
    }
}

async fn all_of(body: Incoming, most: usize, room: &Room) -> Result<Kept, Unreadable> {
    let large = || {
        let message = format!("the body is longer than {} MB", most >> 20);
        Unreadable {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            message,
            hint: Some("send the picture smaller: 1024 pixels are plenty"),
        }
    };
    if body.size_hint().lower() > most as u64 {
        return Err(large());
    }
    let reading = async {
        let mut body = Limited::new(body, most);
        let (mut bytes, mut kept) = (Vec::new(), None::<OwnedSemaphorePermit>);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| match e.is::<LengthLimitError>() {
                true => large(),
                false => bad(&format!("the body cannot be read: {e}")),
            })?;
            let Ok(data) = frame.into_data() else { continue };
            // Room is taken as bytes come: what is only announced takes none.
            let length = u32::try_from(data.len()).map_err(|_| large())?;
            let more = room.0.clone().try_acquire_many_owned(length).map_err(|_| crowded())?;
            match &mut kept {
                Some(kept) => kept.merge(more),
                None => kept = Some(more),
            }
            bytes.extend_from_slice(&data);
        }
        Ok((bytes.into(), kept))
    };
    let read = tokio::time::timeout(TIME, reading).await;
    read.unwrap_or_else(|_| {
        Err(Unreadable { status: StatusCode::REQUEST_TIMEOUT, message: "the body took too long".into(), hint: None })
    })
}

fn crowded() -> Unreadable {
    Unreadable {
        status: StatusCode::SERVICE_UNAVAILABLE,
        message: "too many pictures at once".into(),
        hint: Some("ask again in a second"),
    }
}

/// The fields of a form; the file is a picture.
async fn form(bytes: Bytes, kind: &str) -> Result<Brought, Unreadable> {
    let problem = |e: multer::Error| bad(&format!("no form: {e}"));
    let boundary = multer::parse_boundary(kind).map_err(problem)?;
    let stream = BodyDataStream::new(Full::<Bytes>::new(bytes).map_err(|never: Infallible| match never {}));
    let mut fields = multer::Multipart::new(stream, boundary);
    let mut brought = Brought::default();
    while let Some(field) = fields.next_field().await.map_err(problem)? {
        let name = field.name().unwrap_or_default().to_string();
        let is_file = field.file_name().is_some() || ["file", "image", "picture"].contains(&name.as_str());
        if is_file && brought.picture.is_none() {
            brought.picture = Some(field.bytes().await.map_err(problem)?);
        } else if is_file {
            return Err(bad("a form has one picture"));
        } else {
            brought.form.add(name, field.text().await.map_err(problem)?);
        }
    }
    Ok(brought)
}

fn bad(message: &str) -> Unreadable {
    Unreadable { status: StatusCode::BAD_REQUEST, message: message.into(), hint: None }
}
