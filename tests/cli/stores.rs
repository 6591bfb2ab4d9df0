//! Pictures and tables of the web, and of a bucket that is part of the test; `tests/stores.py` asks a whole store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::server::{Reply, Request, Server};
use crate::workdir::{Run, Workdir, pattern, png};

/// A server of some files, which answers some requests in its own way.
fn server(
    files: BTreeMap<String, Vec<u8>>,
    quirk: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
) -> Server {
    Server::start(Arc::new(move |request: &Request| {
        quirk(request).unwrap_or_else(|| match files.get(request.path.split('?').next().unwrap_or_default()) {
            Some(bytes) => Reply::file(request, bytes).with("ETag", "\"one\""),
            None => Reply::new(404, "<Error><Code>NoSuchKey</Code><Message>There is none.</Message></Error>"),
        })
    }))
}

fn picture(number: u32) -> Vec<u8> {
    png(&pattern(40, 30, number).into())
}

#[test]
fn addresses_in_a_list_are_pictures() {
    let dir = Workdir::new();
    let files = [("/a.png".to_string(), picture(1)), ("/deep/b.png".to_string(), picture(2))];
    let server = server(files.into(), |request| match request.path.as_str() {
        "/moved.png" => Some(Reply::new(302, "").with("Location", "/a.png")),
        "/busy.png" if request.nth < 2 => Some(Reply::new(503, "").with("Retry-After", "0")),
        "/busy.png" => Some(Reply::new(200, picture(3))),
        "/cut.png" if request.nth == 0 => Some(Reply { cut: Some(50), ..Reply::new(200, picture(4)) }),
        "/cut.png" => Some(Reply::new(200, picture(4))),
        _ => None,
    });
    let names =
        ["a.png", "deep/b.png?Signature=secret", "moved.png", "busy.png", "cut.png", "gone.png?Signature=secret"];
    let list: Vec<String> = names.iter().map(|name| format!("{}/{name}\n", server.url)).collect();
    dir.write("list.txt", list.concat());
    let said = dir.shell("pokedex scan - -o m.parquet < list.txt").failed(3);
    assert!(said.contains("gone.png: cannot read") && said.contains("404"), "{said}");
    assert_eq!(said.matches("cannot read").count(), 1, "{said}");
    assert!(!said.contains("secret"), "{said}");
    let host = server.url.trim_start_matches("http://");
    assert_eq!(
        dir.keys("m.parquet"),
        names.map(|name| format!("{host}/{}", name.trim_end_matches("?Signature=secret")))
    );
    let one = dir.pokedex_args(&["scan", &format!("{}/a.png", server.url), "-o", "one.parquet"]);
    one.ok();
    assert_eq!(dir.texts("one.parquet", "path"), [Some(format!("{}/a.png", server.url))]);
}

#[test]
fn what_was_fetched_before_is_fetched_again_only_if_it_changed() {
    let dir = Workdir::new();
    let version = Arc::new(Mutex::new(1u32));
    let current = version.clone();
    let server = Server::start(Arc::new(move |request: &Request| {
        let tag = format!("\"{}\"", current.lock().expect("no panic"));
        if request.header("if-none-match") == Some(&tag) {
            return Reply::new(304, "");
        }
        let number = *current.lock().expect("no panic");
        match request.path.split('?').next().expect("a path") {
            "/dated.png" if request.header("if-modified-since") == Some("yesterday") => Reply::new(304, ""),
            "/dated.png" => Reply::new(200, picture(7)).with("Last-Modified", "yesterday"),
            "/secret.png" => Reply::new(200, picture(8)).with("ETag", tag).with("Cache-Control", "private, no-store"),
            "/plain.png" => Reply::new(200, picture(9)),
            _ => Reply::new(200, picture(number)).with("ETag", tag),
        }
    }));
    let names = ["a.png", "dated.png", "secret.png", "plain.png", "signed.png?Signature=x"];
    dir.write("list.txt", names.map(|name| format!("{}/{name}\n", server.url)).concat());
    let run = |table: &str| {
        let before = server.seen().len();
        dir.shell(&format!("pokedex scan - -o {table} < list.txt")).ok();
        let asked = server.seen().split_off(before);
        let unless = |request: &Request| {
            ["if-none-match", "if-modified-since"].iter().any(|name| request.header(name).is_some())
        };
        let mut asked: Vec<(String, bool)> =
            asked.iter().map(|request| (request.path.clone(), unless(request))).collect();
        asked.sort();
        asked
    };
    let asked = |a: bool| {
        let mut all = names.map(|name| (format!("/{name}"), a && ["a.png", "dated.png"].contains(&name)));
        all.sort();
        all
    };
    assert_eq!(run("1.parquet"), asked(false));
    assert_eq!(run("2.parquet"), asked(true), "what is secret, or of no version, is not kept");
    assert_eq!(dir.read("1.parquet"), dir.read("2.parquet"));
    *version.lock().expect("no panic") = 2;
    run("3.parquet");
    let hashes = |table: &str| dir.table(table)["content_hash"].clone();
    assert!(hashes("3.parquet") != hashes("2.parquet"), "another version is another picture");
    // What is damaged is as if it were not there; nobody but the program finds an address in a name.
    let kept = dir.shell("ls .cache/web | grep -v TAG").ok().text();
    assert_eq!(kept.lines().count(), 2, "{kept}");
    dir.shell("for f in .cache/web/[0-9a-f]*; do printf x >> $f; done").ok();
    assert_eq!(run("4.parquet"), asked(false));
    assert_eq!(dir.read("3.parquet"), dir.read("4.parquet"));
    assert!(dir.pokedex("cache info").ok().text().contains("web"));
    dir.pokedex("cache clear").ok();
    assert_eq!(dir.shell("ls .cache/web 2> /dev/null | wc -l").ok().text().trim(), "0");
    dir.shell("POKEDEX_CACHE_LIMIT=0 pokedex scan - -o 5.parquet < list.txt").ok();
    assert_eq!(dir.shell("ls .cache/web 2> /dev/null | wc -l").ok().text().trim(), "0");
}

