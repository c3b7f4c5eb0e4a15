//! `export`: stored results as files.

use super::args::{Common, ExportArgs, Layout, TidyFormat};
use super::compare::selection;
use super::exit::Exit;
use super::failure::Failure;
use super::{no_stdout, remark};
use crate::export;
use crate::store::{Reader, Selection};
use std::io::ErrorKind;
use std::path::Path;

/// Writes one of the forms.
pub async fn run(common: &Common, args: &ExportArgs) -> Result<Exit, Failure> {
    let reader = Reader::open(&common.root).await?;
    let selection = Selection { backends: args.backends.clone(), ..selection(common)? };
    if let Some(Layout::ParsimonEval) = args.layout {
        let files = export::parsimon_layout(&reader, &selection, &common.root).await?;
        remark(common, &format!("{} files written under {}", files.len(), common.root.display()));
        return Ok(Exit::Ok);
    }
    let (Some(format), Some(out)) = (args.format, &args.out) else {
        return Err(Failure::new(Exit::Usage, "--format needs --out FILE"));
    };
    let to_stdout = out == Path::new("-");
    match (format, to_stdout) {
        (TidyFormat::Csv, true) => match export::tidy_csv(&reader, &selection, &mut std::io::stdout()).await {
            // A reader that has gone away (`| head`) is not an error.
            Err(export::ExportError::Stream(e)) if e.kind() == ErrorKind::BrokenPipe => {}
            Err(export::ExportError::Stream(e)) => return Err(no_stdout(&e)),
            other => other?,
        },
        (TidyFormat::Parquet, true) => {
            return Err(Failure::new(Exit::Usage, "parquet can't be written to stdout; give --out a file name"));
        }
        (format, false) => {
            let format = match format {
                TidyFormat::Csv => export::Format::Csv,
                TidyFormat::Parquet => export::Format::Parquet,
            };
            export::tidy(&reader, &selection, format, out).await?;
        }
    }
    Ok(Exit::Ok)
}
