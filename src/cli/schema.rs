//! `schema`: the command line itself, as JSON.

use clap::{Arg, ArgAction, Args, Command};
use serde_json::{Map, Value, json};

use super::args;
use crate::cli::exit::Exit;
use crate::failure::Failure;
use crate::table::meanings::COLUMNS;

/// Describe commands, flags, exit codes and columns as JSON, for programs that write command lines
///
/// Each command has its flags and arguments with their values and defaults, as its --help shows them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex schema
  pokedex schema --command query
  pokedex schema | jq '.commands[].name'
  pokedex schema | jq '.exit_codes'")]
pub(super) struct Schema {
    /// Only this command
    #[arg(long, value_name = "NAME")]
    command: Option<String>,
}

impl Schema {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let mut root = super::command();
        root.build();
        let commands: Vec<&Command> = root.get_subcommands().collect();
        let shown = match &self.command {
            None => commands,
            Some(name) => {
                let found: Vec<&Command> = commands.into_iter().filter(|command| command.get_name() == name).collect();
                if found.is_empty() {
                    return Err(Failure::usage(
                        format!("{name}: there is no such command"),
                        "pokedex --help lists them",
                    ));
                }
                found
            }
        };
        let mut document = json!({
            "name": "pokedex",
            "version": env!("CARGO_PKG_VERSION"),
            "commands": shown.into_iter().map(command).collect::<Vec<Value>>(),
        });
        if self.command.is_none() {
            document["exit_codes"] =
                Exit::ALL.iter().map(|(exit, meaning)| json!({ "code": *exit as i32, "meaning": meaning })).collect();
            let column =
                |(name, kind, meaning): &(&str, &str, &str)| json!({ "name": name, "type": kind, "meaning": meaning });
            document["columns"] = COLUMNS.iter().map(column).collect();
        }
        let text = serde_json::to_string_pretty(&document).expect("texts and numbers");
        args::print(format!("{text}\n").as_bytes())?;
        Ok(Exit::Done)
    }
}

fn command(command: &Command) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), command.get_name().into());
    object.insert("about".into(), command.get_about().map(ToString::to_string).into());
    let (arguments, flags): (Vec<&Arg>, Vec<&Arg>) = command.get_arguments().partition(|arg| arg.is_positional());
    object.insert("arguments".into(), arguments.into_iter().map(argument).collect());
    object.insert("flags".into(), flags.into_iter().filter(|arg| !arg.is_hide_set()).map(argument).collect());
    let nested: Vec<Value> = command.get_subcommands().map(self::command).collect();
    if !nested.is_empty() {
        object.insert("commands".into(), nested.into());
    }
    Value::Object(object)
}

fn argument(arg: &Arg) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.into(), value);
    };
    match arg.get_long() {
        Some(long) => put("long", format!("--{long}").into()),
        None => put("name", arg.get_id().as_str().into()),
    }
    if let Some(short) = arg.get_short() {
        put("short", format!("-{short}").into());
    }
    let takes = arg.get_action().takes_values();
    let names = arg.get_value_names().unwrap_or_default();
    if takes {
        put("values", names.iter().map(|name| name.to_string()).collect());
        let many =
            matches!(arg.get_action(), ArgAction::Append) || arg.get_num_args().is_some_and(|n| n.max_values() > 1);
        put("repeats", many.into());
    }
    put("required", arg.is_required_set().into());
    let defaults: Vec<Value> = arg.get_default_values().iter().map(|value| value.to_string_lossy().into()).collect();
    if takes && !defaults.is_empty() {
        put("default", defaults.into());
    }
    let possible = arg.get_possible_values();
    if takes && !possible.is_empty() {
        let value = |value: &clap::builder::PossibleValue| json!({ "value": value.get_name(), "help": value.get_help().map(ToString::to_string) });
        put("possible", possible.iter().filter(|value| !value.is_hide_set()).map(value).collect());
    }
    if let Some(name) = arg.get_env() {
        put("env", name.to_string_lossy().into());
    }
    put("help", arg.get_help().map(ToString::to_string).into());
    Value::Object(object)
}