#[test]
fn a_host_gets_few_requests_at_once() {
    let dir = Workdir::new();
    let under_way = Arc::new(Mutex::new((0usize, 0usize)));
    let counts = under_way.clone();
    let server = Server::start(Arc::new(move |_: &Request| {
        let change = |by: isize| {
            let mut counts = counts.lock().expect("no panic");
            counts.0 = counts.0.saturating_add_signed(by);
            counts.1 = counts.1.max(counts.0);
        };
        change(1);
        std::thread::sleep(std::time::Duration::from_millis(60));
        change(-1);
        Reply::new(200, picture(1))
    }));
    let list: String = (0..40).map(|n| format!("{}/{n}.png\n", server.url)).collect();
    dir.write("list.txt", list);
    for (setting, most) in [("", 6), ("POKEDEX_HOST_REQUESTS=2", 2), ("POKEDEX_HOST_REQUESTS=x", 6)] {
        *under_way.lock().expect("no panic") = (0, 0);
        dir.shell(&format!("{setting} pokedex embed - -j 16 -o e.parquet < list.txt")).ok();
        let met = under_way.lock().expect("no panic").1;
        assert!((2..=most).contains(&met), "{setting}: {met} at once");
    }
}

#[test]
fn a_table_of_the_web_is_read_in_parts() {
    let dir = Workdir::new();
    dir.pictures("pics", 30);
    dir.pokedex("embed pics -o e.parquet").ok();
    let server = server([("/e.parquet".to_string(), dir.read("e.parquet"))].into(), |_| None);
    let ask = |index: &str| dir.pokedex_args(&["query", "red", "--index", index, "--top", "30"]).ok().text();
    assert_eq!(ask(&format!("{}/e.parquet", server.url)), ask("e.parquet"));
    assert!(server.seen().iter().all(|request| request.header("range").is_some()));
    let said = dir.pokedex_args(&["query", "red", "--index", &format!("{}/none.parquet", server.url)]).failed(1);
    assert!(said.contains("404") && said.contains("hint: "), "{said}");
    let said = dir.pokedex_args(&["embed", "pics", "-o", &format!("{}/out.parquet", server.url)]).failed(1);
    assert!(said.contains("only s3:// and gs:// are written"), "{said}");
}

