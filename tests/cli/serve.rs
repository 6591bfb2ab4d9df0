mod attacks;
mod server;

use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use image::{DynamicImage, Rgb, RgbImage};
use serde_json::Value;

use crate::workdir::{Workdir, encode, pixels, png};
use server::{Server, escaped, reply};

/// A folder of pictures of one colour each, in two folders, and an index of them.
fn photos() -> Workdir {
    let dir = Workdir::new();
    let colours =
        [("red", [200, 30, 30]), ("green", [30, 160, 40]), ("blue", [20, 40, 200]), ("grey", [120, 120, 120])];
    for (at, (name, colour)) in colours.into_iter().enumerate() {
        let picture = RgbImage::from_pixel(480, 300, Rgb(colour));
        let folder = if at % 2 == 0 { "odd" } else { "even" };
        dir.write(&format!("photos/{folder}/{name}.png"), png(&picture.into()));
    }
    dir.pictures("photos/even", 6);
    dir.pokedex("scan photos -o m.parquet").ok();
    dir.pokedex("embed m.parquet -o e.parquet").ok();
    dir.pokedex("index e.parquet --columns width,height --kind exact -o i.parquet").ok();
    dir
}

fn keys(answer: &Value) -> Vec<String> {
    let hits = answer["hits"].as_array().expect("hits");
    hits.iter().map(|hit| hit["key"].as_str().expect("a key").to_string()).collect()
}

/// Keys and scores that `query` gives.
fn told(dir: &Workdir, arguments: &[&str]) -> Vec<(String, f64)> {
    let text = dir.pokedex_args(&[&["query", "--format", "json"], arguments].concat()).ok().text();
    let rows: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    rows.iter()
        .map(|row| (row["key"].as_str().expect("a key").into(), row["score"].as_f64().expect("a score")))
        .collect()
}

fn answered(answer: &Value) -> Vec<(String, f64)> {
    let hits = answer["hits"].as_array().expect("hits").iter();
    hits.map(|hit| (hit["key"].as_str().expect("a key").into(), hit["score"].as_f64().expect("a score"))).collect()
}

#[test]
fn the_built_in_pokedex_is_there_without_an_argument() {
    let dir = Workdir::new();
    let server = Server::start(&dir, &[]);
    let page = server.get("/").ok();
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").is_some_and(|policy| !policy.contains("unsafe")));
    let text = page.text();
    for part in text.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css")) {
        assert!(!server.get(&format!("/{part}")).ok().body.is_empty(), "{part}");
    }
    let about = server.get("/api/about").ok().json();
    assert_eq!((about["rows"].as_u64(), about["group"].as_str()), (Some(1025), Some("generation")));
    let groups = server.get("/api/groups?group=generation").ok().json();
    assert_eq!(groups["groups"][0], serde_json::json!({ "value": 1, "from": 0, "count": 151 }));
    assert_eq!(groups["groups"].as_array().map(Vec::len), Some(9));
    let rows = server.get("/api/rows?from=24&count=2").ok().json();
    assert_eq!((rows["total"].as_u64(), rows["rows"][0]["label"].as_str()), (Some(1025), Some("Pikachu")));
    assert!(rows["rows"][0].get("embedding").is_none());
    assert_eq!(server.get("/api/rows/24").ok().json(), rows["rows"][0]);
    let thumbnail = server.get("/api/rows/24/thumbnail");
    assert_eq!(thumbnail.status, 204, "{}", thumbnail.text());
    let figures = server.get("/metrics").ok().text();
    assert!(figures.contains("pokedex_index_rows 1025\n") && figures.contains("step=\"rows\""), "{figures}");
    assert!(server.get("/openapi.json").ok().json()["paths"]["/api/search"].is_object());
}

#[test]
fn its_answers_are_those_of_query() {
    let dir = Workdir::new();
    let server = Server::start(&dir, &[]);
    for question in ["fire dog", "pikachoo", "2:water + key:pikachu - blue", "id:25 - id:26", "Type: Null", "gohst"] {
        let arguments: Vec<String> = match question {
            "2:water + key:pikachu - blue" => ["2:water", "+", "key:pikachu", "-", "blue"].map(String::from).into(),
            "id:25 - id:26" => ["id:25", "-", "id:26"].map(String::from).into(),
            other => vec![other.into()],
        };
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.extend(["--top", "12"]);
        let answer = server.get(&format!("/api/search?q={}&top=12", escaped(question))).ok().json();
        assert_eq!(answered(&answer), told(&dir, &arguments), "{question}");
    }
    let condition = "type1 = 'fire' and generation < 3";
    let answer = server.get(&format!("/api/search?q=dragon&where={}&top=5&offset=2", escaped(condition))).ok().json();
    assert_eq!(answered(&answer), told(&dir, &["dragon", "--where", condition, "--top", "5", "--offset", "2"]));
    assert_eq!(answer["hits"][0]["rank"].as_u64(), Some(3));
    let similar = server.get("/api/rows/24/similar?top=6").ok().json();
    assert_eq!(answered(&similar), told(&dir, &["--id", "25", "--top", "6"]));
    let slip = server.get("/api/search?q=gohst").ok().json();
    assert_eq!(slip["notes"][0].as_str(), Some("\"gohst\": not a known word; read as \"ghost\""));
}

