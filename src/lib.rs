//! Embed, search and classify images from the shell; knows all 1025 Pokémon out of the box.
//!
//! Every stage is a function from a table to a table, so that stages can be run alone, in pipes and in Makefiles:
//!
//! ```text
//! images ── convert-rgb ── split ── embed ──┬── index ── query
//!                                           └── train ── classify ── evaluate
//! ```
//!
//! The command line is one door of this library; whoever builds another finds here what each stage does, without a terminal:
//! functions that take paths, tables and options, give typed results and a [`Failure`] with a hint, say what they do to a
//! [`Progress`](progress::Progress), and never print. A [`query::Session`] is opened once and asked from many threads;
//! `examples/search.rs` embeds a folder, indexes it and asks, in one process. The head of each stage shows how it is called.
//!
//! Modules, from the door down, those included that are not public. Each imports only from lines below its own, which a test
//! holds; `docs/architecture.md` walks through them with one picture.
//!
//! - [`cli`]: a door: one file a subcommand, its arguments and its help; the only part that knows the terminal
//! - [`serve`], [`mcp`]: doors: HTTP and the page; agents
//! - [`gallery`]: what pages, servers and agents look at and ask of an index
//! - [`query`], [`classify`], [`train`], [`evaluate`], [`indexing`], [`export`], [`check`], [`dedup`], [`sample`], [`augment`], [`convert`], [`quantise`]:
//!   stages, by subject
//! - [`frames`]: stills of films, by ffmpeg
//! - [`scan`], [`split`], [`read`], [`embed`], [`map`]: stages of which others use a part
//! - [`reading`]: what plain words ask of the built-in Pokédex
//! - [`output`]: what a run may create and replace, and how results are shown
//! - [`stage`]: the contract of a stage and the driver that runs any: rows in, rows out, in order, on several threads
//! - [`index`], [`head`], [`runs`]: search, and the fused search of the built-in Pokédex; from vectors to probabilities of
//!   classes, and how that is learnt; the log of trainings and evaluations
//! - [`model`], [`duplicates`], [`terminal`], [`words`]: towers, their identity, engines, the cache of vectors; near copies;
//!   pictures as what a terminal shows; how counts are said
//! - [`table`]: Parquet and Arrow, the columns and their meaning
//! - [`camera`], [`quality`]: what the camera wrote into a picture's file, and people since; how good a picture is to look at
//! - [`filter`], [`image`], [`io`]: conditions in SQL; pictures; `-`, files, folders, buckets, atomic writes
//! - [`failure`], [`progress`], [`notes`], [`guard`], [`names`], [`species`], [`matrix`], [`metrics`], [`page`]: what was
//!   wrong and what to do about it; who watches; what was passed over; panics of other people's code, turned into errors; names
//!   of files that stay apart on every file system; the 1025 names; products of matrices; figures of predictions; the files of
//!   the page
//! - [`sorted`], [`numbered`], [`aligned`]: texts of sorted lines, searched without being read; texts and their numbers; files within the
//!   program

#![warn(missing_docs, unreachable_pub, unnameable_types)]
#![allow(rustdoc::private_intra_doc_links, reason = "the map names what is private, too")]

mod aligned;
pub mod augment;
pub mod camera;
pub mod check;
pub mod classify;
pub mod cli;
pub mod convert;
pub mod dedup;
mod duplicates;
pub mod embed;
pub mod evaluate;
pub mod export;
pub mod failure;
pub mod filter;
pub mod frames;
pub mod gallery;
pub mod guard;
pub mod head;
pub mod image;
pub mod index;
pub mod indexing;
pub mod io;
pub mod map;
pub mod matrix;
pub mod mcp;
pub mod metrics;
pub mod model;
mod names;
pub mod notes;
mod numbered;
pub mod output;
mod page;
pub mod progress;
pub mod quality;
pub mod quantise;
pub mod query;
pub mod read;
pub mod reading;
pub mod runs;
pub mod sample;
pub mod scan;
pub mod serve;
mod sorted;
pub mod species;
pub mod split;
pub mod stage;
pub mod table;
mod terminal;
pub mod train;
pub mod words;

pub use failure::Failure;
pub use stage::Work;
pub use table::{Inputs, Table};