/// A bucket: listings in pages of two, uploads that are remembered.
struct Bucket {
    server: Server,
    put: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Bucket {
    fn new(files: BTreeMap<String, Vec<u8>>) -> Bucket {
        let keys: Vec<String> = files.keys().map(|key| key.trim_start_matches("/b/").to_string()).collect();
        let put: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let log = put.clone();
        let server = server(files, move |request| {
            let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
            if query.contains("list-type=2") {
                let from: usize = query
                    .split('&')
                    .find_map(|part| part.strip_prefix("continuation-token="))
                    .map_or(0, |token| token.parse().expect("a number"));
                let some: String = keys.iter().skip(from).take(2).map(|key| contents(key)).collect();
                let more = from + 2 < keys.len();
                let next = if more {
                    format!("<NextContinuationToken>{}</NextContinuationToken>", from + 2)
                } else {
                    String::new()
                };
                return Some(Reply::new(
                    200,
                    format!(
                        "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><Prefix></Prefix><KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>{next}{some}</ListBucketResult>"
                    ),
                ));
            }
            if query.contains("x-id=PutObject") || request.header("content-length").is_some_and(|length| length != "0")
            {
                *log.lock().expect("no panic").entry(path.to_string()).or_default() += 1;
                return Some(Reply::new(200, "").with("ETag", "\"part\""));
            }
            None
        });
        Bucket { server, put }
    }

    fn run(&self, dir: &Workdir, arguments: &[&str]) -> Run {
        let mut command = dir.command(env!("CARGO_BIN_EXE_pokedex"));
        command.args(arguments).env("AWS_ENDPOINT_URL", &self.server.url).env("AWS_REGION", "eu-central-1");
        command.env("AWS_ACCESS_KEY_ID", "KEY").env("AWS_SECRET_ACCESS_KEY", "TOP-SECRET");
        command.output().expect("the binary runs").into()
    }
}

fn contents(key: &str) -> String {
    let key = key.replace('&', "&amp;").replace(' ', "%20");
    format!(
        "<Contents><ETag>\"one\"</ETag><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>1</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )
}

#[test]
fn a_bucket_is_a_folder() {
    let dir = Workdir::new();
    let files =
        ["a.png", "b.png", "notes.txt", "sub/c.png", "sub/d.png"].map(|name| (format!("/b/{name}"), picture(7)));
    let bucket = Bucket::new(files.into());
    bucket.run(&dir, &["scan", "s3://b/", "-v", "-o", "m.parquet"]).ok();
    assert_eq!(dir.keys("m.parquet"), ["a.png", "b.png", "sub/c.png", "sub/d.png"]);
    assert_eq!(dir.texts("m.parquet", "path")[2].as_deref(), Some("s3://b/sub/c.png"));
    assert_eq!(dir.texts("m.parquet", "label")[2].as_deref(), Some("sub"));
    let requests = bucket.server.seen();
    assert!(requests.iter().all(|request| request.path.contains("X-Amz-Signature=")));
    // No secret and no signature in the table.
    let table = dir.read("m.parquet");
    for secret in ["TOP-SECRET", "X-Amz", "KEY"] {
        assert!(!table.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
    }
    bucket.run(&dir, &["query", "s3://b/a.png", "--top", "1"]).ok();
    let said = bucket.run(&dir, &["convert-rgb", "s3://b/sub/", "-o", "s3://b/rgb/"]).failed(1);
    assert!(said.contains("a bucket takes tables"), "{said}");
    let said = bucket.run(&dir, &["serve", "--index", "s3://b/e.parquet"]).failed(2);
    assert!(said.contains("hint: bring it here first: pokedex index s3://b/e.parquet"), "{said}");
    bucket.run(&dir, &["scan", "s3://b/", "-o", "s3://b/out/m.parquet"]).ok();
    assert_eq!(bucket.put.lock().expect("no panic").get("/b/out/m.parquet"), Some(&1));
}

#[test]
fn what_a_store_refuses_is_said_without_a_secret() {
    let dir = Workdir::new();
    let expired = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";
    let server = server(BTreeMap::new(), move |_| Some(Reply::new(400, expired)));
    let run = |arguments: &[&str], variables: &[(&str, &str)]| -> String {
        let mut command = dir.command(env!("CARGO_BIN_EXE_pokedex"));
        command.args(arguments).env("AWS_ENDPOINT_URL", &server.url).envs(variables.iter().copied());
        Run::from(command.output().expect("the binary runs")).failed(1)
    };
    let keys =
        [("AWS_ACCESS_KEY_ID", "KEY"), ("AWS_SECRET_ACCESS_KEY", "TOP-SECRET"), ("AWS_SESSION_TOKEN", "OLD-TOKEN")];
    let said = run(&["scan", "s3://b/", "-v"], &keys);
    assert!(said.contains("ExpiredToken") && said.contains("set fresh credentials"), "{said}");
    for secret in ["TOP-SECRET", "OLD-TOKEN", "X-Amz", "KEY="] {
        assert!(!said.contains(secret), "{said}");
    }
    let said = run(&["scan", "s3://b/"], &[("AWS_ACCESS_KEY_ID", "KEY")]);
    assert!(said.contains("AWS_SECRET_ACCESS_KEY is not set"), "{said}");
    let said = run(&["scan", "s3:///x"], &[]);
    assert!(said.contains("names no bucket"), "{said}");
}
