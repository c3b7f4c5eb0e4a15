//! `figures`: draws from the store, and `training` from the log of a training.

use super::args::{Common, Fidelity, FigureArgs, FiguresArgs, ThemeName, Width};
use super::compare::selection;
use super::exit::Exit;
use super::failure::Failure;
use super::{data, remark, warn};
use crate::compare::{default_baseline, mixed_versions};
use crate::dataset::Dataset;
use crate::details;
use crate::figures::{self, Detail, Figure, FigureError, Page, Request, Theme, Training};
use crate::store::Reader;
use crate::train::log::Curve;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// Draws the figures asked for, or lists them.
pub async fn run(common: &Common, args: &FiguresArgs) -> Result<Exit, Failure> {
    let (log, args) = (&args.log, &args.drawn);
    if args.list {
        let mut text = String::new();
        let training: &dyn Figure = &Training::default();
        for figure in figures::all().iter().copied().chain([training]) {
            let _ = writeln!(text, "{:18}  {}", figure.name(), figure.about());
        }
        return data(&text);
    }
    if let Some(log) = log {
        return training(common, args, log);
    }
    chosen(&args.names)?;
    let reader = Reader::open(&common.root).await?;
    let dataset = reader.dataset(&selection(common)?).await?;
    warn(common, &mixed_versions(&dataset));
    draw(common, args, &reader, dataset).await?;
    Ok(Exit::Ok)
}

/// Draws into the folder of `args` and says where.
pub async fn draw(common: &Common, args: &FigureArgs, reader: &Reader, dataset: Dataset) -> Result<(), Failure> {
    let request = request(common, args, &dataset);
    let chosen = chosen(&args.names)?;
    let dataset = detailed(reader, dataset, &request, &chosen, !args.names.is_empty()).await?;
    let page = page(args);
    let (mut drawn, mut last) = (0, None);
    for figure in chosen {
        match figures::write(figure, &dataset, &request, &page, &args.out) {
            Ok(written) => {
                drawn += 1;
                remark(common, &format!("figure {}", written.svg.display()));
            }
            // Without names the user asked for what can be drawn; a named figure must be drawn.
            Err(e) if args.names.is_empty() && (e.is_missing_data() || matches!(e, FigureError::NoBaseline { .. })) => {
                remark(common, &format!("left out: {e}"));
                last = Some(e);
            }
            Err(e) => return Err(e.into()),
        }
    }
    match last {
        Some(e) if drawn == 0 => Err(e.into()),
        _ => Ok(()),
    }
}

/// Draws the loss of a training again, from its log.
fn training(common: &Common, args: &FigureArgs, log: &Path) -> Result<Exit, Failure> {
    if let Some(other) = args.names.iter().find(|name| *name != Training::default().name()) {
        return Err(Failure::new(Exit::Usage, format!("--log is of the figure `training` alone, not of `{other}`")));
    }
    let read = Curve::read(log).map_err(|e| Failure::new(Exit::Internal, format!("{}: {e}", log.display())))?;
    let figure = Training { log: read };
    let written = figures::write(&figure, &Dataset::default(), &Request::default(), &page(args), &args.out)?;
    remark(common, &format!("figure {}", written.svg.display()));
    Ok(Exit::Ok)
}

fn page(args: &FigureArgs) -> Page {
    Page {
        narrow: args.width == Width::Single,
        theme: if args.theme == ThemeName::Dark { Theme::Dark } else { Theme::Light },
        dpi: f64::from(args.dpi),
    }
}

/// What the arguments ask for.
pub fn request(common: &Common, args: &FigureArgs, dataset: &Dataset) -> Request {
    Request {
        baseline: args.baseline.clone().or_else(|| default_baseline(dataset, common.fidelity == Fidelity::Clean)),
        backends: args.backends.clone(),
        filter: args.filter.clone(),
        flows: args.flows,
    }
}

/// Packet simulations longer than this are run again only for a figure that was named.
const CHEAP_CPU_S: f64 = 20.0;

/// The dataset with the details that the figures need.
pub async fn detailed(
    reader: &Reader,
    mut dataset: Dataset,
    request: &Request,
    figures: &[&dyn Figure],
    named: bool,
) -> Result<Dataset, Failure> {
    let needed = |detail| figures.iter().any(|f| f.details().contains(&detail));
    let (traffic, queues) = (needed(Detail::Traffic), needed(Detail::Queues));
    let watched = figures::busiest(&dataset, request, if named { f64::INFINITY } else { CHEAP_CPU_S });
    for (i, scenario) in dataset.scenarios.iter_mut().enumerate().filter(|(_, s)| request.keeps(s)) {
        let watch = watched.filter(|(at, _)| queues && *at == i);
        if !traffic && watch.is_none() {
            continue;
        }
        let physics = reader.load_scenario(&scenario.digest).await?;
        scenario.details.traffic = Some(Arc::new(details::traffic(&physics)));
        if let Some((_, id)) = watch {
            let last = figures::last_delivery_ns(&scenario.runs[id]);
            let series = details::queues(&physics, id == "packet-clean", last);
            let series = series.map_err(|e| Failure::internal(e.to_string()))?;
            scenario.details.queues = Some(Arc::new(series));
        }
    }
    Ok(dataset)
}

fn chosen(names: &[String]) -> Result<Vec<&'static dyn Figure>, Failure> {
    if names.is_empty() {
        return Ok(figures::all().to_vec());
    }
    let by_name = |name: &String| {
        figures::named(name).ok_or_else(|| {
            if name == Training::default().name() {
                return Failure::new(Exit::Usage, "the figure `training` is drawn from a log: --log DIR/loss.csv");
            }
            let known: Vec<_> = figures::all().iter().map(|f| f.name()).collect();
            Failure::new(Exit::Usage, format!("there is no figure `{name}`; there are {}", known.join(", ")))
        })
    };
    names.iter().map(by_name).collect()
}
