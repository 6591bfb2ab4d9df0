//! JSON-RPC, and what the protocol wants around an answer.
//!
//! Since 2026-07-28 there is no session: `server/discover` says what there is, every request says its version, and results say
//! that they are complete. Clients of before begin with `initialize`; what they cannot read is left out of their answers.

use serde_json::{Map, Value, json};

use super::Cancelled;
use super::tools::{Called, Tools};
use crate::guard;

/// The versions that begin with `initialize`, and the one that does not.
const OLD: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
const NEW: &str = "2026-07-28";
/// From here on, structured answers are known.
const STRUCTURED: &str = "2025-06-18";

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const SERVER: &str = "io.modelcontextprotocol/serverInfo";

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;
const INTERNAL_ERROR: i32 = -32603;
const UNSUPPORTED_VERSION: i32 = -32022;

/// How long a client may keep the list of tools, which never changes.
const KEPT_MS: u64 = 3_600_000;

/// What is known of the other side.
#[derive(Debug, Default)]
pub(super) struct Protocol {
    /// The version that `initialize` settled.
    settled: Option<&'static str>,
}

/// A message, as far as it is one.
pub(super) struct Request<'m> {
    id: &'m Value,
    method: &'m str,
    params: &'m Map<String, Value>,
}

/// Why a request is not answered as it wished.
struct Wrong {
    code: i32,
    message: String,
    data: Option<Value>,
}

impl Wrong {
    fn new(code: i32, message: impl Into<String>) -> Wrong {
        Wrong { code, message: message.into(), data: None }
    }
}

impl Request<'_> {
    /// The id of the request that this line says is wanted no longer.
    pub(super) fn cancels(line: &[u8]) -> Option<Value> {
        const METHOD: &[u8] = b"notifications/cancelled";
        let about = line.len() < 4096 && line.windows(METHOD.len()).any(|part| part == METHOD);
        let message: Value = about.then(|| serde_json::from_slice(line).ok()).flatten()?;
        let is_it = message.get("method")?.as_str()?.as_bytes() == METHOD;
        is_it.then(|| message.get("params")?.get("requestId").cloned()).flatten()
    }
}

