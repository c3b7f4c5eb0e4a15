//! `train`: draws scenarios, has their truth simulated, learns, and can be stopped and gone on with at any time.

use super::args::{Common, MessageFormat};
use super::average::average;
use super::exit::Exit;
use super::failure::Failure;
use super::learning::{Architecture, LearningArgs};
use super::sweep::{execute_on, exit_of, provenance, survive_questions, watch_signals};
use super::{no_stdout, progress, remark, shown, warn};
use crate::backends::{self, BackendOptions};
use crate::dataset::Dataset;
use crate::figures::{self, Page, Request, Training};
use crate::plan::PlannedScenario;
use crate::runner::{StopFlag, SweepSummary, unix_time_s};
use crate::spec;
use crate::store::{Reader, Selection};
use crate::train::checkpoint::{self, Checkpoint, CheckpointError, Recipe};
use crate::train::course::{Corrected, Course, Rounds};
use crate::train::lessons::{Lessons, digest, lessons, with_heavy_twice};
use crate::train::log;
use crate::train::paper::{Labelling, Paper, Periods};
use crate::train::refined::Refined;
use crate::train::session::{Ended, Session, SessionError, Surroundings};
use crate::train::sets::{self, MOST_DRAWS, ROLES, Role, SetError, Space};
use clap::Args;
use mixlab_m4::perceptron::file::Kind;
use mixlab_m4::train::Lesson;
use mixlab_m4::train::paper;
use mixlab_m4::weights::Manifest;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options of `train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Folder of the training: weights, checkpoints, log. One that holds a training is gone on with
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Model to train
    #[arg(long, value_enum, default_value_t = Architecture::Refined)]
    pub architecture: Architecture,
    /// Go on from this checkpoint instead of the latest in DIR
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Learn nothing: write the mean of these trainings of the refined or of the corrected model into --out. Their errors differ
    /// with their seeds, so the mean has less
    #[arg(long, value_name = "DIR,DIR", value_delimiter = ',', conflicts_with_all = ["from", "until"])]
    pub average: Vec<PathBuf>,
    /// Stop after this round (paper: step); the same command goes on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub until: Option<u64>,
    /// Rounds (paper: steps) between checkpoints [default: 10; paper: an epoch]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub checkpoint_every: Option<u64>,
    /// Rounds (paper: steps) between validations [default: 10; paper: an epoch]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub validate_every: Option<u64>,
    // Last: a heading holds for all that follows it.
    /// Which scenarios there are
    #[command(flatten)]
    pub data: DataArgs,
    /// How it learns
    #[command(flatten)]
    pub learning: LearningArgs,
}

/// Where scenarios come from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Scenarios")]
pub struct DataArgs {
    /// Draw mixes from this mix space (with --nr-flows flows each) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub mixspace: Option<PathBuf>,
    /// Scenarios to learn from; `--seed` chooses the streams of all draws
    #[arg(long, value_name = "N", default_value_t = 440, value_parser = clap::value_parser!(u64).range(1..=MOST_DRAWS))]
    pub draws: u64,
    /// Scenarios to learn from beyond the published ranges: other links, more hosts, heavy traffic within racks
    /// [default: 200; 0 with --architecture paper or --mixspace]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=MOST_DRAWS))]
    pub wide_draws: Option<u64>,
    /// Scenarios to learn from with links of 25 to 100 Gb/s at the hosts and up to 400 Gb/s in the fabric
    /// [default: 100 with --architecture refined and without --mixspace, else 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=MOST_DRAWS))]
    pub fast_draws: Option<u64>,
    /// Scenarios to validate on (0: no validation)
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=MOST_DRAWS))]
    pub validation_draws: u64,
    /// Flows per scenario of the built-in space, instead of 2,000 (5,000 on fabrics of 64 and more hosts)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub draw_flows: Option<u32>,
    /// Learn from scenarios that are stored under --root (those of --mixes if given), such as imported ones, instead of drawing:
    /// by their digest eight in ten are learned from, one is for validation, one for `mixlab test`
    #[arg(long, conflicts_with_all = ["mixspace", "draws", "wide_draws", "fast_draws", "validation_draws", "draw_flows"])]
    pub stored: bool,
    /// Backend whose results are the truth; what is missing is simulated, except with --stored
    #[arg(long, value_name = "BACKEND", default_value = "packet")]
    pub truth: String,
}

/// Makes the sets, has their truth simulated, trains.
pub async fn run(common: &Common, args: &TrainArgs) -> Result<Exit, Failure> {
    survive_questions()?;
    if !args.average.is_empty() {
        if common.dry_run {
            shown(&format!("would write the mean of {} trainings into {}\n", args.average.len(), args.out.display()))?;
        } else {
            remark(common, &average(&args.average, &args.out)?);
        }
        return Ok(Exit::Ok);
    }
    one_architecture(&args.out, args.architecture)?;
    same_options(args)?;
    warn(common, &changes_nothing(common, args));
    let (truth, sets) = if args.data.stored {
        (args.data.truth.clone(), stored_sets(common).await?)
    } else {
        let sets = drawn_sets(common, args)?;
        let supervise = match args.architecture {
            Architecture::Refined => args.learning.refined().map(|_| common.enable_train)?,
            Architecture::Corrected => args.learning.corrected().map(|_| common.enable_train)?,
            Architecture::Paper => common.enable_train || needs_supervision(&args.learning.paper()?),
        };
        let (truth, summary) = simulate(common, &args.data.truth, &sets, supervise).await?;
        match summary {
            Some(summary) if exit_of(&summary) == Exit::Ok => {}
            Some(summary) => return Ok(exit_of(&summary)),
            None => return Ok(Exit::Ok), // a dry run
        }
        (truth, sets)
    };
    let [training, validation] = [Role::Training, Role::Validation].map(|role| of_role(&sets, role));
    let reader = Reader::open(&common.root).await?;
    let digests = [training, validation].concat().iter().map(|s| s.digest.clone()).collect();
    let selection = Selection { digests: Some(digests), backends: Some(vec![truth.clone()]), ..Selection::default() };
    let dataset = reader.dataset(&selection).await?;
    let [training, validation] = [training, validation].map(|set| lessons(set, &dataset, &truth));
    say_left_out(common, &training, &truth);
    if training.lessons.is_empty() {
        let text = format!(
            "no open-loop scenario with a finished run of `{truth}` to learn from under {}",
            common.root.display()
        );
        return Err(Failure::new(Exit::MissingResults, text));
    }
    remark(
        common,
        &format!("{} scenarios to learn from, {} to validate on", training.lessons.len(), validation.lessons.len()),
    );
    if common.dry_run {
        return Ok(Exit::Ok);
    }
    learn(common, args, truth, training, validation, &sets).await
}

/// Refuses a folder with weights of another architecture: nobody could tell which of them is meant.
pub fn one_architecture(out: &Path, architecture: Architecture) -> Result<(), Failure> {
    let others = Kind::ALL.into_iter().filter(|kind| kind.name() != architecture.name());
    let paper = architecture != Architecture::Paper && Manifest::exists_in(out);
    if !paper && !others.map(Kind::file).any(|file| out.join(file).is_file()) {
        return Ok(());
    }
    let text = format!("{} holds weights of another architecture: choose another --out", out.display());
    Err(Failure::new(Exit::Usage, text))
}

/// Refuses options that are not those of the training in the folder, before anything is simulated for them.
fn same_options(args: &TrainArgs) -> Result<(), Failure> {
    let options = match args.architecture {
        Architecture::Refined => Refined::recipe(&args.learning.refined()?),
        Architecture::Corrected => Corrected::recipe(&args.learning.corrected()?),
        Architecture::Paper => paper_recipe(args)?,
    };
    match checkpoint_of(args)? {
        Some(path) => Ok(Checkpoint::load(&path)?.recipe.same_options(args.architecture.name(), &options, &path)?),
        None => Ok(()),
    }
}

/// Warnings of what was asked for and changes nothing: scenarios are drawn, not made of the mixes of a sweep.
fn changes_nothing(common: &Common, args: &TrainArgs) -> Vec<String> {
    let drawn = !args.data.stored;
    let asked = [
        (
            drawn && common.mixes.is_some(),
            "--mixes changes nothing: scenarios are drawn (--stored learns from stored ones)",
        ),
        (drawn && common.enable_app, "--enable-app changes nothing: only open loops are learned from"),
        (common.m4_weights.is_some(), "--m4-weights changes nothing: a training starts from new weights"),
    ];
    asked.into_iter().filter(|(is, _)| *is).map(|(_, text)| text.to_owned()).collect()
}

/// Scenarios by role.
pub type Sets = [Vec<PlannedScenario>; 3];

fn of_role(sets: &Sets, role: Role) -> &[PlannedScenario] {
    &sets[role as usize]
}

/// The three sets; the test set is only looked at to see that nothing of it is in the others.
fn drawn_sets(common: &Common, args: &TrainArgs) -> Result<Sets, Failure> {
    const TEST_DRAWS: u64 = 30;
    const WIDE_DRAWS: u64 = 200;
    const FAST_DRAWS: u64 = 100;
    let data = &args.data;
    let draws = |role| match role {
        Role::Training => data.draws,
        Role::Validation => data.validation_draws,
        Role::Test => TEST_DRAWS,
    };
    let draw = |role| draw(common, data.mixspace.as_deref(), data.draw_flows, role, draws(role));
    let (wide, fast) = match args.architecture {
        _ if data.mixspace.is_some() => (0, 0),
        Architecture::Refined => (WIDE_DRAWS, FAST_DRAWS),
        Architecture::Corrected => (WIDE_DRAWS, 0),
        Architecture::Paper => (0, 0),
    };
    let (wide, fast) = (data.wide_draws.unwrap_or(wide), data.fast_draws.unwrap_or(fast));
    let sets: Vec<_> = ROLES.into_iter().map(draw).collect::<Result<_, _>>()?;
    let mut sets: Sets = sets.try_into().expect("as many sets as roles");
    let flows = data.draw_flows.map(|n| n as usize);
    for (space, count) in [(Space::Wide, wide), (Space::Fast, fast)] {
        sets[Role::Training as usize].extend(sets::drawn(space, Role::Training, common.seed, count, flows)?);
    }
    sets::check_disjoint(ROLES.map(|role| (role, of_role(&sets, role))))?;
    Ok(sets)
}

/// The first `count` draws of a role.
pub fn draw(
    common: &Common,
    space: Option<&Path>,
    flows: Option<u32>,
    role: Role,
    count: u64,
) -> Result<Vec<PlannedScenario>, Failure> {
    let Some(file) = space else {
        return Ok(sets::drawn(Space::Published, role, common.seed, count, flows.map(|n| n as usize))?);
    };
    let space = spec::load_mix_space(file)?;
    warn(common, &space.warnings);
    Ok(sets::from_space((&space, file), role, common.seed, count, common.nr_flows as usize)?)
}

/// Stored scenarios by role.
pub async fn stored_sets(common: &Common) -> Result<Sets, Failure> {
    let reader = Reader::open(&common.root).await?;
    let mut sets = Sets::default();
    let mut known = std::collections::BTreeSet::new();
    for (entry, digest) in reader.entries(&super::compare::selection(common)?).await? {
        if known.insert(digest.clone()) {
            let scenario = Arc::new(reader.load_scenario(&digest).await?);
            sets[Role::of_digest(&digest) as usize].push(PlannedScenario { entry, scenario, digest });
        }
    }
    // By content, so that the order in which scenarios were stored changes nothing.
    sets.iter_mut().for_each(|set| set.sort_by(|a, b| a.digest.cmp(&b.digest)));
    Ok(sets)
}

/// Simulates what is missing of training and validation; the backend's id and how it went.
async fn simulate(
    common: &Common,
    truth: &str,
    sets: &Sets,
    supervise: bool,
) -> Result<(String, Option<SweepSummary>), Failure> {
    let options = BackendOptions { supervise, ..common.backends() };
    let backend = match &backends::named(truth, &options)?[..] {
        [one] => Arc::clone(one),
        _ => return Err(Failure::new(Exit::Usage, format!("--truth {truth} is not one backend"))),
    };
    let scenarios = [of_role(sets, Role::Training), of_role(sets, Role::Validation)].concat();
    let id = backend.id().to_owned();
    Ok((id, execute_on(common, scenarios, vec![backend]).await?))
}

fn left_out(count: usize) -> String {
    format!("{count} scenario{} not learned from", if count == 1 { " is" } else { "s are" })
}

fn say_left_out(common: &Common, training: &Lessons, truth: &str) {
    let mut warnings = Vec::new();
    for (mixes, why) in [
        (
            &training.without_truth,
            format!("have no finished run of `{truth}` (`status` says why; an unsupported draw is no fault)"),
        ),
        (&training.closed_loops, "are closed loops".to_owned()),
    ] {
        if !mixes.is_empty() {
            warnings.push(format!("{}, because they {why}", left_out(mixes.len())));
        }
    }
    warn(common, &warnings);
}

/// Table of the scenarios and their roles in a training's folder; `mixlab test` looks there for what was learned from.
pub const SCENARIOS: &str = "scenarios.csv";

fn write_scenarios(args: &TrainArgs, sets: &Sets) -> Result<(), Failure> {
    let mut text = String::from("scenario,role,mix_id\n");
    for role in ROLES {
        for s in of_role(sets, role) {
            let _ = writeln!(text, "{},{},{}", s.digest, role.name(), s.entry.mix_id);
        }
    }
    let path = args.out.join(SCENARIOS);
    crate::atomic::write(&path, text.as_bytes()).map_err(|e| Failure::unwritable(&path, &e))
}

/// Begins or goes on with the training in the folder.
async fn learn(
    common: &Common,
    args: &TrainArgs,
    truth: String,
    training: Lessons,
    validation: Lessons,
    sets: &Sets,
) -> Result<Exit, Failure> {
    // From here on: making ready takes a while too, and a first signal must not be lost in it.
    let stop = StopFlag::default();
    let signals = tokio::spawn(watch_signals(stop.clone(), common.quiet, STOPPING));
    remark(common, "making ready");
    let lessons = [
        ("truth", truth.clone()),
        ("scenarios", training.lessons.len().to_string()),
        ("digest of scenarios and truth", digest(&training)),
        ("validation scenarios", validation.lessons.len().to_string()),
        ("digest of validation scenarios", digest(&validation)),
    ];
    let mut recipe = Recipe {
        architecture: args.architecture.name().into(),
        options: BTreeMap::new(),
        lessons: lessons.map(|(name, value)| (name.to_owned(), value)).into(),
    };
    let mut course: Box<dyn Course> = match args.architecture {
        Architecture::Refined => refined(common, args, &mut recipe, &training.lessons)?,
        Architecture::Corrected => corrected(common, args, &mut recipe, training.lessons)?,
        Architecture::Paper => published(common, args, &mut recipe, training, &truth).await?,
    };
    write_recipe(args, &recipe)?;
    write_scenarios(args, sets)?;
    let session = Session {
        folder: args.out.clone(),
        recipe,
        validation: validation.lessons,
        checkpoint_every: args.checkpoint_every.unwrap_or(course.cadence()),
        validate_every: args.validate_every.unwrap_or(course.cadence()),
        until: args.until,
    };
    let ended = follow(common, &session, &mut *course, &stop);
    signals.abort();
    let ended = ended?;
    draw_curve(common, &args.out)?;
    Ok(conclude(common, args, &*course, ended))
}

/// Where the checkpoint to go on from is; none for a new training.
fn checkpoint_of(args: &TrainArgs) -> Result<Option<PathBuf>, CheckpointError> {
    match &args.from {
        Some(path) => Ok(Some(path.clone())),
        None => checkpoint::latest(&args.out),
    }
}

/// The checkpoint to go on from, and where it is; none for a new training.
fn start(common: &Common, args: &TrainArgs, recipe: &Recipe) -> Result<Option<(Checkpoint, PathBuf)>, Failure> {
    let Some(path) = checkpoint_of(args)? else { return Ok(None) };
    let found = Checkpoint::of(recipe, &path)?;
    remark(common, &format!("going on after step {} from {}", found.step, path.display()));
    Ok(Some((found, path)))
}

fn refined(
    common: &Common,
    args: &TrainArgs,
    recipe: &mut Recipe,
    lessons: &[Lesson],
) -> Result<Box<dyn Course>, Failure> {
    let options = args.learning.refined()?;
    recipe.options = Refined::recipe(&options);
    let (training, step) = match start(common, args, recipe)? {
        None => (Refined::new(options, lessons).map_err(|e| Failure::internal(e.to_string()))?, 0),
        Some((found, path)) => (Refined::resume(options, lessons, &found.state, &path)?, found.step),
    };
    Ok(Box::new(Rounds::new(training, options.rounds, step)))
}

fn corrected(
    common: &Common,
    args: &TrainArgs,
    recipe: &mut Recipe,
    lessons: Vec<Lesson>,
) -> Result<Box<dyn Course>, Failure> {
    let options = args.learning.corrected()?;
    recipe.options = Corrected::recipe(&options);
    let lessons = with_heavy_twice(lessons);
    let (training, step) = match start(common, args, recipe)? {
        None => (Corrected::new(options, lessons).map_err(|e| Failure::internal(e.to_string()))?, 0),
        Some((found, path)) => (Corrected::resume(options, lessons, &found.state, &path)?, found.step),
    };
    Ok(Box::new(Rounds::new(training, options.rounds, step)))
}

async fn published(
    common: &Common,
    args: &TrainArgs,
    recipe: &mut Recipe,
    training: Lessons,
    truth: &str,
) -> Result<Box<dyn Course>, Failure> {
    let options = args.learning.paper()?;
    recipe.options = paper_recipe(args)?;
    let (periods, bare) = labelled(common, args, &training, &options, truth).await?;
    let counts = [
        ("periods", periods.training.len()),
        ("periods that set the rate", periods.validation.len()),
        ("scenarios without supervision", bare),
    ];
    recipe.lessons.extend(counts.map(|(name, count)| (name.to_owned(), count.to_string())));
    remark(common, &format!("{} busy periods to learn from", periods.training.len()));
    let made = provenance();
    let mut origin = recipe.lessons.clone();
    origin.extend([("version".to_owned(), made.version), ("commit".to_owned(), made.commit)]);
    Ok(Box::new(match start(common, args, recipe)? {
        None => Paper::new(options, periods, origin),
        Some((found, path)) => Paper::resume(options, periods, origin, (&found.state, &path))?,
    }))
}

/// The options of the published model that change its weights.
fn paper_recipe(args: &TrainArgs) -> Result<BTreeMap<String, String>, Failure> {
    let mut options = Paper::recipe(&args.learning.paper()?);
    options.extend(args.learning.paper.longest.map(|n| ("longest".to_owned(), n.to_string())));
    Ok(options)
}

/// Busy periods of the lessons with their labels from the store, and how many lessons have no supervision though it is wanted.
async fn labelled(
    common: &Common,
    args: &TrainArgs,
    training: &Lessons,
    options: &paper::Options,
    truth: &str,
) -> Result<(Periods, usize), Failure> {
    let reader = Reader::open(&common.root).await?;
    let mut labelling = Labelling::new(&training.lessons, options, args.learning.paper.longest);
    let (mut bare, wanted) = (0, needs_supervision(options));
    for number in labelling.lessons() {
        let found = if wanted { reader.supervision(&training.digests[number], truth).await? } else { None };
        bare += usize::from(wanted && found.is_none());
        let labelled = labelling.label(number, &training.lessons[number], found.as_ref());
        labelled.map_err(|e| Failure::new(Exit::Store, format!("supervision by {truth}: {e}")))?;
    }
    let mut warnings = Vec::new();
    if bare > 0 {
        warnings.push(format!("{bare} scenarios have no supervision by `{truth}`: they teach slowdowns only"));
    }
    if labelling.unsupported > 0 {
        let count = labelling.unsupported;
        warnings.push(format!("{}, because the model's parameters can't express them", left_out(count)));
    }
    warn(common, &warnings);
    let periods = labelling.finish();
    if periods.training.is_empty() {
        let text = "no busy period to learn from: more scenarios, a larger --most-active, or a smaller --batch";
        return Err(Failure::new(Exit::MissingResults, text));
    }
    Ok((periods, bare))
}

fn needs_supervision(options: &paper::Options) -> bool {
    options.remaining_weight > 0.0 || options.queue_weight > 0.0
}

/// What a first Ctrl-C does to a training.
const STOPPING: &str = "stopping after this step, which is checkpointed (again to stop at once)";

/// Runs the session with a bar, or a line for each validation where nobody sees one.
fn follow(common: &Common, session: &Session, course: &mut dyn Course, stop: &StopFlag) -> Result<Ended, Failure> {
    let length = course.length();
    let unit = course.unit();
    let bar = progress::bar(common, length, course.step(), unit);
    let (mut validated, mut unsaid) = (String::new(), None);
    let ended = session.run(
        course,
        &mut Surroundings {
            stop: &|| stop.is_set(),
            clock: &unix_time_s,
            on_step: &mut |step, scalars| {
                let value = |name: &str| scalars.iter().find(|(n, _)| *n == name).and_then(|(_, v)| *v);
                let loss = value("loss").unwrap_or(f64::NAN);
                if let Some(mean) = value("validation_mean") {
                    validated = format!("  validation error {:.1} %", mean * 100.0);
                    if bar.is_hidden() && common.message_format == MessageFormat::Human {
                        remark(common, &format!("{step} of {length} {unit}: loss {loss:.4}{validated}"));
                    }
                }
                // As in a sweep: a stdout that is gone does not cost the training, but is an error in the end.
                unsaid = unsaid.take().or(progress::trained(common, step, length, scalars).err());
                bar.set_position(step);
                bar.set_message(format!("loss {loss:.4}{validated}"));
            },
        },
    );
    bar.finish_and_clear();
    match unsaid.filter(|e| e.kind() != std::io::ErrorKind::BrokenPipe) {
        Some(why) => Err(no_stdout(&why)),
        None => Ok(ended?),
    }
}

/// The loss curve so far, in the training's folder.
fn draw_curve(common: &Common, folder: &Path) -> Result<(), Failure> {
    let path = folder.join(log::CSV);
    let log = log::Curve::read(&path).map_err(|e| Failure::internal(format!("{}: {e}", path.display())))?;
    match figures::write(&Training { log }, &Dataset::default(), &Request::default(), &Page::default(), folder) {
        Ok(written) => remark(common, &format!("figure {}", written.svg.display())),
        // Stopped before the first step.
        Err(e) if e.is_missing_data() => {}
        Err(e) => return Err(e.into()),
    }
    Ok(())
}

fn conclude(common: &Common, args: &TrainArgs, course: &dyn Course, ended: Ended) -> Exit {
    let (folder, weights) = (args.out.display(), course.backend().fingerprint());
    let (done, of, unit) = (course.step(), course.length(), course.unit());
    let again = if args.from.is_some() { "the same command without --from" } else { "the same command" };
    match ended {
        Ended::Done => {
            remark(common, &format!("{of} {unit} done: --m4-weights {folder} ({weights})"));
            Exit::Ok
        }
        Ended::Paused => {
            remark(common, &format!("{done} of {of} {unit} done and checkpointed in {folder}: {again} goes on"));
            Exit::Ok
        }
        Ended::Interrupted => {
            remark(common, &format!("interrupted after {done} of {of} {unit}: {again} goes on"));
            Exit::Interrupted
        }
    }
}

/// `train.json`: what the training in this folder is, and what made it.
fn write_recipe(args: &TrainArgs, recipe: &Recipe) -> Result<(), Failure> {
    let made = provenance();
    let text = serde_json::json!({
        "architecture": recipe.architecture, "options": recipe.options, "lessons": recipe.lessons,
        "version": made.version, "commit": made.commit, "command": made.command,
    });
    let path = args.out.join("train.json");
    crate::atomic::write(&path, format!("{text:#}\n").as_bytes()).map_err(|e| Failure::unwritable(&path, &e))
}

impl From<SetError> for Failure {
    fn from(e: SetError) -> Self {
        Self::new(Exit::BadSpec, e.to_string())
    }
}

impl From<CheckpointError> for Failure {
    fn from(e: CheckpointError) -> Self {
        let exit = if matches!(e, CheckpointError::Recipe { .. }) { Exit::Usage } else { Exit::Internal };
        Self::new(exit, e.to_string())
    }
}

impl From<SessionError> for Failure {
    fn from(e: SessionError) -> Self {
        Self::internal(e.to_string())
    }
}
