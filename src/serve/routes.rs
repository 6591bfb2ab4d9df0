//! Which question is answered by what.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode, header};

use super::answers;
use super::body::{self, Brought};
use super::clients;
use super::gate::COOKIE_NAME;
use super::parameters::Parameters;
use super::reply::{self, Reply};
use super::{MOST_QUESTIONS, Server};
use crate::gallery::{Gallery, Refusal};
use crate::guard;
use crate::page;

/// The description of all this, for programs.
const OPENAPI: &str = include_str!("openapi.json");

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Page,
    File(&'static page::File),
    About,
    Rows,
    Groups,
    Map,
    Passing,
    Row(u64),
    Similar(u64),
    Thumbnail(u64),
    Search,
    Classify,
    Health,
    Metrics,
    OpenApi,
    CerebroText,
    CerebroImage,
    KnnService,
    IndicesList,
    Metadata,
}

impl Route {
    fn of(path: &str) -> Option<Route> {
        // clip-retrieval's page puts `/knn-service` behind an address that ends in a slash.
        let path = if path.starts_with("//") { &path[1..] } else { path };
        Some(match path {
            "/" | "/index.html" => Route::Page,
            "/api/about" => Route::About,
            "/api/rows" => Route::Rows,
            "/api/groups" => Route::Groups,
            "/api/map" => Route::Map,
            "/api/passing" => Route::Passing,
            "/api/search" => Route::Search,
            "/api/classify" => Route::Classify,
            "/health" => Route::Health,
            "/metrics" => Route::Metrics,
            "/openapi.json" => Route::OpenApi,
            "/search/text" => Route::CerebroText,
            "/search/image" => Route::CerebroImage,
            "/knn-service" => Route::KnnService,
            "/indices-list" => Route::IndicesList,
            "/metadata" => Route::Metadata,
            _ => {
                if let Some(row) = path.strip_prefix("/api/rows/") {
                    let (number, what) = row.split_once('/').unwrap_or((row, ""));
                    // Digits only: `+5` and `05` would be the same row under other names.
                    let plain = number == "0" || !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit());
                    let number = number.parse().ok().filter(|_| plain)?;
                    return match what {
                        "" if !row.contains('/') => Some(Route::Row(number)),
                        "similar" => Some(Route::Similar(number)),
                        "thumbnail" => Some(Route::Thumbnail(number)),
                        _ => None,
                    };
                }
                let file = path.strip_prefix('/').and_then(|name| {
                    let mut files = page::FILES.iter().chain([&page::SERVER]);
                    files.find(|file| file.name == name)
                });
                return file.map(Route::File);
            }
        })
    }

    /// Its name in the figures.
    fn name(self) -> &'static str {
        match self {
            Route::Page | Route::File(_) => "page",
            Route::About => "about",
            Route::Rows => "rows",
            Route::Groups => "groups",
            Route::Map => "map",
            Route::Passing => "passing",
            Route::Row(_) => "row",
            Route::Similar(_) => "similar",
            Route::Thumbnail(_) => "thumbnail",
            Route::Search => "search",
            Route::Classify => "classify",
            Route::Health => "health",
            Route::Metrics => "metrics",
            Route::OpenApi => "openapi",
            Route::CerebroText => "search/text",
            Route::CerebroImage => "search/image",
            Route::KnnService => "knn-service",
            Route::IndicesList => "indices-list",
            Route::Metadata => "metadata",
        }
    }

    fn methods(self) -> &'static [Method] {
        match self {
            Route::Search => &[Method::GET, Method::HEAD, Method::POST],
            Route::Classify | Route::CerebroImage | Route::KnnService | Route::Metadata => &[Method::POST],
            _ => &[Method::GET, Method::HEAD],
        }
    }
}

/// Answers a request, whatever it is.
pub(super) async fn answer(server: Arc<Server>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let start = Instant::now();
    let gallery = server.shelf.gallery();
    let identity = gallery.about().identity.clone();
    let origin = server.gate.allowed_origin(request.headers()).map(str::to_string);
    let route = Route::of(request.uri().path());
    let reply = routed(&server, gallery, route, request).await;
    let name = route.map_or("none", Route::name);
    server.metrics.answered(name, reply.status().as_u16(), start.elapsed());
    Ok(reply::finish(reply, &identity, origin.as_deref()))
}

