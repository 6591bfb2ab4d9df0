use std::process::ExitCode;

fn main() -> ExitCode {
    pokedex::cli::main()
}
