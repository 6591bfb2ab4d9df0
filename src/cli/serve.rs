//! `serve`: an index in the browser, and over HTTP.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Args;
use clap::builder::TypedValueParser;

use super::args;
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::model::Engine;
use crate::progress::Progress;
use crate::serve::{Options, Stop, serve};
use crate::table::column;
use crate::{gallery, query};

/// Show an index in the browser, and answer programs over HTTP
///
/// Without --index it is the built-in Pokédex. The line on standard output is the address. Pictures are shown that lie below
/// --images, or, without that, below the working directory and the folder of the index. It listens on this machine only,
/// unless --listen says otherwise; who asks from elsewhere needs the token. An index that is replaced is taken over without a
/// restart. GET /openapi.json describes the API, GET /metrics is for Prometheus. Ctrl-C ends it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex serve --open
  pokedex serve --images artwork/
  pokedex serve --index photos.parquet --images ~/Pictures
  pokedex serve --index photos.parquet --listen 0.0.0.0 --token \"$(openssl rand -hex 16)\"
  curl -s 'http://127.0.0.1:7025/api/search?q=fire+dog&top=5'
  curl -s --data-binary @drawing.png -H 'Content-Type: image/png' http://127.0.0.1:7025/api/classify")]
pub(super) struct Serve {
    /// The table to show [default: the built-in Pokédex]
    #[arg(long, help_heading = "Input", env = "POKEDEX_INDEX", value_name = "FILE", hide_env_values = true, value_parser = clap::builder::OsStringValueParser::new().map(PathBuf::from))]
    index: Option<PathBuf>,

    /// A folder in which the pictures are; also for the built-in Pokédex, by the names or numbers of its files
    #[arg(long, help_heading = "Input", value_name = "DIR")]
    images: Vec<PathBuf>,

    /// What tells classes of a picture apart, as `train` writes it [default: the labelled rows, or the 1025 species]
    #[arg(long, help_heading = "Input", value_name = "FILE")]
    head: Option<PathBuf>,

    /// The model that embeds questions [default: the one that made the index]
    #[arg(long, help_heading = "Model", value_name = "NAME|DIR")]
    model: Option<String>,

    /// What runs the model of an index; the built-in one always runs in rten [default: auto]
    #[arg(long, help_heading = "Model", value_enum, default_value_t, hide_default_value = true)]
    engine: Engine,

    /// The column that holds the vectors
    #[arg(long, help_heading = "Input", alias = "features", default_value = column::EMBEDDING, value_name = "NAME")]
    vector_column: String,

    /// The port; 0 takes any that is free
    #[arg(short, long, help_heading = "Network", default_value_t = 7025, value_name = "N")]
    port: u16,

    /// The address to listen at; beyond this machine --token is needed
    #[arg(long, help_heading = "Network", default_value_t = Ipv4Addr::LOCALHOST.into(), value_name = "ADDRESS")]
    listen: IpAddr,

    /// What whoever asks has to say: as ?token= at the page's address, or as `Authorization: Bearer`
    #[arg(long, help_heading = "Network", env = "POKEDEX_TOKEN", hide_env_values = true, value_name = "TOKEN", value_parser = token)]
    token: Option<String>,

    /// Let anybody in the network look, without a token
    #[arg(long, help_heading = "Network")]
    open_to_all: bool,

    /// A name by which this machine is called, beside localhost and its addresses
    #[arg(long, help_heading = "Network", value_name = "NAME")]
    host: Vec<String>,

    /// Let pages of this origin ask (scheme and name, as a browser sends them)
    #[arg(long, help_heading = "Network", value_name = "ORIGIN")]
    cors: Vec<String>,

    /// Open the page in the browser
    #[arg(long, help_heading = "Output")]
    open: bool,
}

impl Serve {
    pub(super) fn run(self, ui: &mut dyn Progress) -> Result<Exit, Failure> {
        let stop = Stop::default();
        let on_signal = stop.clone();
        args::stop_when_interrupted(move || on_signal.stop());
        let (open, token) = (self.open, self.token.clone());
        let options = self.options();
        let ready = |address| {
            let page = format!("http://{address}/");
            // Whoever waits for this line may have gone; the page is there all the same.
            let _ = args::print(format!("{page}\n").as_bytes());
            if open {
                let page = token.map_or(page.clone(), |token| format!("{page}?token={token}"));
                let _ = open::that_detached(page);
            }
        };
        serve(&options, &stop, ready, ui)?;
        Ok(Exit::Done)
    }

    fn options(self) -> Options {
        let query = query::Options {
            model: self.model,
            engine: self.engine,
            column: self.vector_column,
            annoy: None,
            forms: query::Forms::Never,
            ..query::Options::default()
        };
        Options {
            gallery: gallery::Options { index: self.index, images: self.images, head: self.head, query },
            listen: self.listen,
            port: self.port,
            token: self.token,
            open_to_all: self.open_to_all,
            hosts: self.host,
            origins: self.cors,
        }
    }
}

/// What can stand in a header and in an address.
fn token(text: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    match (8..=256).contains(&text.len()) && text.bytes().all(fits) {
        true => Ok(text.into()),
        false => Err("is no token: 8 to 256 letters and digits, as `openssl rand -hex 16` makes them".into()),
    }
}
