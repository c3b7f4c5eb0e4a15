//! `init`: a starter mix with comments, that runs as it is. JSON has no comments; keys that begin with `//` are ignored by
//! mixlab and by parsimon-eval alike, so the file stays one that both read.
//!
//! The cluster, matrix and sizes the mix names are those shipped in `spec/`. Where the lookup rule does not find them (current
//! directory, the mix's folder and every folder above it), copies are written beside the mix.

use super::args::{Common, InitArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::remark;
use std::path::Path;

/// The starter mix.
const MIX: &str = include_str!("starter.mix.json");
/// Files it names, and the schema for editors.
const COMPANIONS: [(&str, &str); 4] = [
    ("spec/clusters/32-4to1.json", include_str!("../../spec/clusters/32-4to1.json")),
    ("spec/spatials/skewed-2x4.json", include_str!("../../spec/spatials/skewed-2x4.json")),
    ("spec/sizes/web-server.txt", include_str!("../../spec/sizes/web-server.txt")),
    ("spec/schema/mix.schema.json", include_str!("../../spec/schema/mix.schema.json")),
];

/// Writes the mix and what it needs; never over a file without `--force`.
pub fn run(common: &Common, args: &InitArgs) -> Result<Exit, Failure> {
    let file = &args.file;
    if file.exists() && !args.force {
        let text = format!("{} is there already; name another file, or overwrite it with --force", file.display());
        return Err(Failure::new(Exit::Usage, text));
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    write(file, MIX)?;
    for (name, text) in COMPANIONS {
        if !is_found(name, folder) {
            write(&folder.join(name), text)?;
            remark(common, &format!("wrote {}", folder.join(name).display()));
        }
    }
    remark(common, &format!("wrote {}; next: mixlab --mixes {} mlsys", file.display(), file.display()));
    Ok(Exit::Ok)
}

/// Whether a mix in `folder` would find the file.
fn is_found(name: &str, folder: &Path) -> bool {
    let named = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let absolute = named.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    Path::new(name).is_file() || absolute.ancestors().any(|dir| dir.join(name).is_file())
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    crate::atomic::write(file, text.as_bytes()).map_err(|e| Failure::unwritable(file, &e))
}
