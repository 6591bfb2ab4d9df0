//! What agents may ask for: the tools, what they take and what they give.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::arguments::Arguments;
use super::roots::Roots;
use crate::check;
use crate::gallery::{Answer, Ask, Fault, Gallery, Page, Refusal};
use crate::io;
use crate::progress::Progress;
use crate::table::layout::is_of_tables;
use crate::table::{column, is_table};

/// Rows of an answer, and as many as can be had by going on.
const TOP: u32 = 10;
const MOST_TOP: u64 = 50;
const MOST_OFFSET: u32 = 1000;
/// Findings of an answer.
const FINDINGS: u64 = 20;
/// The longest side of a picture in an answer.
const PICTURE: u32 = 256;
/// Columns that each hit of the built-in Pokédex brings beside its names.
const FACTS: [&str; 3] = ["generation", "type1", "type2"];

/// What the tools work on.
pub(super) struct Tools {
    pub(super) gallery: Gallery,
    pub(super) roots: Roots,
}

/// What a call gives.
pub(super) struct Called {
    /// For whoever reads.
    pub(super) text: String,
    /// A JPEG in base64.
    pub(super) image: Option<String>,
    /// For programs.
    pub(super) object: Value,
}

impl Tools {
    /// What the other side should know before it asks.
    pub(super) fn instructions(&self) -> String {
        let about = self.gallery.about();
        let what = match about.pokedex {
            true => "The 1025 species of Pokémon, searched by what they look like and are.".to_string(),
            false => format!("{} with {} rows, searched by what their pictures look like.", about.name, about.rows),
        };
        format!(
            "{what} search finds rows by words, similar by a row, describe tells all of a row. Everything only reads."
        )
    }