#[test]
fn an_adapter_answers_as_it_does_in_query() {
    let dir = crate::adapter::adapted();
    dir.pictures("new", 5);
    dir.pokedex("embed new --engine rten --model ./mine -o own.parquet").ok();
    dir.pokedex("index own.parquet --model ./mine -o i.parquet").ok();
    let server = Server::start(&dir, &["--index", "i.parquet", "--model", "./mine"]);
    let asked = ["--index", "i.parquet", "--model", "./mine"];
    let words = told(&dir, &[&["cat"], &asked[..]].concat());
    assert_eq!(answered(&server.get("/api/search?q=cat").ok().json()), words);
    let picture = told(&dir, &[&["./new/002.png"], &asked[..]].concat());
    assert_eq!(picture[0].0, "002.png");
    assert_eq!(answered(&server.post("/api/search", "image/png", &dir.read("new/002.png")).ok().json()), picture);
    // Its base has no place among its vectors.
    let said = dir.pokedex("serve --index i.parquet --model ./clip --port 0").failed(1);
    assert!(said.contains("mine@") && said.contains("clip@"), "{said}");
}

#[test]
fn pictures_and_vectors_ask_as_words_do() {
    let dir = photos();
    let server = Server::start(&dir, &["--index", "i.parquet"]);
    let picture = dir.read("photos/odd/red.png");
    let wanted = told(&dir, &["./photos/odd/red.png", "--index", "i.parquet"]);
    assert_eq!(answered(&server.post("/api/search", "image/png", &picture).ok().json()), wanted);
    let form = [
        b"--b\r\nContent-Disposition: form-data; name=\"top\"\r\n\r\n3\r\n--b\r\nContent-Disposition: form-data; \
          name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n",
        &picture[..],
        b"\r\n--b--\r\n",
    ]
    .concat();
    let answer = server.post("/api/search", "multipart/form-data; boundary=b", &form).ok().json();
    assert_eq!(answered(&answer), wanted[..3]);
    let both = server.post("/api/search?q=key%3Aeven%2F000.png&top=4", "image/png", &picture).ok().json();
    let arguments = ["./photos/odd/red.png", "+", "key:even/000.png", "--index", "i.parquet", "--top", "4"];
    let told: Vec<String> = told(&dir, &arguments).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys(&both), told);

    let table = dir.table("i.parquet");
    let vectors = pokedex::table::column::vectors(&table, "embedding", "i").expect("vectors");
    let vector = serde_json::json!({ "vector": vectors.get(0).expect("a vector"), "top": 1 }).to_string();
    let answer = server.post("/api/search", "application/json", vector.as_bytes()).ok().json();
    assert_eq!(answer["hits"][0]["row"].as_u64(), Some(0));
    for (body, problem) in [
        (r#"{"vector": [1.0, 2.0]}"#, "numbers"),
        (r#"{"vector": [1e999]}"#, "JSON"),
        (r#"{"vector": ["a"]}"#, "finite"),
        (r#"{"vector": []}"#, "finite"),
        (r#"{"q": ["fire"]}"#, "plain"),
        (r#"[1]"#, "object"),
        (r#"{"qq": "fire"}"#, "no such parameter"),
        ("{}", "nothing is asked for"),
    ] {
        let reply = server.post("/api/search", "application/json", body.as_bytes());
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
        assert!(
            reply.json()["error"].as_str().is_some_and(|error| error.contains(problem)),
            "{body}: {}",
            reply.text()
        );
    }
}

#[test]
fn rows_come_in_order_and_in_groups() {
    let dir = photos();
    let server = Server::start(&dir, &["--index", "i.parquet"]);
    let groups = server.get("/api/groups?group=label").ok().json();
    let groups = groups["groups"].as_array().expect("groups");
    let rows = server.get("/api/rows?group=label&sort=-key&count=1000").ok().json();
    let rows = rows["rows"].as_array().expect("rows");
    assert_eq!((groups.len(), rows.len()), (2, 10));
    for group in groups {
        let (from, count) = (group["from"].as_u64().expect("a place"), group["count"].as_u64().expect("a number"));
        let part = &rows[from as usize..(from + count) as usize];
        assert!(part.iter().all(|row| row["label"] == group["value"]));
        assert!(part.is_sorted_by_key(|row| std::cmp::Reverse(row["key"].as_str().map(String::from))));
    }
    let wide = server.get("/api/rows?where=width%20%3E%20100&sort=height").ok().json();
    assert_eq!((wide["total"].as_u64(), wide["rows"].as_array().map(Vec::len)), (Some(4), Some(4)));
    let suits_nothing = ["/api/search?q=red&where=nothing%20%3D%201", "/api/rows/0/similar?where=1"];
    for wrong in ["/api/rows?sort=weight", "/api/rows?where=width%20%3E", "/api/groups", "/api/rows?count=9999999"]
        .into_iter()
        .chain(suits_nothing)
    {
        let reply = server.get(wrong);
        assert_eq!((reply.status, reply.json()["hint"].is_string()), (400, true), "{wrong}: {}", reply.text());
    }
    assert_eq!(server.get("/api/rows/10").status, 404);
    assert_eq!(server.get("/api/rows?from=18446744073709551615&count=5").ok().json()["rows"], serde_json::json!([]));
}

#[test]
fn an_index_of_a_map_is_shown_as_one() {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    let dir = photos();
    dir.pokedex("map e.parquet -o map.parquet").ok();
    dir.pokedex("index map.parquet -o m.parquet").ok();
    let server = Server::start(&dir, &["--index", "m.parquet"]);
    let about = server.get("/api/about").ok().json();
    assert_eq!(about["map"]["colours"][0], "cluster");
    let map = server.get("/api/map?colour=label").ok().json();
    let bytes = |name: &str| BASE64_STANDARD.decode(map[name].as_str().expect("a text")).expect("base64");
    assert_eq!((map["total"].as_u64(), map["rows"].is_null(), map["by"].as_str()), (Some(10), true, Some("label")));
    let rows = server.get("/api/rows").ok().json();
    let places: Vec<f32> =
        bytes("places").as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect();
    for (row, place) in rows["rows"].as_array().expect("rows").iter().zip(places.chunks_exact(2)) {
        assert!((row["x"].as_f64().expect("a number") - f64::from(place[0])).abs() < 1e-4);
        let group = bytes("group")[2 * row["row"].as_u64().expect("a number") as usize];
        assert_eq!(map["groups"][group as usize]["name"], row["label"]);
    }
    assert_eq!(map["groups"].as_array().map(Vec::len), Some(2));
    let passing = server.get("/api/passing?where=key%20like%20%27blue%25%27").ok().json();
    let bits = BASE64_STANDARD.decode(passing["bits"].as_str().expect("a text")).expect("base64");
    let total: u32 = bits.iter().map(|byte| byte.count_ones()).sum();
    assert_eq!((passing["rows"].as_u64(), passing["total"].as_u64()), (Some(10), Some(u64::from(total))));
    let some = server.get("/api/rows?rows=7,2").ok().json();
    assert_eq!((&some["rows"][0], &some["rows"][1]), (&rows["rows"][7], &rows["rows"][2]));
    for wrong in [
        "/api/map?colour=nothing",
        "/api/passing",
        "/api/passing?where=x",
        "/api/rows?rows=1,x",
        "/api/rows?rows=1&from=2",
    ] {
        assert_eq!(server.get(wrong).status, 400, "{wrong}");
    }
    assert_eq!(server.get("/api/rows?rows=99").status, 404);
    let plain = Server::start(&dir, &["--index", "i.parquet"]);
    assert!(plain.get("/api/about").ok().json()["map"].is_null());
    assert_eq!(plain.get("/api/map").status, 404);
}

#[test]
fn pages_are_shown_though_the_index_holds_no_picture() {
    let dir = Workdir::new();
    dir.write("scans/letter.tif", crate::frames::pages(&crate::frames::COLOURS));
    dir.write("elsewhere/secret.tif", crate::frames::pages(&crate::frames::COLOURS));
    dir.shell("pokedex frames scans | pokedex embed - | pokedex index - -o scans/i.parquet").ok();
    dir.shell("pokedex frames elsewhere/secret.tif | pokedex embed - | pokedex index - -o scans/j.parquet").ok();
    assert!(dir.table("scans/i.parquet").column_by_name("video_path").is_some());
    let server = Server::start(&dir, &["--index", "scans/i.parquet", "--images", "scans"]);
    for (row, colour) in crate::frames::COLOURS.iter().enumerate() {
        let small = pixels(&server.get(&format!("/api/rows/{row}/thumbnail")).ok().body);
        let near = small.get_pixel(2, 2).0.iter().zip(colour).all(|(a, b)| a.abs_diff(*b) < 12);
        assert!(near && small.dimensions() == (6, 4), "{:?} {colour:?}", small.get_pixel(2, 2));
    }
    std::fs::remove_file(dir.path("scans/letter.tif")).expect("it was there");
    assert_eq!(server.get("/api/rows/0/thumbnail").status, 204);
    // What lies outside the folders is not shown.
    let server = Server::start(&dir, &["--index", "scans/j.parquet", "--images", "scans"]);
    assert_eq!(server.get("/api/rows/0/thumbnail").status, 204);
}

#[test]
fn thumbnails_are_upright_small_and_kept() {
    let dir = Workdir::new();
    // A picture that lies on its side, as cameras write it: orientation 6 turns it clockwise.
    let lying: DynamicImage =
        RgbImage::from_fn(400, 200, |x, _| Rgb(if x < 200 { [250, 0, 0] } else { [0, 0, 250] })).into();
    let jpeg = encode(&lying, image::ImageFormat::Jpeg);
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let segment = [&[0xff, 0xe1][..], &(exif.len() as u16 + 2).to_be_bytes(), exif].concat();
    dir.write("photos/lying.jpg", [&jpeg[..2], &segment, &jpeg[2..]].concat());
    dir.pokedex("embed photos -o e.parquet").ok();
    let server = Server::start(&dir, &["--index", "e.parquet"]);
    let made = server.get("/api/rows/0/thumbnail?size=128").ok();
    assert_eq!(made.header("content-type"), Some("image/jpeg"));
    let picture = pixels(&made.body);
    assert_eq!(picture.dimensions(), (64, 128));
    assert!(picture.get_pixel(32, 10)[0] > 200 && picture.get_pixel(32, 110)[2] > 200);
    let tag = made.header("etag").expect("a tag").to_string();
    let again = server.ask("GET", "/api/rows/0/thumbnail?size=128", &[("If-None-Match", &tag)], b"");
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(server.get("/api/rows/0/thumbnail?size=100").status, 400);
    // Another picture in its place has another tag.
    dir.picture("photos/lying.jpg", 3);
    let other = server.ask("GET", "/api/rows/0/thumbnail?size=128", &[("If-None-Match", &tag)], b"");
    assert_eq!((other.status, pixels(&other.body).dimensions()), (200, (40, 30)));
}

#[test]
fn the_pokedex_shows_pictures_that_somebody_has() {
    let dir = Workdir::new();
    dir.picture("art/0025.png", 1);
    dir.picture("art/bulbasaur.png", 2);
    let server = Server::start(&dir, &["--images", "art"]);
    assert_eq!(server.get("/api/about").ok().json()["pictures"], Value::Bool(true));
    assert_eq!(pixels(&server.get("/api/rows/24/thumbnail").ok().body).dimensions(), (40, 30));
    server.get("/api/rows/0/thumbnail").ok();
    assert_eq!(server.get("/api/rows/1/thumbnail").status, 204);
    let classes = server.post("/api/classify?top=3", "image/png", &dir.read("art/0025.png")).ok().json();
    let predictions = classes["predictions"].as_array().expect("predictions");
    assert!(predictions.len() == 3 && classes["rejected"].is_boolean(), "{classes}");
    let said = dir.pokedex("classify art/0025.png --top 3 --format json").ok().text();
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(predictions[0]["label"], said[0]["predictions"][0]["label"], "{said}");
}

#[test]
fn an_index_that_is_replaced_is_taken_over_and_a_broken_one_is_not() {
    let dir = photos();
    let server = Server::start(&dir, &["--index", "i.parquet"]);
    let before = server.get("/api/about").ok().json();
    let wait = |done: &dyn Fn() -> bool| {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < Duration::from_secs(30), "{}", server.get("/health").text());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    dir.write("broken.parquet", b"PAR1 no table");
    std::fs::rename(dir.path("broken.parquet"), dir.path("i.parquet")).expect("renamed");
    wait(&|| server.get("/health").ok().json()["trouble"].is_string());
    let trouble = server.get("/health").json()["trouble"].to_string();
    assert!(!trouble.contains(&dir.folder().display().to_string()), "{trouble}");
    let answer = server.get("/api/search?q=red&top=20").ok().json();
    assert_eq!((answer["hits"].as_array().map(Vec::len), before["rows"].as_u64()), (Some(10), Some(10)));
    std::fs::remove_file(dir.path("i.parquet")).expect("removed");
    std::fs::remove_file(dir.path("i.arrow")).expect("removed");
    dir.pictures("photos/more", 5);
    dir.pokedex("embed photos -o e2.parquet").ok();
    dir.pokedex("index e2.parquet --kind exact -o i.parquet").ok();
    wait(&|| server.get("/api/about").ok().json()["rows"].as_u64() == Some(15));
    assert!(server.get("/health").json().get("trouble").is_none());
    // Whoever still has numbers of rows of the old one is told.
    let old = before["identity"].as_str().expect("an identity");
    assert_eq!(server.get(&format!("/api/rows/3?index={old}")).status, 409);
}

#[test]
fn it_ends_at_once_with_running_answers_finished() {
    let dir = Workdir::new();
    let server = Server::start(&dir, &[]);
    let mut running = server.connect();
    let body = serde_json::json!({ "q": "fire dog", "top": 3 }).to_string();
    let head = format!(
        "POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    running.write_all(head.as_bytes()).expect("sent");
    let idle = server.connect();
    std::thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    let kill = std::process::Command::new("kill").args(["-INT", &server.id().to_string()]).status();
    assert!(kill.is_ok_and(|status| status.success()));
    std::thread::sleep(Duration::from_millis(100));
    running.write_all(body.as_bytes()).expect("it still listens to this one");
    let mut all = Vec::new();
    running.read_to_end(&mut all).expect("an answer");
    assert_eq!(reply(&all).ok().json()["hits"].as_array().map(Vec::len), Some(3));
    assert_eq!(server.end(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(idle);
}

#[test]
fn what_cannot_be_served_is_said() {
    let dir = Workdir::new();
    let server = Server::start(&dir, &[]);
    let port = server.address.port().to_string();
    let said = dir.pokedex_args(&["serve", "--port", &port]).failed(1);
    assert!(said.contains("--port 0"), "{said}");
    let said = dir.pokedex("serve --listen 0.0.0.0 --port 0").failed(2);
    assert!(said.contains("--token") && said.contains("--open-to-all"), "{said}");
    assert!(dir.pokedex("serve --index nothing.parquet").failed(1).contains("nothing.parquet"));
    assert!(dir.pokedex("serve --images nothing").failed(1).contains("nothing"));
    assert!(dir.pokedex("serve --token short").failed(2).contains("openssl"));
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/serve/openapi.json").is_file());
}

#[test]
fn clients_of_other_servers_are_answered_in_their_shape() {
    let dir = photos();
    let server = Server::start(&dir, &["--index", "i.parquet"]);
    let wanted: Vec<String> =
        told(&dir, &["red", "--index", "i.parquet", "--top", "4"]).into_iter().map(|(key, _)| key).collect();
    let answer = server.get("/search/text?query=red&top_n=4").ok().json();
    let answer = answer.as_array().expect("a list");
    let files: Vec<&str> = answer.iter().filter_map(|hit| hit["file_path"].as_str()).collect();
    assert_eq!(files, wanted.iter().map(|key| format!("photos/{key}")).collect::<Vec<_>>());
    let body = serde_json::json!({
        "text": "red", "image": null, "image_url": null, "embedding_input": null, "modality": "image", "num_images": 4,
        "indice_name": "any", "deduplicate": false, "use_safety_model": true, "use_violence_detector": true,
        "use_mclip": false, "aesthetic_score": 9, "aesthetic_weight": 0.5,
    });
    let answer = server.post("/knn-service", "application/json", body.to_string().as_bytes()).ok().json();
    let answer = answer.as_array().expect("a list");
    let found: Vec<&str> = answer.iter().filter_map(|hit| hit["key"].as_str()).collect();
    assert_eq!(found, wanted);
    assert!(answer[0]["similarity"].is_number() && answer[0]["id"].is_u64() && answer[0]["image"].is_string());
    // Its client sends no type, and wants of pictures that are alike only the best.
    let apart = body.to_string().replace("\"deduplicate\":false", "\"deduplicate\":true");
    let apart = server.ask("POST", "/knn-service", &[], apart.as_bytes()).ok().json();
    let apart: Vec<&str> = apart.as_array().expect("a list").iter().filter_map(|hit| hit["key"].as_str()).collect();
    assert!(apart[0] == wanted[0] && apart.iter().all(|key| wanted.iter().any(|other| other == key)), "{apart:?}");
    assert_eq!(server.get("/indices-list").ok().json(), serde_json::json!(["i.parquet"]));
}
