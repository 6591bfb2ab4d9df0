//! A web server that is part of a test: it answers as the test says, also badly.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One request, as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    /// How many came for this path before.
    pub(crate) nth: usize,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The byte at which the file is to begin.
    pub(crate) fn from(&self) -> usize {
        let range = self.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        range.map_or(0, |(from, _)| from.parse().expect("a number"))
    }

    /// The byte at which it is to end, where that is said.
    fn to(&self) -> Option<usize> {
        let (_, to) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        to.parse().ok()
    }
}

/// What is answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// The connection ends after so many bytes of the body, …
    pub(crate) cut: Option<usize>,
    /// … or only falls silent.
    pub(crate) silent: bool,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply { status, body: body.into(), ..Reply::default() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    /// A file or its end, as servers that know ranges send it.
    pub(crate) fn file(request: &Request, bytes: &[u8]) -> Reply {
        let (from, last) = (request.from(), bytes.len().saturating_sub(1));
        let to = request.to().unwrap_or(last).min(last);
        match request.header("range") {
            None => Reply::new(200, bytes),
            Some(_) if from >= bytes.len() => Reply::new(416, ""),
            Some(_) => {
                Reply::new(206, &bytes[from..=to]).with("Content-Range", format!("bytes {from}-{to}/{}", bytes.len()))
            }
        }
    }
}

pub(crate) type Answer = dyn Fn(&Request) -> Reply + Send + Sync;

/// A web server with a port of its own, which closes each connection after one request.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start(answer: Arc<Answer>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a port"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, log) = (answer.clone(), log.clone());
                // A client that is killed or has enough closes the connection, which is no failure.
                std::thread::spawn(move || converse(stream, &*answer, &log).ok());
            }
        });
        Server { url, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("no panic").clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.seen().into_iter().map(|request| request.path).collect()
    }
}

fn converse(mut stream: TcpStream, answer: &Answer, log: &Mutex<Vec<Request>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().expect("a request")?;
    let path = first.split(' ').nth(1).expect("a path").to_string();
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_string());
    }
    let request = {
        let mut log = log.lock().expect("no panic");
        let nth = log.iter().filter(|earlier| earlier.path == path).count();
        log.push(Request { path, headers, nth });
        log.last().expect("just pushed").clone()
    };
    let reply = answer(&request);
    let mut head = format!("HTTP/1.1 {} Status\r\nConnection: close\r\n", reply.status);
    head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    reply.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&reply.body[..reply.cut.unwrap_or(reply.body.len())])?;
    if reply.silent {
        std::thread::sleep(Duration::from_secs(20));
    }
    Ok(())
}