async fn routed(
    server: &Arc<Server>,
    gallery: Arc<Gallery>,
    route: Option<Route>,
    request: Request<Incoming>,
) -> Reply {
    let (method, path) = (request.method().clone(), request.uri().path().to_string());
    let parameters = Parameters::of_query(request.uri().query());
    if route == Some(Route::Page)
        && let Some(token) = parameters.text("token").filter(|token| server.gate.is_token(token))
    {
        return enter(token);
    }
    let preflight = method == Method::OPTIONS;
    if let Err(why) = server.gate.check(&method, &path, request.headers())
        && !(preflight && why.status == StatusCode::UNAUTHORIZED)
    {
        return reply::closed(&why);
    }
    let Some(route) = route else {
        return reply::error(
            StatusCode::NOT_FOUND,
            "there is no such page",
            Some("GET /openapi.json says what there is"),
        );
    };
    if !route.methods().contains(&method) {
        return other_method(route, preflight);
    }
    if parameters.text("index").is_some_and(|index| index != gallery.about().identity) {
        return answers::outdated(&gallery.about().identity);
    }
    match route {
        Route::Page => page(request.headers()),
        Route::File(file) => file_of_the_page(file, request.headers()),
        Route::About => reply::json(gallery.about()),
        Route::Health => answers::health(&server.shelf),
        Route::Metrics => {
            let text = server.metrics.text(gallery.about(), server.busy.load(Ordering::Relaxed));
            reply::of(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
        }
        Route::OpenApi => reply::of(StatusCode::OK, reply::JSON, OPENAPI),
        Route::IndicesList => clients::indices(&gallery),
        route => question(server, gallery, route, &parameters, request).await,
    }
}

/// Whoever opens the page with the token gets it as a cookie, so that pictures can be asked for too.
fn enter(token: &str) -> Reply {
    let mut reply = reply::of(StatusCode::SEE_OTHER, "text/plain", "");
    let headers = reply.headers_mut();
    reply::put(headers, header::SET_COOKIE, &format!("{COOKIE_NAME}={token}; HttpOnly; SameSite=Strict; Path=/"));
    reply::put(headers, header::LOCATION, "/");
    reply
}

fn other_method(route: Route, preflight: bool) -> Reply {
    let methods: Vec<&str> = route.methods().iter().map(Method::as_str).collect();
    let allowed = format!("{}, OPTIONS", methods.join(", "));
    let mut reply = match preflight {
        true => reply::of(StatusCode::NO_CONTENT, "text/plain", ""),
        false => {
            reply::error(StatusCode::METHOD_NOT_ALLOWED, "this is not asked so", Some(&format!("use {}", methods[0])))
        }
    };
    reply::put(reply.headers_mut(), header::ALLOW, &allowed);
    reply
}

fn page(headers: &hyper::HeaderMap) -> Reply {
    let page = page::index(&[page::SERVER.name]);
    let tag = blake3::hash(page.as_bytes()).to_hex();
    reply::tagged("text/html; charset=utf-8", &tag[..24], page, headers)
}

fn file_of_the_page(file: &page::File, headers: &hyper::HeaderMap) -> Reply {
    let tag = blake3::hash(file.contents.as_bytes()).to_hex();
    reply::tagged(file.media_type, &tag[..24], file.contents, headers)
}

/// A question that takes a while: its body is read here, and it is answered on a thread of its own.
async fn question(
    server: &Arc<Server>,
    gallery: Arc<Gallery>,
    route: Route,
    parameters: &Parameters,
    request: Request<Incoming>,
) -> Reply {
    let busy = Busy::of(server);
    if busy.count >= MOST_QUESTIONS {
        return reply::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many questions at once",
            Some("ask again in a second"),
        );
    }
    let headers = request.headers().clone();
    let brought = match *request.method() == Method::POST {
        true => {
            let read = match route {
                Route::KnnService | Route::Metadata => body::read_object(request, &server.bodies).await,
                _ => body::read(request, &server.bodies).await,
            };
            match read {
                Ok(brought) => brought,
                Err(wrong) => return reply::error(wrong.status, &wrong.message, wrong.hint),
            }
        }
        false => Brought::default(),
    };
    // Pictures take memory: some at a time.
    let looks =
        matches!(route, Route::Thumbnail(_) | Route::Classify) || brought.picture.is_some() || brought.has_image();
    let _eye = match looks {
        true => server.eyes.clone().acquire_owned().await.ok(),
        false => None,
    };
    let (server, parameters) = (server.clone(), parameters.clone());
    let work = move || {
        let metrics = &server.metrics;
        let answered = guard::catch(|| match route {
            Route::Rows => answers::rows(&gallery, &parameters, metrics),
            Route::Groups => answers::groups(&gallery, &parameters, metrics),
            Route::Map => answers::map(&gallery, &parameters, &headers, metrics),
            Route::Passing => answers::passing(&gallery, &parameters, metrics),
            Route::Row(row) => answers::row(&gallery, row, &parameters, metrics),
            Route::Thumbnail(row) => answers::thumbnail(&gallery, row, &parameters, &headers, metrics),
            Route::Similar(row) => answers::search(&gallery, Some(row), &parameters, brought, metrics),
            Route::Search => answers::search(&gallery, None, &parameters, brought, metrics),
            Route::Classify => answers::classify(&gallery, &parameters, brought, metrics),
            Route::CerebroText => clients::text(&gallery, &parameters, metrics),
            Route::CerebroImage => clients::image(&gallery, &parameters, brought, metrics),
            Route::KnnService => clients::knn(&gallery, &brought, metrics),
            Route::Metadata => clients::metadata(&gallery, &brought, metrics),
            _ => Err(Refusal::missing("there is no such page")),
        });
        match answered {
            Some(Ok(reply)) => reply,
            Some(Err(refusal)) => reply::refusal(&refusal),
            None => reply::error(StatusCode::INTERNAL_SERVER_ERROR, "this question was too much", None),
        }
    };
    let answered = tokio::task::spawn_blocking(work).await;
    answered.unwrap_or_else(|_| reply::error(StatusCode::INTERNAL_SERVER_ERROR, "the answer was lost", None))
}

/// A question under way.
struct Busy {
    server: Arc<Server>,
    /// How many there were before.
    count: usize,
}

impl Busy {
    fn of(server: &Arc<Server>) -> Busy {
        Busy { server: server.clone(), count: server.busy.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.server.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
