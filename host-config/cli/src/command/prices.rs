//! `headgate prices`.

use crate::exit::Failure;
use crate::litellm::{self, Imported};
use crate::output::{print, say};
use crate::policy_file::read;
use clap::{Args, Subcommand};
use headgate_config::proxy_settings::providers_of;
use headgate_config::scalar::Scalar;
use std::io::Read as _;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
The file is LiteLLM's model_prices_and_context_window.json. The result is a file for `price_file`: write it beside
gateway.yaml, and add `price_file: prices.yaml` there.

  headgate prices import model_prices_and_context_window.json --policy gateway.yaml > prices.yaml

Service tiers, prices of long prompts and of cached input are included. Models that are not charged by the token, cost
nothing, or have a price that cannot be read are skipped.

Exit codes: 0 written; 1 a file cannot be read, or has no price of these providers; 2 invalid
arguments.";

#[derive(Debug, Subcommand)]
pub(crate) enum Prices {
    /// Make a price list from LiteLLM's file.
    #[command(after_help = AFTER_HELP)]
    Import(Import),
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// LiteLLM's file; `-` is standard input.
    file: PathBuf,
    /// Import the models of this policy's providers, recognised by their addresses.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Import the models of LiteLLM's provider THEIRS for the provider NAME of gateway.yaml; may be repeated.
    #[arg(long = "provider", value_name = "NAME=THEIRS", value_parser = pair, required_unless_present = "policy")]
    providers: Vec<(String, String)>,
}

pub(crate) fn import(arguments: &Import) -> Result<(), Failure> {
    let mut providers = arguments.providers.clone();
    if let Some(policy) = &arguments.policy {
        for (name, host) in providers_of(&read(policy)?) {
            match litellm::provider_at(&host) {
                _ if providers.iter().any(|(given, _)| *given == name) => {}
                Some(theirs) => providers.push((name, theirs.to_owned())),
                None => say(&format!("skipped: {name}; if the file has its prices, use --provider {name}=THEIRS\n")),
            }
        }
    }
    let text = text(&arguments.file)?;
    let made =
        litellm::import(&text, &providers).map_err(|reason| format!("{}: {reason}\n", arguments.file.display()))?;
    let Imported { yaml, prices, left_out } = made;
    if prices == 0 {
        return Err(
            "the file has no price of these providers; use --provider NAME=THEIRS to name another one\n".to_owned()
        );
    }
    let from = arguments.file.file_name().map(|name| name.to_string_lossy().escape_debug().to_string());
    print(&format!("# Made by `headgate prices import` from {}.\n{yaml}", from.unwrap_or_default()))?;
    say(&format!("{prices} prices; {left_out} models without a price per token were skipped\n"));
    Ok(())
}

fn text(file: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| format!("{} cannot be read: {error}\n", file.display());
    let mut text = String::new();
    let source: Box<dyn std::io::Read> = match file == Path::new("-") {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(std::fs::File::open(file).map_err(failed)?),
    };
    source.take(litellm::MAX_BYTES.saturating_add(1)).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > litellm::MAX_BYTES {
        return Err(format!("{} is larger than 64 MiB: it is not LiteLLM's file\n", file.display()));
    }
    Ok(text)
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, theirs) = text.split_once('=').ok_or("write NAME=THEIRS, as in `local=groq`")?;
    Scalar::ProviderName.check(name).map_err(|wrong| format!("{}; {}", wrong.message, wrong.help))?;
    Ok((name.to_owned(), theirs.to_owned()))
}
