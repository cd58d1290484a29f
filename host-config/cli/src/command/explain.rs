//! `headgate explain`: the decisions on one request in words.

use crate::exit::Failure;
use crate::output::print;
use crate::policy_file::{load, read};
use clap::Args;
use headgate_policy::Timestamp;
use headgate_policy::document::{Document, Format};
use headgate_simulation::{Ask, ProviderAct, Request, World, words};
use serde_json::json;
use std::path::PathBuf;

pub(super) const AFTER_HELP: &str = "\
The request goes through the machines of the filter, without a proxy: its key is named by its id, every provider answers, and limits
and budgets have counted nothing yet.

Exit codes: 0 explained, whether or not the request is refused; 1 the policy has errors, or a file cannot be read; 2 invalid
arguments.";

/// Path of Anthropic's API.
const MESSAGES: &str = "/v1/messages";

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The gateway.yaml.
    #[arg(default_value = "gateway.yaml")]
    file: PathBuf,
    /// Id of the key; without it none is sent.
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// The model.
    #[arg(long)]
    model: String,
    /// Path of the request. The default is that of the model's API.
    #[arg(long)]
    path: Option<String>,
    /// The prompt.
    #[arg(long, default_value = "Say hello.")]
    prompt: String,
    /// A file with the whole body; `model` in it counts, and not --model.
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    body: Option<PathBuf>,
    /// Ask for a stream.
    #[arg(long)]
    stream: bool,
    /// A header, `NAME: VALUE`. Can be repeated.
    #[arg(long, value_name = "HEADER", value_parser = header)]
    header: Vec<(String, String)>,
    /// The caller that a token or a certificate names.
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    /// When the request is made, s since the Unix epoch. The default is now.
    #[arg(long, value_name = "SECONDS")]
    at: Option<u64>,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| "write it as in `x-tier: gold`".to_owned())?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

pub(crate) fn run(arguments: &Explain) -> Result<(), Failure> {
    let compiled = load(&arguments.file)?;
    let ask = ask(arguments, &compiled.document)?;
    let policy = headgate_simulation::load(compiled.document)?;
    let at = arguments.at.unwrap_or_else(crate::clock::now);
    let outcome = ask.play(&mut World::new(&policy, Timestamp(at.saturating_mul(1_000_000))))?;
    print(&words(&outcome))
}

fn ask(arguments: &Explain, document: &Document) -> Result<Ask, Failure> {
    let path = arguments.path.clone().unwrap_or_else(|| path_of(&arguments.model, document).to_owned());
    let anthropic = path.starts_with(MESSAGES);
    let mut headers: std::collections::BTreeMap<_, _> = arguments.header.iter().cloned().collect();
    if anthropic {
        headers.entry("anthropic-version".to_owned()).or_insert_with(|| "2023-06-01".to_owned());
    }
    let body = match &arguments.body {
        Some(file) => read(file)?,
        None => {
            let messages = json!([{"role": "user", "content": arguments.prompt}]);
            let mut body = json!({"model": arguments.model, "messages": messages});
            if let Some(members) = body.as_object_mut() {
                if arguments.stream {
                    members.insert("stream".to_owned(), true.into());
                }
                if anthropic {
                    members.insert("max_tokens".to_owned(), 256.into());
                }
            }
            body.to_string()
        }
    };
    let request = Request {
        method: "POST".to_owned(),
        path,
        key: arguments.key.clone(),
        caller: arguments.caller.clone(),
        headers,
        body: Some(body),
    };
    let names = document.providers.iter().flat_map(|one| std::iter::once(&one.name).chain(&one.clusters));
    let kind = if arguments.stream { "text/event-stream" } else { "application/json" };
    let act = |name: &String| ProviderAct {
        headers: [("content-type".to_owned(), kind.to_owned())].into(),
        ..ProviderAct::answers(name, answer(anthropic, arguments.stream))
    };
    let providers = names.map(act).collect();
    Ok(Ask { request, providers, in_order: false, checks: Vec::new(), chunk_bytes: Some(0), beside: 0, at: None })
}

/// Returns the path of the API of a model's first target.
fn path_of(model: &str, document: &Document) -> &'static str {
    let target = document.models.iter().find(|one| one.name == model).and_then(|one| one.targets.first());
    let provider = target.and_then(|target| document.providers.get(target.provider as usize));
    match provider.map(|provider| provider.format) {
        Some(Format::Anthropic) => MESSAGES,
        _ => "/v1/chat/completions",
    }
}

/// Returns a provider's answer, with a usage.
const fn answer(anthropic: bool, stream: bool) -> &'static str {
    match (anthropic, stream) {
        (false, false) => {
            r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello!"},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":3}}"#
        }
        (true, false) => {
            r#"{"type":"message","role":"assistant","content":[{"type":"text","text":"Hello!"}],"stop_reason":"end_turn","usage":{"input_tokens":12,"output_tokens":3}}"#
        }
        (false, true) => {
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello!\"},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n"
        }
        (true, true) => {
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":12,\"output_tokens\":1}}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello!\"}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":3}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
        }
    }
}
