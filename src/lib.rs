//! Embed, search and classify images from the shell; knows all 1025 Pokémon out of the box.
//!
//! Every stage is a function from a table to a table, so that stages can be run alone, in pipes and in Makefiles:
//!
//! ```text
//! images ── convert-rgb ── split ── embed ──┬── index ── query
//!                                           └── train ── classify ── evaluate
//! ```
//!
//! Modules, from the command line down; each imports only from those below it:
//!
//! - [`cli`]: one file a subcommand; the only part that knows the terminal, with [`ui`]
//! - [`stage`]: rows in, rows out, in order, on several threads
//! - [`index`]: search, and the fused search of the built-in Pokédex
//! - [`head`]: from vectors to probabilities of classes, and how that is learnt
//! - [`embed`]: from images to vectors
//! - [`model`]: towers, their identity, engines, the cache of vectors
//! - [`check`]: what is wrong with a data set
//! - [`export`]: data sets in the layouts of training tools
//! - [`augment`]: more pictures out of few, for training
//! - [`convert`]: images to files, and what need not be done again
//! - [`terminal`]: pictures as what a terminal shows
//! - [`split`], [`duplicates`], [`metrics`]: pure functions
//! - [`runs`]: the log of trainings and evaluations
//! - [`table`]: Parquet and Arrow, the columns and their meaning
//! - [`image`], [`species`], [`matrix`]: pictures, names and products of matrices, pure functions
//! - [`filter`]: which rows of a table pass a condition in SQL
//! - [`notes`]: what was passed over or read leniently, counted for the end of a run
//! - [`guard`]: panics of other people's code, turned into errors
//! - [`names`]: names of files that stay apart on every file system
//! - [`io`]: `-`, files, folders, atomic writes

pub mod augment;
pub mod check;
pub mod classify;
pub mod cli;
pub mod convert;
pub mod duplicates;
pub mod embed;
pub mod evaluate;
pub mod export;
pub mod failure;
pub mod filter;
pub mod guard;
pub mod head;
pub mod image;
pub mod index;
pub mod indexing;
pub mod io;
pub mod matrix;
pub mod metrics;
pub mod model;
pub mod names;
pub mod notes;
pub mod output;
pub mod progress;
pub mod query;
pub mod runs;
pub mod scan;
pub mod species;
pub mod split;
pub mod stage;
pub mod table;
pub mod terminal;
pub mod train;
pub mod words;
