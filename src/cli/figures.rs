//! `figures`: draws from the store.

use super::args::{Common, Fidelity, FigureArgs};
use super::compare::selection;
use super::exit::Exit;
use super::failure::Failure;
use super::{data, remark};
use crate::compare::default_baseline;
use crate::dataset::Dataset;
use crate::figures::{self, Figure, Request};
use crate::store::Reader;
use std::fmt::Write;

/// Draws the figures asked for, or lists them.
pub async fn run(common: &Common, args: &FigureArgs) -> Result<Exit, Failure> {
    if args.list {
        let mut text = String::new();
        for figure in figures::all() {
            let _ = writeln!(text, "{:14}  {}", figure.name(), figure.about());
        }
        return data(&text);
    }
    let reader = Reader::open(&common.root).await?;
    let dataset = reader.dataset(&selection(common)?).await?;
    draw(common, args, &dataset)?;
    Ok(Exit::Ok)
}

/// Draws into the folder of `args` and says where.
pub fn draw(common: &Common, args: &FigureArgs, dataset: &Dataset) -> Result<(), Failure> {
    let request = Request {
        baseline: args.baseline.clone().or_else(|| default_baseline(dataset, common.fidelity == Fidelity::Clean)),
        backends: args.backends.clone(),
    };
    for figure in chosen(&args.names)? {
        match figures::write(figure, dataset, &request, &args.out) {
            Ok(written) => remark(common, &format!("figure {}", written.svg.display())),
            // Without names the user asked for what can be drawn; a named figure must be drawn.
            Err(e) if args.names.is_empty() && e.is_missing_data() => remark(common, &format!("left out: {e}")),
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<&'static dyn Figure>, Failure> {
    if names.is_empty() {
        return Ok(figures::all().to_vec());
    }
    let by_name = |name: &String| {
        figures::named(name).ok_or_else(|| {
            let known: Vec<_> = figures::all().iter().map(|f| f.name()).collect();
            Failure::new(Exit::Usage, format!("there is no figure `{name}`; there are {}", known.join(", ")))
        })
    };
    names.iter().map(by_name).collect()
}
