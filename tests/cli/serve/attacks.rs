//! Attacks that must come to nothing.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::workdir::Workdir;

use super::photos;
use super::server::{Server, escaped};

/// Whether it still answers.
#[track_caller]
fn alive(server: &Server) {
    assert_eq!(server.get("/health").ok().json()["status"], "ok");
}

#[test]
fn no_path_leads_out() {
    let dir = photos();
    dir.write("secret.txt", "secret");
    dir.picture("secret.png", 9);
    let server = Server::start(&dir, &["--index", "i.parquet", "--images", "photos"]);
    let tries = [
        "../secret.png",
        "..%2fsecret.png",
        "%2e%2e/secret.png",
        "....//secret.png",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "..%5csecret.png",
        "photos/../secret.png",
        "%00",
        "~/secret.png",
        "file:///etc/passwd",
        "page/../../Cargo.toml",
    ];
    for path in tries {
        for address in [
            format!("/{path}"),
            format!("/page/{path}"),
            format!("/api/rows/{path}"),
            format!("/api/rows/0/{path}"),
            format!("/api/rows/{path}/thumbnail"),
        ] {
            let reply = server.get(&address);
            assert!([400, 404].contains(&reply.status), "{address}: {} {}", reply.status, reply.text());
            assert!(!reply.text().contains("root:") && !reply.text().contains("secret\n"), "{address}");
        }
        for name in ["where", "sort", "group", "from", "count", "index", "size"] {
            let reply = server.get(&format!("/api/rows?{name}={}", escaped(path)));
            assert!([400, 409].contains(&reply.status), "{name}={path}: {} {}", reply.status, reply.text());
        }
    }
    for question in
        ["./secret.png", "/etc/passwd", "img:secret.png", "vec:e.parquet", "~/secret.png", "red + ../secret.png"]
    {
        let reply = server.get(&format!("/api/search?q={}", escaped(question)));
        assert_eq!(reply.status, 400, "{question}: {}", reply.text());
    }
    alive(&server);
}

#[test]
fn a_table_cannot_show_what_lies_outside() {
    let dir = photos();
    let outside = Workdir::new();
    outside.picture("private.png", 1);
    let there = outside.path("private.png").display().to_string();
    std::os::unix::fs::symlink(&there, dir.path("photos/link.png")).expect("a link");
    std::fs::create_dir(dir.path("served")).expect("a folder");
    dir.pokedex_args(&["embed", &there, "./photos/link.png", "photos/odd", "-o", "served/e.parquet"]).ok();
    let server = Server::start(&dir, &["--index", "served/e.parquet", "--images", "photos"]);
    let rows = server.get("/api/rows").ok();
    assert!(!rows.text().contains(&outside.folder().display().to_string()), "{}", rows.text());
    for row in rows.json()["rows"].as_array().expect("rows") {
        let shown = row["key"].as_str().is_some_and(|key| key.contains("odd"));
        let reply = server.get(&format!("/api/rows/{}/thumbnail", row["row"]));
        assert_eq!(reply.status, if shown { 200 } else { 404 }, "{row}: {}", reply.text());
    }
}