    /// The tools as the protocol lists them.
    pub(super) fn list(&self, structured: bool) -> Value {
        let text = |what: &str| json!({ "type": "string", "description": what });
        let number =
            |what: &str, most: u64| json!({ "type": "integer", "minimum": 0, "maximum": most, "description": what });
        let condition = text("Only rows for which this SQL condition holds: hp > 100 and type1 = 'fire'");
        let top = json!({ "type": "integer", "minimum": 1, "maximum": MOST_TOP, "default": TOP, "description": "How many rows" });
        let cursor = text("`next` of the answer before, to go on where it ended");
        let row = number("The number of a row, from 0", u64::MAX >> 12);
        let key = text("The key of a row");
        let nullable = |kind: &str| json!({ "type": [kind, "null"] });
        let hit = json!({
            "type": "object",
            "properties": { "rank": { "type": "integer" }, "score": { "type": "number" }, "row": { "type": "integer" },
                "key": { "type": "string" }, "id": nullable("integer"), "label": nullable("string"), "path": nullable("string") },
            "required": ["rank", "score", "row", "key"],
        });
        let found = json!({
            "type": "object",
            "properties": {
                "query": { "type": "string" }, "notes": { "type": "array", "items": { "type": "string" } },
                "weak": { "type": "boolean", "description": "Nothing is really like what was asked" },
                "hits": { "type": "array", "items": hit }, "next": { "type": "string" },
            },
            "required": ["query", "notes", "weak", "hits"],
        });
        let tool = |name: &str, title: &str, does: &str, takes: Value, required: &[&str], gives: Value| {
            let mut tool = json!({
                "name": name, "title": title, "description": does,
                "inputSchema": { "type": "object", "properties": takes, "required": required, "additionalProperties": false },
                "annotations": { "title": title, "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false },
            });
            if structured {
                tool["outputSchema"] = gives;
            }
            tool
        };
        let words = "What it looks like, in English words; + and - join terms, 2: before one doubles it, id:25 and key:NAME are rows";
        let object = json!({ "type": "object" });
        let mut all = vec![
            tool(
                "search",
                "Search",
                "Finds the rows nearest to words, best first.",
                json!({ "q": text(words), "where": condition, "top": top, "cursor": cursor }),
                &["q"],
                found.clone(),
            ),
            tool(
                "similar",
                "Similar",
                "Finds the rows most like a row, given by its number or its key.",
                json!({ "row": row, "key": key, "where": condition, "top": top, "cursor": cursor }),
                &[],
                found,
            ),
            tool(
                "describe",
                "Describe",
                "Tells all that is known of a row, given by its number, its key or its class number; with its picture, small, if it is wanted.",
                json!({ "row": row, "key": key, "id": number("The number of a class, of which the first row is told", 1 << 31),
                    "picture": { "type": "boolean", "description": "Whether its picture is wanted" } }),
                &[],
                json!({ "type": "object", "properties": { "row": { "type": "integer" } }, "required": ["row"] }),
            ),
            tool(
                "about",
                "About",
                "Tells what is searched here: rows, columns, model.",
                json!({}),
                &[],
                object.clone(),
            ),
            tool(
                "check",
                "Check",
                "Says what is wrong with a folder of pictures or a data set below the folders that were given: damaged pictures, copies, leaks between splits. A table is checked without opening its pictures.",
                json!({ "path": text("A folder or a table, relative to a folder that was given"), "limit": number("How many findings are named", 200) }),
                &["path"],
                json!({ "type": "object", "properties": { "rows": { "type": "integer" }, "findings": { "type": "integer" },
                    "rules": { "type": "object" }, "first": { "type": "array", "items": { "type": "object" } } }, "required": ["rows", "findings"] }),
            ),
        ];
        if self.gallery.about().classify {
            let picture = text("A picture file in base64");
            let path = text("A picture below the folders that were given");
            all.push(tool("classify", "Classify", "Says which class a picture is of, and whether that is to be believed.",
                json!({ "picture": picture, "path": path, "top": number("How many classes", 20) }), &[],
                json!({ "type": "object", "properties": { "rejected": { "type": "boolean" }, "predictions": { "type": "array", "items": object } },
                    "required": ["rejected", "predictions"] })));
        }
        Value::Array(all)
    }

    /// Calls a tool; `None` where there is no such.
    pub(super) fn call(
        &self,
        name: &str,
        arguments: &Map<String, Value>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Option<Result<Called, Refusal>> {
        Some(match name {
            "search" => self.search(arguments),
            "similar" => self.similar(arguments),
            "describe" => self.describe(arguments),
            "classify" => self.classify(arguments),
            "check" => self.check(arguments, cancelled),
            "about" => Arguments::new(arguments, &[]).map(|_| self.about()),
            _ => return None,
        })
    }

    fn search(&self, arguments: &Map<String, Value>) -> Result<Called, Refusal> {
        let given = Arguments::new(arguments, &["q", "where", "top", "cursor"])?;
        let Some(q) = given.text("q")? else {
            return Err(Refusal::question("q: words are expected", "\"q\": \"fire dog\""));
        };
        self.found(&given, arguments, Ask { q: Some(q.into()), ..Ask::default() })
    }

    fn similar(&self, arguments: &Map<String, Value>) -> Result<Called, Refusal> {
        let given = Arguments::new(arguments, &["row", "key", "where", "top", "cursor"])?;
        let row = self.row_of(&given)?;
        self.found(&given, arguments, Ask { row: Some(row), ..Ask::default() })
    }

    /// The row that is meant by its number, its key or, where these are known, its class number.
    fn row_of(&self, given: &Arguments) -> Result<u64, Refusal> {
        if let Some(row) = given.number("row", 0, u64::MAX >> 12)? {
            return Ok(row);
        }
        if let Some(key) = given.text("key")? {
            return self.gallery.row_of_key(key);
        }
        let Some(id) = given.number("id", 0, 1 << 31)? else {
            return Err(Refusal::question("a row is expected", "\"row\": 24, or \"key\": \"pikachu\""));
        };
        let page = Page { count: 1, condition: Some(format!("id = {id}")), ..Page::default() };
        let row = self.gallery.rows(&page)?.rows.first().and_then(|row| row.get("row")?.as_u64());
        row.ok_or_else(|| Refusal::missing(format!("there is no row of id {id}")))
    }

    fn found(&self, given: &Arguments, arguments: &Map<String, Value>, ask: Ask) -> Result<Called, Refusal> {
        let top = given.number("top", 1, MOST_TOP)?.map_or(TOP, |top| top as u32);
        let question = self.question(arguments);
        let offset = given.text("cursor")?.map(|cursor| place(cursor, &question)).transpose()?.unwrap_or(0);
        let condition = given.text("where")?.map(str::to_string);
        let answer = self.gallery.search(&Ask { condition, top, offset, ..ask })?;
        let more = answer.hits.len() == top as usize && offset + top < MOST_OFFSET;
        let next = more.then(|| cursor(&question, offset + top));
        let text = told(&answer, next.is_some());
        let hits: Vec<Value> = answer.hits.iter().map(|hit| self.short(hit)).collect();
        let mut object = json!({ "query": answer.query, "notes": answer.notes, "weak": answer.weak, "hits": hits });
        if let Some(next) = next {
            object["next"] = next.into();
        }
        Ok(Called { text, image: None, object })
    }

    /// What tells a question to this index from every other, whatever part of the answer is wanted.
    fn question(&self, arguments: &Map<String, Value>) -> String {
        let mut all: Vec<(&String, &Value)> = arguments.iter().filter(|(name, _)| *name != "cursor").collect();
        all.sort_by_key(|(name, _)| *name);
        let text = format!("{} {}", self.gallery.about().identity, json!(all));
        blake3::hash(text.as_bytes()).to_hex()[..16].to_string()
    }

    /// What an agent needs to go on; `describe` tells the rest.
    fn short(&self, hit: &Map<String, Value>) -> Value {
        let names = ["rank", "score", "row", column::KEY, column::ID, column::LABEL, column::PATH];
        let facts = FACTS.iter().filter(|_| self.gallery.about().pokedex);
        let wanted = names.iter().chain(facts);
        let cells = wanted.filter_map(|name| Some((name.to_string(), hit.get(*name)?.clone())));
        Value::Object(cells.filter(|(_, value)| !value.is_null()).collect())
    }

    fn describe(&self, arguments: &Map<String, Value>) -> Result<Called, Refusal> {
        let given = Arguments::new(arguments, &["row", "key", "id", "picture"])?;
        let number = self.row_of(&given)?;
        let row = self.gallery.row(number)?;
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
        let lines = row.iter().filter(|(_, value)| !value.is_null());
        let mut text: String = lines.map(|(name, value)| format!("{name}: {}\n", shown(value))).collect();
        let mut image = None;
        if given.flag("picture")? {
            match self.gallery.thumbnail(number, PICTURE)? {
                Some(made) => image = Some(STANDARD.encode(&made.jpeg)),
                None => text.push_str("(there is no picture that may be shown)\n"),
            }
        }
        Ok(Called { text: text.trim_end().into(), image, object: Value::Object(row) })
    }

    fn about(&self) -> Called {
        let about = self.gallery.about();
        let columns: Vec<&str> = about.columns.iter().map(|column| column.name.as_str()).collect();
        let text = format!(
            "{}: {} rows, model {}, columns {}",
            about.name,
            about.rows,
            about.model.as_deref().unwrap_or("unknown"),
            columns.join(", ")
        );
        Called { text, image: None, object: serde_json::to_value(about).unwrap_or(Value::Null) }
    }

    fn classify(&self, arguments: &Map<String, Value>) -> Result<Called, Refusal> {
        let given = Arguments::new(arguments, &["picture", "path", "top"])?;
        let picture = match (given.text("picture")?, given.text("path")?) {
            (Some(picture), None) => {
                // Many encoders break lines.
                let picture: String = picture.split_ascii_whitespace().collect();
                let bytes = STANDARD.decode(picture);
                bytes.map_err(|_| Refusal::question("picture: is no base64", "send the bytes of the file in base64"))?
            }
            (None, Some(path)) => {
                let file = self.roots.find(path)?;
                let name = file.to_string_lossy();
                let read = io::find_image(&name).and_then(|_| io::read_image(&name));
                read.map_err(|e| Refusal::missing(format!("{path}: cannot be read as a picture: {e}")))?
            }
            _ => {
                return Err(Refusal::question("a picture is expected", "\"picture\" in base64, or \"path\"; not both"));
            }
        };
        let top = given.number("top", 1, 20)?.unwrap_or(5) as usize;
        let classes = self.gallery.classify(&picture, top)?;
        let line = |class: &crate::gallery::Class| format!("{} {}\n", class.label, class.probability);
        let mut text: String = classes.predictions.iter().map(line).collect();
        if classes.rejected {
            text.insert_str(0, "unknown: none of the classes is to be believed; the nearest are\n");
        }
        let object = serde_json::to_value(&classes).unwrap_or(Value::Null);
        Ok(Called { text: text.trim_end().into(), image: None, object })
    }

    fn check(&self, arguments: &Map<String, Value>, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Called, Refusal> {
        let given = Arguments::new(arguments, &["path", "limit"])?;
        let Some(path) = given.text("path")? else {
            return Err(Refusal::question("path: a folder or a table is expected", "\"path\": \"photos\""));
        };
        let limit = given.number("limit", 0, 200)?.unwrap_or(FINDINGS) as usize;
        let found = self.roots.find(path)?;
        self.roots.enclose(path, &found, &|| cancelled())?;
        // A table may name pictures anywhere: of those its columns are held against each other only.
        let mut start = Vec::new();
        if found.is_file() {
            let read = std::fs::File::open(&found)
                .and_then(|file| std::io::Read::read_to_end(&mut std::io::Read::take(file, 64), &mut start));
            read.map_err(|e| Refusal::missing(format!("{path}: cannot be read: {e}")))?;
        }
        let options =
            check::Options { pictures: !is_table(&start) && !is_of_tables(&found), ..check::Options::default() };
        let checked = check::check(&[found], None, &options, &mut Asking(cancelled));
        let report = checked.map_err(|failure| {
            let hint = failure.hints.first().map(|hint| self.gallery.discreet(hint));
            Refusal { fault: Fault::Question, message: self.gallery.discreet(&failure.to_string()), hint }
        })?;
        let report = report.report;
        let mut rules: Map<String, Value> = Map::new();
        for finding in &report.findings {
            let count = rules.get(finding.rule.name()).and_then(Value::as_u64).unwrap_or(0);
            rules.insert(finding.rule.name().into(), (count + 1).into());
        }
        let first: Vec<Value> = report
            .findings
            .iter()
            .take(limit)
            .map(|finding| {
                let sentence = self.gallery.discreet(&report.sentence(finding));
                json!({ "rule": finding.rule.name(), "severity": finding.rule.severity().name(), "finding": sentence })
            })
            .collect();
        let mut text = format!("{path}: {} rows, {} findings", report.summary.rows, report.findings.len());
        for one in &first {
            text.push_str(&format!(
                "\n{} ({}): {}",
                shown(&one["severity"]),
                shown(&one["rule"]),
                shown(&one["finding"])
            ));
        }
        let object = json!({
            "rows": report.summary.rows, "unreadable": report.summary.unreadable, "findings": report.findings.len(),
            "rules": rules, "first": first,
        });
        Ok(Called { text, image: None, object })
    }
}

fn shown(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Asks whether the answer is still wanted.
struct Asking<'a>(&'a (dyn Fn() -> bool + Sync));

impl Progress for Asking<'_> {
    fn is_cancelled(&self) -> bool {
        (self.0)()
    }
}

/// An answer in lines.
fn told(answer: &Answer, more: bool) -> String {
    let mut lines: Vec<String> = answer.notes.clone();
    match (answer.hits.is_empty(), answer.weak) {
        (true, _) => lines.push("nothing was found".into()),
        (false, true) => lines.push("nothing is really like that; these come nearest:".into()),
        _ => {}
    }
    lines.extend(answer.hits.iter().map(|hit| {
        let text = |name: &str| {
            hit.get(name)
                .filter(|value| !value.is_null())
                .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_string))
        };
        let name = text(column::LABEL).map(|label| format!("{label}, ")).unwrap_or_default();
        let (rank, row, score) = (text("rank"), text("row"), hit["score"].as_f64().unwrap_or_default());
        format!(
            "{}. {name}key {}, row {}, score {score:.4}",
            rank.unwrap_or_default(),
            text(column::KEY).unwrap_or_default(),
            row.unwrap_or_default()
        )
    }));
    if more {
        lines.push("more: call again with the cursor `next`".into());
    }
    lines.join("\n")
}

/// Where to go on with a question.
fn cursor(question: &str, offset: u32) -> String {
    URL_SAFE_NO_PAD.encode(format!("{question} {offset}"))
}

fn place(cursor: &str, question: &str) -> Result<u32, Refusal> {
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let parts = text.as_deref().and_then(|text| text.split_once(' '));
    let offset = parts.and_then(|(own, offset)| Some((own, offset.parse::<u32>().ok()?)));
    match offset {
        Some((own, offset)) if own == question && offset <= MOST_OFFSET => Ok(offset),
        _ => Err(Refusal::question(
            "cursor: belongs to another question, or the index was replaced",
            "ask without it; the other arguments stay as they were while one goes on",
        )),
    }
}
