//! The `mixlab` command; everything is in the library.

fn main() -> std::process::ExitCode {
    mixlab::cli::main()
}
