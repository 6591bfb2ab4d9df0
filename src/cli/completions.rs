//! `completions`: what makes the tab key work.

use clap::Args;
use clap_complete::Shell;

use super::args::print;
use crate::cli::exit::Exit;
use crate::failure::Failure;

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pokedex completions bash > ~/.local/share/bash-completion/completions/pokedex
  pokedex completions zsh > ~/.zfunc/_pokedex
  pokedex completions fish > ~/.config/fish/completions/pokedex.fish")]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let mut command = super::command();
        // Names of pages: they are known here only, since the tree that is parsed cannot know itself.
        let pages: Vec<&str> = command.get_subcommands().map(|stage| &*stage.get_name().to_string().leak()).collect();
        command = command.mut_subcommand("man", |man| {
            man.mut_arg("subcommand", |page| page.value_parser(clap::builder::PossibleValuesParser::new(&pages)))
        });
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "pokedex", &mut script);
        let script = String::from_utf8(script).expect("a script is text");
        let mut script = with_models(self.shell, &script);
        if self.shell == Shell::Fish {
            // The generator leaves out the values of what is no option.
            let line = "complete -c pokedex -n \"__fish_pokedex_using_subcommand man\" -f -a";
            script.push_str(&format!("{line} \"{}\"\n", pages.join(" ")));
        }
        print(script.as_bytes())?;
        Ok(Exit::Done)
    }
}

/// Names of models are those that are installed when the tab key is pressed, which the generator has no word for.
///
/// What it writes for zsh's repeated arguments, `*::`, makes zsh forget all options after the first argument; `*:` is
/// what was meant.
fn with_models(shell: Shell, script: &str) -> String {
    let is_model = |line: &str| line.contains("--model") || line.contains("-l model ");
    match shell {
        Shell::Zsh => {
            let mut text = String::from(script)
                .lines()
                .map(|line| match line {
                    line if line.starts_with("'--model=") => {
                        line.replace(":_default'", ":_pokedex_models'").replace(":_files'", ":_pokedex_models'") + "\n"
                    }
                    line if line.starts_with("'*::") && !line.starts_with("'*:::") => {
                        format!("'*:{}\n", &line["'*::".len()..])
                    }
                    line => format!("{line}\n"),
                })
                .collect::<String>();
            let models = "_pokedex_models() {\n    local -a models\n    \
                models=(${(f)\"$(_call_program models pokedex model list 2>/dev/null | sed 1d | cut -f1)\"})\n    \
                _alternative 'models:model:compadd -a models' 'files:file:_files'\n}\n\n";
            let at = text.rfind("if [ \"$funcstack[1]\"").unwrap_or(text.len());
            text.insert_str(at, models);
            text
        }
        Shell::Bash => {
            let mut after_model = false;
            let line = |line: &str| {
                let is_here = std::mem::replace(&mut after_model, line.trim() == "--model)");
                match is_here {
                    true => {
                        line.replace(
                            "compgen -f \"${cur}\"",
                            "compgen -f -W \"$(pokedex model list 2>/dev/null | sed 1d | cut -f1)\" -- \"${cur}\"",
                        ) + "\n"
                    }
                    false => format!("{line}\n"),
                }
            };
            script.lines().map(line).collect()
        }
        Shell::Fish => {
            let line = |line: &str| match is_model(line) && (line.ends_with(" -r") || line.ends_with(" -r -F")) {
                true => format!("{line} -a '(pokedex model list 2>/dev/null | sed 1d | cut -f1)'\n"),
                false => format!("{line}\n"),
            };
            script.lines().map(line).collect()
        }
        _ => script.to_string(),
    }
}
