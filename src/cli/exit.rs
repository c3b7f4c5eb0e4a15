//! Exit codes: part of the interface, the same in every subcommand.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done.
    Ok = 0,
    /// An input/output error or a fault of mixlab itself.
    Internal = 1,
    /// The command line makes no sense (clap uses the same number).
    Usage = 2,
    /// A mix, mix space, cluster, matrix, size distribution, `mixlab.toml` or `backend.toml` is wrong.
    BadSpec = 3,
    /// A backend is not built, not installed or can't run here.
    BackendUnavailable = 4,
    /// The sweep ended, but some runs failed, now or before; their rows say why. Or a backend breaks a law of conformance.
    RunsFailed = 5,
    /// The store is locked by another process, made by a newer version, or damaged.
    Store = 6,
    /// The store lacks the runs that a figure or comparison needs.
    MissingResults = 7,
    /// Ctrl-C or SIGTERM; finished runs are stored, the same command resumes.
    Interrupted = 130,
}

impl Exit {
    /// The table shown by `mixlab --help` and in the README.
    pub const TABLE: &str = "\
Exit codes:
  0    everything asked for was done
  1    input/output error, or a fault of mixlab itself
  2    the command line makes no sense
  3    a mix, cluster, matrix, size distribution, mixlab.toml or backend.toml is wrong
  4    a backend is unavailable
  5    the sweep ended, but some runs failed, now or before; or a backend breaks a law (doctor --conformance)
  6    the store is locked, made by a newer mixlab, or damaged
  7    the store lacks runs that a figure or comparison needs
  130  interrupted; finished runs are stored, the same command resumes";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_code() {
        let all = [
            Exit::Ok,
            Exit::Internal,
            Exit::Usage,
            Exit::BadSpec,
            Exit::BackendUnavailable,
            Exit::RunsFailed,
            Exit::Store,
            Exit::MissingResults,
            Exit::Interrupted,
        ];
        for exit in all {
            assert!(Exit::TABLE.lines().any(|l| l.trim_start().starts_with(&format!("{} ", exit as u8))), "{exit:?}");
        }
        assert_eq!(Exit::TABLE.lines().count(), all.len() + 1);
    }
}
