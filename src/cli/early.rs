//! Which root and backend folders a command line names, before it can be parsed: `mixlab.toml` in the root gives defaults to
//! the options, and the backends found are subcommands, so both decide how the rest is read.

use std::ffi::OsString;
use std::path::PathBuf;

/// The values of `--NAME VALUE` and `--NAME=VALUE`, else of the environment variable, in order.
pub fn values(args: &[OsString], name: &str, variable: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut args = args.iter().skip(1).take_while(|a| *a != "--");
    while let Some(arg) = args.next() {
        if arg.to_str() == Some(name) {
            found.extend(args.next().map(PathBuf::from));
        } else if let Some(value) = arg.to_str().and_then(|a| a.strip_prefix(name)?.strip_prefix('=')) {
            found.push(value.into());
        }
    }
    if found.is_empty() {
        found.extend(std::env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_in_both_forms_and_anywhere_before_a_double_dash() {
        let args: Vec<OsString> =
            ["mixlab", "figures", "--root", "a", "--list", "--root=b", "--", "--root=c"].map(Into::into).into();
        assert_eq!(values(&args, "--root", "MIXLAB_NO_SUCH"), [PathBuf::from("a"), PathBuf::from("b")]);
        assert!(values(&args[..2], "--root", "MIXLAB_NO_SUCH").is_empty());
    }
}
