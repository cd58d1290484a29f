//! `headgate check`.

use super::host::Host;
use super::native;
use crate::exit::Failure;
use crate::output::print;
use crate::policy_file::{Problems, compiled, read, source};
use clap::{Args, ValueEnum};
use headgate_config::Compiled;
use headgate_config::diagnostic::{self, Diagnostic, Severity};
use headgate_config::existing::{self, ProxyFile};
use headgate_config::render::apisix_obstacles;
use std::path::PathBuf;

pub(super) const AFTER_HELP: &str = "\
Exit codes: 0 no errors; 1 errors, or the file cannot be read, or with --env a variable is not set; 2 invalid arguments.";

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The gateway.yaml.
    file: PathBuf,
    /// Format of the problems.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Also check that the environment variables in it are set here.
    #[arg(long)]
    env: bool,
    /// The proxy. For `apisix`, also name the parts of the policy that it cannot carry out.
    #[arg(long, value_enum, default_value = "envoy")]
    host: Host,
    /// Also check this configuration of Envoy: a bootstrap, a file of LDS, RDS, CDS or ECDS, or a dump of the admin page,
    /// YAML or JSON. Can be repeated; all files together are one configuration.
    #[arg(long, value_name = "CONFIG")]
    envoy: Vec<PathBuf>,
    /// Version of that Envoy, if it is not in a dump.
    #[arg(long, value_name = "VERSION", value_parser = version)]
    envoy_version: Option<(u32, u32)>,
    /// Also check that this native module can carry out the policy, and that the Envoy of --envoy-version or --envoy-binary loads it.
    #[arg(long, value_name = "MODULE")]
    native: Option<PathBuf>,
    /// The program of that Envoy, whose functions are compared with those that the native module needs.
    #[arg(long, value_name = "PROGRAM", requires = "native")]
    envoy_binary: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Reads `1.40` or `1.40.0`.
fn version(text: &str) -> Result<(u32, u32), String> {
    let mut parts = text.trim_start_matches('v').split('.').map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => Err("write it as in 1.40".to_owned()),
    }
}

pub(crate) fn run(arguments: &Check) -> Result<(), Failure> {
    let name = arguments.file.display().to_string();
    let read = source(&arguments.file).and_then(|source| Ok((compiled(&source, &name)?, source)));
    let (problems, variables) = match read {
        Ok((compiled, source)) => {
            if let Some(module) = &arguments.native {
                native::fits(module, &compiled, arguments.envoy_version, arguments.envoy_binary.as_deref())?;
            }
            let mut problems = proxy_problems(arguments, &compiled)?;
            if arguments.host == Host::Apisix {
                problems.extend(source.placed(apisix_obstacles(&source.text, &name)));
            }
            problems.splice(0..0, compiled.warnings);
            (problems, compiled.settings.environment_variables)
        }
        Err(Problems::Found(problems)) => (problems, Default::default()),
        Err(Problems::Unread(failure)) => return Err(failure),
    };
    let unset =
        variables.into_iter().filter(|name| arguments.env && std::env::var_os(name).is_none_or(|v| v.is_empty()));
    let unset: Vec<String> = unset.collect();
    print(&show(&problems, arguments.format))?;
    if !unset.is_empty() {
        return Err(format!("not set in this environment: {}. Set them for the proxy's process.\n", unset.join(", ")));
    }
    match problems.iter().any(|problem| problem.severity == Severity::Error) {
        true => Err(String::new()),
        false => Ok(()),
    }
}

/// Returns the problems of the proxy's files, if there are any files.
fn proxy_problems(arguments: &Check, compiled: &Compiled) -> Result<Vec<Diagnostic>, Failure> {
    let read = |file: &PathBuf| Ok::<_, Failure>((file.display().to_string(), read(file)?));
    let texts = arguments.envoy.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let files: Vec<_> = texts.iter().map(|(name, text)| ProxyFile { name, text }).collect();
    Ok(if files.is_empty() { Vec::new() } else { existing::check(&files, compiled, arguments.envoy_version) })
}

fn show(problems: &[Diagnostic], format: Format) -> String {
    match format {
        Format::Text => diagnostic::text(problems),
        Format::Json => diagnostic::json(problems),
    }
}
