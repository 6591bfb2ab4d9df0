//! Embeds the pictures of a folder, indexes them and answers questions, all in one process:
//! `cargo run --release --example search -- photos/ "a red bird" "night" ./sketch.png`

use std::path::PathBuf;
use std::sync::Arc;

use pokedex::embed::{self, Embed};
use pokedex::indexing;
use pokedex::model::{Model, Use};
use pokedex::progress::Silent;
use pokedex::query::{Limits, Options, Question, Session};
use pokedex::{Failure, Inputs, Work};

#[expect(clippy::print_stdout, reason = "a program of its own")]
fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "photos".into()));

    let (work, model) = (Work::default(), Model::builtin());
    let options = embed::Options::of(&model);
    let stage = Arc::new(Embed::load(model, options, Use::Bulk { calls: work.threads })?);
    let pictures = Inputs { paths: vec![folder], ..Inputs::default() }.images()?.with_unique_keys();
    let (vectors, _) = work.through(pictures, &stage)?;
    let index = indexing::temporary(vectors, &indexing::Options::default(), &work, &mut Silent)?;

    let session = Session::over(index, &Options::default());
    let three = Limits { top: 3, ..Limits::default() };
    for question in arguments {
        let found = session.ask(&Question::of(&[&question])?, &three, &Silent)?;
        let keys: Vec<String> = found.hits.iter().map(|hit| format!("{} {:.2}", hit.key, hit.score)).collect();
        println!("{question}: {}", keys.join(", "));
    }
    Ok(())
}
