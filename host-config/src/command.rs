//! What the command line offers. Results go to standard output, everything else to standard error.

mod apply;
mod check;
mod collector;
mod drain;
mod guard;
mod keys;
mod place;
mod prices;
mod render;
mod rollback;
mod wait;

use clap::{Parser, Subcommand};
use headgate::diagnostic::Diagnostic;
use headgate::include::{MAX_PRICE_FILE_BYTES, Source};
use headgate::{Compiled, compile, diagnostic, shape};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Exit code: the arguments make no sense; as clap has it.
const ARGUMENTS: u8 = 2;
/// Exit code: a policy is in force, but not on every data plane in time.
const BEHIND: u8 = 3;
/// Exit code: another policy is in force than the change was made from. Nothing was changed.
const CONFLICT: u8 = 4;
/// Exit code: the collector has the policy in force, but its files could not be written.
const FILES: u8 = 5;

const AFTER_HELP: &str = "\
Results go to standard output, everything else to standard error; nothing is coloured.

Exit codes: 0 done; 1 not done, and standard error says why; 2 the arguments make no sense. `apply` and `rollback` tell
more apart: see their --help.";

/// Checks a gateway.yaml, renders or applies it, makes keys.
#[derive(Debug, Parser)]
#[command(name = "headgate", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Report every problem of a gateway.yaml at once.
    #[command(after_help = check::AFTER_HELP)]
    Check(check::Check),
    /// Put a gateway.yaml in force: at the collector, in a proxy's files, on every data plane.
    #[command(after_help = apply::AFTER_HELP)]
    Apply(apply::Apply),
    /// Show what applying a gateway.yaml would change. Changes nothing.
    #[command(after_help = apply::AFTER_DIFF)]
    Diff(apply::Diff),
    /// Put an earlier revision in force again.
    #[command(after_help = rollback::AFTER_HELP)]
    Rollback(rollback::Rollback),
    /// Write the configuration of a proxy.
    #[command(subcommand)]
    Render(render::Render),
    /// Have a proxy finish its requests and deliver its records, before it is stopped.
    #[command(after_help = drain::AFTER_HELP)]
    Drain(drain::Drain),
    /// Virtual keys.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Prices.
    #[command(subcommand)]
    Prices(prices::Prices),
    /// Guardrails.
    #[command(subcommand)]
    Guard(guard::Guard),
    /// Print the JSON Schema of gateway.yaml, for editors.
    Schema,
    /// Print the reference page of gateway.yaml, Markdown.
    Reference,
}

/// Why a command failed: what to print on standard error.
type Failure = String;

/// Why a command ended early: what to print on standard error, and its exit code.
#[derive(Debug)]
struct Stop {
    text: String,
    code: u8,
}

impl Stop {
    fn of_arguments(text: String) -> Self {
        Self { text, code: ARGUMENTS }
    }
}

impl From<Failure> for Stop {
    fn from(text: Failure) -> Self {
        Self { text, code: 1 }
    }
}

/// Runs the command; 0 if it did what was asked, 1 if not, 2 for arguments that make no sense, more for what `apply` and
/// `rollback` tell apart.
pub(crate) fn run() -> ExitCode {
    match dispatch(&Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            say(&stop.text);
            ExitCode::from(stop.code)
        }
    }
}

fn dispatch(command: &Command) -> Result<(), Stop> {
    match command {
        Command::Apply(arguments) => return apply::apply(arguments),
        Command::Diff(arguments) => return apply::diff(arguments),
        Command::Rollback(arguments) => return rollback::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Render(render::Render::Envoy(arguments)) => render::envoy(arguments),
        Command::Drain(arguments) => drain::run(arguments),
        Command::Keys(keys::Keys::New(arguments)) => keys::new(arguments),
        Command::Prices(prices::Prices::Import(arguments)) => prices::import(arguments),
        Command::Guard(guard::Guard::Test(arguments)) => guard::test(arguments),
        Command::Schema => print(&format!("{:#}\n", shape::json_schema())),
        Command::Reference => print(&shape::reference()),
    }?;
    Ok(())
}

fn print(text: &str) -> Result<(), Failure> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("standard output: {error}\n"))
}

/// For people: there is nowhere left to report that standard error is closed.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}\n", file.display()))
}

/// Reads a gateway.yaml, and the file of prices beside it.
fn source(file: &Path) -> Result<Source, Problems> {
    let text = read(file).map_err(Problems::Unread)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let included = |name: &str| {
        let path = folder.join(name);
        let size = std::fs::metadata(&path).map_err(|error| error.to_string())?.len();
        if size > MAX_PRICE_FILE_BYTES as u64 {
            return Err("it is larger than 4 MiB".to_owned());
        }
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        Ok((path.display().to_string(), text))
    };
    Source::new(text, &file.display().to_string(), included).map_err(Problems::Found)
}

/// Why a file is no policy.
enum Problems {
    /// It cannot be read.
    Unread(Failure),
    /// It has errors, and perhaps warnings.
    Found(Vec<Diagnostic>),
}

impl From<Problems> for Stop {
    fn from(problems: Problems) -> Self {
        Failure::from(problems).into()
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        match problems {
            Problems::Unread(failure) => failure,
            Problems::Found(problems) => diagnostic::text(&problems),
        }
    }
}

/// Compiles a file for a command that needs it to be free of errors.
fn load(file: &Path) -> Result<Compiled, Failure> {
    Ok(compiled(&source(file)?, &file.display().to_string())?)
}

fn compiled(source: &Source, name: &str) -> Result<Compiled, Problems> {
    let compiled = compile(&source.text, name, now()).map_err(|problems| Problems::Found(source.placed(problems)))?;
    Ok(Compiled { warnings: source.placed(compiled.warnings), ..compiled })
}

fn warn(compiled: &Compiled) {
    if !compiled.warnings.is_empty() {
        say(&diagnostic::text(&compiled.warnings));
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the command owns the clock; everything below gets the time as an argument"
)]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn now() -> u64 {
    now_ms() / 1_000
}

/// Tells whether so much time has passed since it was made.
#[allow(clippy::disallowed_methods, reason = "as above: a wait is measured here and nowhere else")]
fn timer(time: Duration) -> impl Fn() -> bool {
    let start = Instant::now();
    move || start.elapsed() >= time
}