impl Protocol {
    /// What a line is answered; nothing to notifications and answers.
    pub(super) fn answer(&mut self, line: &[u8], tools: &Tools, cancelled: &Cancelled) -> Option<Value> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        let message: Value = match serde_json::from_slice(line) {
            Ok(message) => message,
            Err(e) => return Some(failed(&Value::Null, &Wrong::new(PARSE_ERROR, format!("no JSON: {e}")))),
        };
        match &message {
            // Several messages in one line, which the version of 2025-03-26 knew.
            Value::Array(all) if !all.is_empty() => {
                let answers: Vec<Value> = all.iter().filter_map(|one| self.one(one, tools, cancelled)).collect();
                (!answers.is_empty()).then(|| Value::Array(answers))
            }
            one => self.one(one, tools, cancelled),
        }
    }

    fn one(&mut self, message: &Value, tools: &Tools, cancelled: &Cancelled) -> Option<Value> {
        let none = Map::new();
        let invalid = |problem: &str| Some(failed(&Value::Null, &Wrong::new(INVALID_REQUEST, problem)));
        let Value::Object(object) = message else { return invalid("a request is an object") };
        let Some(method) = object.get("method") else {
            // An answer to nothing that was asked.
            let is_answer = object.contains_key("result") || object.contains_key("error");
            return if is_answer { None } else { invalid("a request has a method") };
        };
        let (Some(method), Some("2.0")) = (method.as_str(), object.get("jsonrpc").and_then(Value::as_str)) else {
            return invalid("a request has \"jsonrpc\": \"2.0\" and a method");
        };
        let id = object.get("id")?;
        if !id.is_string() && !id.is_i64() && !id.is_u64() {
            return invalid("the id of a request is a text or a whole number");
        }
        let params = match object.get("params") {
            None | Some(Value::Null) => &none,
            Some(Value::Object(params)) => params,
            Some(_) => return Some(failed(id, &Wrong::new(INVALID_PARAMS, "params are an object"))),
        };
        let request = Request { id, method, params };
        let answered = guard::catch(|| self.result(&request, tools, cancelled));
        let withdrawn = cancelled.has(id);
        cancelled.forget(id);
        if withdrawn {
            return None;
        }
        Some(match answered {
            Some(Ok(result)) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Some(Err(wrong)) => failed(id, &wrong),
            None => failed(id, &Wrong::new(INTERNAL_ERROR, "this question was too much")),
        })
    }

    fn result(&mut self, request: &Request, tools: &Tools, cancelled: &Cancelled) -> Result<Value, Wrong> {
        let asked = request.params.get("_meta").and_then(|meta| meta.get(VERSION));
        let is_new = asked.is_some();
        if let Some(version) = asked.filter(|version| version.as_str() != Some(NEW)) {
            let data = json!({ "supported": [NEW], "requested": version });
            return Err(Wrong {
                data: Some(data),
                ..Wrong::new(UNSUPPORTED_VERSION, "this version is not spoken here")
            });
        }
        let version = if is_new { NEW } else { self.settled.unwrap_or(OLD[OLD.len() - 1]) };
        let structured = version >= STRUCTURED;
        let mut result = match request.method {
            "initialize" if !is_new => self.initialize(request.params),
            "server/discover" => json!({
                "supportedVersions": [NEW],
                "capabilities": { "tools": {} },
                "instructions": tools.instructions(),
                "ttlMs": KEPT_MS,
                "cacheScope": "private",
            }),
            "ping" => json!({}),
            "tools/list" => match is_new {
                true => json!({ "tools": tools.list(structured), "ttlMs": KEPT_MS, "cacheScope": "private" }),
                false => json!({ "tools": tools.list(structured) }),
            },
            "tools/call" => self.call(request, tools, cancelled, structured)?,
            other => return Err(Wrong::new(METHOD_NOT_FOUND, format!("{other}: there is no such method"))),
        };
        if is_new && let Value::Object(result) = &mut result {
            result.insert("resultType".into(), "complete".into());
            result.insert("_meta".into(), json!({ SERVER: server() }));
        }
        Ok(result)
    }

    /// The version that both sides speak: what was asked for, or the newest that begins so.
    fn initialize(&mut self, params: &Map<String, Value>) -> Value {
        let asked = params.get("protocolVersion").and_then(Value::as_str);
        let version = OLD.into_iter().find(|version| asked == Some(version)).unwrap_or(OLD[OLD.len() - 1]);
        self.settled = Some(version);
        json!({ "protocolVersion": version, "capabilities": { "tools": {} }, "serverInfo": server() })
    }

    fn call(&self, request: &Request, tools: &Tools, cancelled: &Cancelled, structured: bool) -> Result<Value, Wrong> {
        let name = request.params.get("name").and_then(Value::as_str);
        let name = name.ok_or_else(|| Wrong::new(INVALID_PARAMS, "the name of a tool is expected"))?;
        let none = Map::new();
        let arguments = match request.params.get("arguments") {
            None | Some(Value::Null) => &none,
            Some(Value::Object(arguments)) => arguments,
            Some(_) => return Err(Wrong::new(INVALID_PARAMS, "arguments are an object")),
        };
        let called = tools.call(name, arguments, &|| cancelled.has(request.id));
        let called = called.ok_or_else(|| Wrong::new(INVALID_PARAMS, format!("{name}: there is no such tool")))?;
        Ok(match called {
            Ok(Called { text, image, object }) => {
                let mut content = vec![json!({ "type": "text", "text": text })];
                content.extend(image.map(|data| json!({ "type": "image", "data": data, "mimeType": "image/jpeg" })));
                match structured {
                    true => json!({ "content": content, "structuredContent": object, "isError": false }),
                    false => json!({ "content": content, "isError": false }),
                }
            }
            Err(refusal) => {
                let hint = refusal.hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
                let text = format!("{}{hint}", refusal.message);
                json!({ "content": [{ "type": "text", "text": text }], "isError": true })
            }
        })
    }
}

/// The answer to a line that was not read to its end.
pub(super) fn too_long(most: u64) -> Value {
    failed(&Value::Null, &Wrong::new(INVALID_REQUEST, format!("a line has at most {} MB", most >> 20)))
}

fn failed(id: &Value, wrong: &Wrong) -> Value {
    let mut error = json!({ "code": wrong.code, "message": wrong.message });
    if let Some(data) = &wrong.data {
        error["data"] = data.clone();
    }
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}

fn server() -> Value {
    json!({ "name": "pokedex", "title": "Pokédex", "version": env!("CARGO_PKG_VERSION") })
}