#[test]
fn strangers_may_not_ask() {
    let dir = Workdir::new();
    let server = Server::start(&dir, &[]);
    let own = server.address.to_string();
    let ask = |headers: &[(&str, &str)]| server.ask("GET", "/api/about", headers, b"").status;
    assert_eq!(ask(&[("Host", "evil.example")]), 403);
    assert_eq!(ask(&[("Host", &own), ("Origin", "http://evil.example")]), 403);
    assert_eq!(ask(&[("Host", &own), ("Sec-Fetch-Site", "cross-site")]), 403);
    assert_eq!(ask(&[("Host", &own), ("Origin", &format!("http://{own}"))]), 200);
    let reply = server.ask("GET", "/api/about", &[("Host", &own), ("Origin", "http://evil.example")], b"");
    assert!(reply.header("access-control-allow-origin").is_none());
    assert_eq!(server.raw(b"GET /api/about HTTP/1.1\r\nConnection: close\r\n\r\n").status, 403);

    let server = Server::start(&dir, &["--token", "0123456789abcdef"]);
    assert_eq!(server.get("/api/about").status, 401);
    let with =
        |token: &str| server.ask("GET", "/api/about", &[("Authorization", &format!("Bearer {token}"))], b"").status;
    assert_eq!((with("0123456789abcdef"), with("0123456789abcdee"), with("")), (200, 401, 401));
    let entered = server.get("/?token=0123456789abcdef");
    let cookie = entered.header("set-cookie").expect("a cookie");
    assert!(entered.status == 303 && cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a pair").to_string();
    assert_eq!(server.ask("GET", "/api/rows/0", &[("Cookie", &cookie)], b"").status, 200);
    assert_eq!(server.get("/?token=0123456789abcdee").status, 401);
}

#[test]
fn markup_stays_text() {
    let dir = Workdir::new();
    dir.picture("photos/<img src=x onerror=alert(1)>/\"><script>alert(2)<!script>.png", 1);
    dir.picture("photos/plain/b.png", 2);
    dir.pokedex("embed photos -o e.parquet").ok();
    let server = Server::start(&dir, &["--index", "e.parquet"]);
    for path in ["/api/rows", "/api/search?q=%3Cscript%3Ealert(1)%3C/script%3E", "/api/nothing%3Cscript%3E"] {
        let reply = server.get(path);
        assert_eq!(reply.header("content-type"), Some("application/json"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    let rows = server.get("/api/rows").ok().json();
    assert!(rows["rows"][0]["key"].as_str().is_some_and(|key| key.contains("<script>")), "{rows}");
}

#[test]
fn large_and_hostile_pictures_are_refused() {
    let dir = Workdir::new();
    let server = Server::start(&dir, &[]);
    // A gigabyte that is announced is not waited for.
    let start = Instant::now();
    let headers = [("Content-Type", "image/png"), ("Content-Length", "1073741824")];
    assert_eq!(server.ask("POST", "/api/search", &headers, b"").status, 413);
    assert!(start.elapsed() < Duration::from_secs(5));
    // One that is not announced is given up on.
    let mut stream = server.connect();
    let head = format!(
        "POST /api/search HTTP/1.1\r\nHost: {}\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let part = [b"100000\r\n".as_slice(), &vec![7u8; 1 << 20], b"\r\n"].concat();
    let sent = (0..1024).take_while(|_| stream.write_all(&part).is_ok()).count();
    assert!(sent < 200, "{sent} MB were taken");
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    // A few bytes that claim to be a picture of 60,000 × 60,000.
    let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bomb.extend([60_000u32.to_be_bytes(), 60_000u32.to_be_bytes()].concat());
    bomb.extend(b"\x08\x02\0\0\0");
    bomb.extend(crc(&bomb[12..]).to_be_bytes());
    for picture in [&bomb[..], b"no picture", b""] {
        let reply = server.post("/api/classify", "image/png", picture);
        assert!([400, 415].contains(&reply.status), "{} {}", reply.status, reply.text());
        let reply = server.post("/api/search", "image/png", picture);
        assert!([400, 415].contains(&reply.status), "{} {}", reply.status, reply.text());
    }
    for (kind, body) in [
        ("text/plain", &b"fire"[..]),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--c\r\n\r\n"),
        ("application/json", b"{\"q\":"),
        ("application/json", &[b'['; 100_000]),
    ] {
        let reply = server.post("/api/search", kind, body);
        assert!([400, 415].contains(&reply.status), "{kind}: {} {}", reply.status, reply.text());
    }
    alive(&server);
}

fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(!0u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[test]
fn slow_clients_hold_nobody_up() {
    let dir = Workdir::new();
    let server = Server::start(&dir, &[]);
    let mut slow: Vec<_> = (0..500).map(|_| server.connect()).collect();
    for byte in b"GET /" {
        slow.iter_mut().for_each(|stream| stream.write_all(&[*byte]).expect("it listens"));
        let start = Instant::now();
        assert_eq!(server.get("/api/search?q=fire+dog&top=3").ok().json()["hits"].as_array().map(Vec::len), Some(3));
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
    // They are let go after a while.
    let mut first = slow.remove(0);
    first.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
    let mut said = Vec::new();
    let read = first.read_to_end(&mut said);
    assert!(read.is_ok(), "{read:?}");
}

#[test]
fn random_requests_do_no_harm() {
    let dir = Workdir::new();
    let server = Server::start(&dir, &[]);
    let mut state = 7u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let good = [
        "GET / HTTP/1.1",
        "GET /api/search?q=fire+dog&top=5&where=hp%20%3E%2050 HTTP/1.1",
        "GET /api/rows/5/similar HTTP/1.1",
        "POST /api/search HTTP/1.1",
        "GET /api/rows?group=type1&sort=-hp HTTP/1.0",
        "OPTIONS /api/rows HTTP/1.1",
        "HEAD /api/about HTTP/1.1",
        "POST /knn-service HTTP/1.1",
        "GET /api/groups?group=color HTTP/1.1",
    ];
    for _ in 0..600 {
        let line = good[random(good.len())];
        let text = format!(
            "{line}\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 14\r\nConnection: close\r\n\r\n{{\"q\": \"water\"}}",
            server.address
        );
        let mut bytes = text.into_bytes();
        for _ in 0..random(6) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = random(256) as u8,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, random(256) as u8),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let mut stream = server.connect();
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        let status = super::server::reply(&said).status;
        assert!(status < 500, "{status}: {}", String::from_utf8_lossy(&bytes));
    }
    alive(&server);
    let log = String::from_utf8_lossy(&dir.read("serve.log")).into_owned();
    assert!(!log.contains("panicked"), "{log}");
}
