//! `report`: one self-contained HTML page of a sweep.

use super::args::{Common, Fidelity, ReportArgs};
use super::compare::selection;
use super::exit::Exit;
use super::failure::Failure;
use super::figures::detailed;
use super::remark;
use crate::atomic;
use crate::compare::default_baseline;
use crate::figures::{self, Request};
use crate::report::{self, Report};
use crate::store::Reader;

/// Writes the page.
pub async fn run(common: &Common, args: &ReportArgs) -> Result<Exit, Failure> {
    let reader = Reader::open(&common.root).await?;
    let report = gathered(common, args, &reader, false).await?;
    let page = report::page(&report)?;
    atomic::write(&args.out, page.as_bytes()).map_err(|e| Failure::unwritable(&args.out, &e))?;
    remark(common, &format!("report {}", args.out.display()));
    Ok(Exit::Ok)
}

/// Everything the page is made of, from one look at the store.
pub async fn gathered(common: &Common, args: &ReportArgs, reader: &Reader, live: bool) -> Result<Report, Failure> {
    let selection = selection(common)?;
    let dataset = reader.dataset(&selection).await?;
    let request = Request {
        baseline: args.baseline.clone().or_else(|| default_baseline(&dataset, common.fidelity == Fidelity::Clean)),
        backends: args.backends.clone(),
        filter: args.filter.clone(),
        flows: None,
    };
    let dataset = detailed(reader, dataset, &request, figures::all(), false).await?;
    Ok(Report {
        root: common.root.display().to_string(),
        dataset,
        status: reader.status(&selection).await?,
        origins: reader.origins().await?,
        request,
        live,
    })
}
