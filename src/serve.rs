//! `serve`: an index over HTTP, for the page, for programs, and for clients of two other servers.
//!
//! Hides: HTTP, who may ask, how long anybody may take, and that an index may be replaced meanwhile. Promises: it only reads;
//! an answer is that of [`Gallery`](crate::gallery::Gallery), and no question ends the server; what listens beyond this
//! machine needs a token or a word that none is wanted; slow clients are dropped, and large bodies refused, before they cost
//! anything; a replaced index is taken over whole or not at all.

mod answers;
mod body;
mod clients;
mod gate;
mod metrics;
mod parameters;
mod reply;
mod routes;
mod shelf;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

use crate::failure::Failure;
use crate::gallery;
use crate::progress::Progress;
use crate::stage::processors;
use crate::words::rows;
use gate::Gate;
use metrics::Metrics;
use shelf::Shelf;

/// How an index is served.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is shown.
    pub gallery: gallery::Options,
    /// The address that is listened at.
    pub listen: IpAddr,
    /// The port; 0: any that is free.
    pub port: u16,
    /// What whoever asks has to say.
    pub token: Option<String>,
    /// Whether anybody in the network may ask, without a token.
    pub open_to_all: bool,
    /// Names by which this machine is called, beside `localhost` and addresses.
    pub hosts: Vec<String>,
    /// Pages of these origins may ask from a browser: `https://example.org`.
    pub origins: Vec<String>,
}

impl Default for Options {
    /// The built-in Pokédex, for this machine only.
    fn default() -> Options {
        Options {
            gallery: gallery::Options::default(),
            listen: Ipv4Addr::LOCALHOST.into(),
            port: 7025,
            token: None,
            open_to_all: false,
            hosts: Vec::new(),
            origins: Vec::new(),
        }
    }
}

/// Connections at one time; the next ones wait.
const MOST_CONNECTIONS: usize = 4096;
/// Questions that wait or are worked on at one time; more are told to come back.
const MOST_QUESTIONS: usize = 4096;
/// Threads for questions: those that are searched for wait for each other and are answered together.
const THREADS: usize = 64;
/// The time for the head of a request, which is also how long a connection may lie idle, and for one step of an answer.
const HEAD: Duration = Duration::from_secs(20);
const WRITE: Duration = Duration::from_secs(20);
/// The time for running answers when the server ends.
const LAST: Duration = Duration::from_millis(800);

/// What every request needs.
struct Server {
    shelf: Shelf,
    gate: Gate,
    metrics: Metrics,
    /// Questions that wait or are worked on.
    busy: AtomicUsize,
    /// Pictures that are decoded at one time.
    eyes: Arc<Semaphore>,
    /// Room for what requests bring.
    bodies: body::Room,
}

/// Tells a server to end.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Stop {
        Stop(watch::Sender::new(false))
    }
}

impl Stop {
    /// Ends it: running answers are finished, as far as that takes less than a second.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// Serves until it is told to stop; `ready` is called with the address when questions can come.
///
/// # Errors
/// The index cannot be opened, the address cannot be listened at, or it lies beyond this machine and nobody said that all
/// may ask.
pub fn serve(
    options: &Options,
    stop: &Stop,
    ready: impl FnOnce(SocketAddr),
    progress: &dyn Progress,
) -> Result<(), Failure> {
    if !options.listen.is_loopback() && options.token.is_none() && !options.open_to_all {
        let listen = options.listen;
        return Err(Failure::usage(
            format!("--listen {listen}: anybody who reaches this machine could look at the pictures"),
            format!("--listen {listen} --token \"$(openssl rand -hex 16)\", or --open-to-all"),
        ));
    }
    let shelf = Shelf::open(&options.gallery, progress)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors().clamp(1, 4))
        .max_blocking_threads(THREADS)
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("no threads for a server: {e}"), None))?;
    allow_connections();
    let served = runtime.block_on(async {
        let address = SocketAddr::new(options.listen, options.port);
        let listener = TcpListener::bind(address).await.map_err(|e| in_use(address, &e))?;
        let address = listener.local_addr().map_err(|e| in_use(address, &e))?;
        let server = Arc::new(Server {
            shelf,
            gate: Gate::new(options),
            metrics: Metrics::default(),
            busy: AtomicUsize::new(0),
            eyes: Arc::new(Semaphore::new(2 * processors())),
            bodies: body::Room::default(),
        });
        ready(address);
        let about = server.shelf.gallery().about().clone();
        progress.done(&format!("{}: {} are served; Ctrl-C ends it", about.name, rows(about.rows)));
        let renewal = shelf::renew(server.clone(), progress);
        tokio::select! {
            () = accept(&listener, &server, stop) => {}
            () = renewal => {}
        }
        Ok(())
    });
    runtime.shutdown_timeout(Duration::from_millis(50));
    served
}

/// Takes connections until it is told to stop, and waits a little for those that have a question under way.
async fn accept(listener: &TcpListener, server: &Arc<Server>, stop: &Stop) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut stopped = stop.0.subscribe();
    loop {
        let taken = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            taken = next(listener, &room) => taken,
        };
        let Some((stream, permit)) = taken else { continue };
        let (server, stopped) = (server.clone(), stop.0.subscribe());
        tokio::spawn(async move {
            connection(stream, server, stopped).await;
            drop(permit);
        });
    }
    let all = u32::try_from(MOST_CONNECTIONS).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(LAST, room.acquire_many(all)).await;
}

async fn next(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(_) => {
            // No file descriptors are left, mostly: some will be given back.
            tokio::time::sleep(Duration::from_millis(20)).await;
            None
        }
    }
}

async fn connection(stream: TcpStream, server: Arc<Server>, mut stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE));
    let answer = service_fn(move |request| routes::answer(server.clone(), request));
    let io = TokioIo::new(Box::pin(stream));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(64 << 10).half_close(true);
    let mut connection = std::pin::pin!(builder.serve_connection(io, answer));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// As many files as the system allows may be open: each connection is one.
fn allow_connections() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limits = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, ..limits });
}

fn in_use(address: SocketAddr, error: &std::io::Error) -> Failure {
    let hint = match error.kind() {
        std::io::ErrorKind::AddrInUse => "another program listens there: --port 0 takes any port that is free",
        std::io::ErrorKind::PermissionDenied => "ports below 1024 are the system's: choose another with --port",
        _ => "--listen takes an address of this machine: 127.0.0.1 for itself, 0.0.0.0 for all who reach it",
    };
    Failure::failed(format!("cannot listen at {address}: {error}"), Some(hint.into()))
}
