//! The real binary, in a clean folder and a clean environment: one file a subcommand, and what they have in common.

mod workdir;

mod augment;
mod beside;
mod cache;
mod check;
mod classify;
mod completions;
mod contract;
mod convert_rgb;
mod embed;
mod evaluate;
mod examples;
mod export;
mod folders;
mod graph;
mod graphs;
mod hub;
mod index;
mod layouts;
mod library;
mod man;
mod messages;
mod model;
mod onnx;
mod outputs;
mod pipes;
mod query;
mod readme;
mod scan;
mod schema;
mod serve;
mod site;
mod split;
mod tables;
mod train;
