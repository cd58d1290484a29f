//! The declaration itself, from the top of the file down.

use super::Kind::{AllOr, List, Map, One, Section, Several};
use super::Need::{Default, Optional, Required};
use super::{Key, Need, Scalar};

const fn key(name: &'static str, kind: super::Kind, need: Need, about: &'static str) -> Key {
    Key { name, kind, need, about }
}

/// The whole file.
pub static GATEWAY: &[Key] = &[
    key("environment", One(Scalar::Text), Required, "Name of this installation; every record carries it."),
    key(
        "organization",
        One(Scalar::Text),
        Optional,
        "Whose installation this is; limits and budgets can be kept by it across environments.",
    ),
    key("listen", One(Scalar::Socket), Required, "Where clients connect."),
    key(
        "admin",
        One(Scalar::Socket),
        Default("127.0.0.1:9901"),
        "The proxy's admin page. It can stop the proxy: keep it on loopback.",
    ),
    key("max_request_bytes", One(Scalar::Size), Default("20MiB"), "Largest request body; larger ones answer 413."),
    key(
        "max_memory",
        One(Scalar::Memory),
        Default("256MiB, or twice max_request_bytes if that is more"),
        "Most bytes that requests hold in one worker at a time, and answers that wait for a guardrail; beyond it 503.",
    ),
    key(
        "max_heap",
        One(Scalar::Memory),
        Default("2GiB"),
        "Heap of the proxy from which on it refuses requests, and then connections. The VMs of its workers are not in it.",
    ),
    key(
        "disconnect_charge",
        One(Scalar::Percent),
        Default("100"),
        "What limits and budgets charge a client that leaves before the usage is known: percent of the output that was reserved.",
    ),
    key("cors", Section(CORS), Optional, "Which web pages may call the gateway from a browser; none without it."),
    key("collector", Section(COLLECTOR), Optional, "Where the records of requests go; without it they go nowhere."),
    key("providers", Map(Scalar::ProviderName, &Section(PROVIDER)), Required, "Who answers."),
    key(
        "models",
        Map(Scalar::Name, &Section(MODEL)),
        Required,
        "What clients may ask for: aliases, each with its targets.",
    ),
    key("teams", Map(Scalar::Name, &Section(TEAM)), Optional, "Teams that keys belong to."),
    key("keys", List(&Section(VIRTUAL_KEY)), Optional, "Virtual keys. `headgate keys new` makes an entry."),
    key(
        "prices",
        Map(Scalar::PriceName, &Section(PRICE)),
        Optional,
        "Prices that override the built-in catalogue, in US dollars per million tokens. A name goes before a glob, and of \
         globs the first that matches counts.",
    ),
    key(
        "price_file",
        One(Scalar::File),
        Optional,
        "File with a `price_list`, beside this one; `headgate prices import` writes it. It is applied with the policy.",
    ),
    key(
        "price_list",
        Map(Scalar::PriceName, &Section(PRICE)),
        Optional,
        "Prices as under `prices`, which go before these; usually in the `price_file`.",
    ),
    key("logging", Section(LOGGING), Optional, "What is kept of a request, besides its metadata."),
    key(
        "limits",
        List(&Section(LIMIT)),
        Optional,
        "How much there may be of requests and tokens in a time, or at a time.",
    ),
    key("budgets", List(&Section(BUDGET)), Optional, "How much money may be spent in a time."),
    key("guardrails", List(&Section(GUARDRAIL)), Optional, "What prompts and answers are looked through for."),
];

static COLLECTOR: &[Key] = &[
    key("url", One(Scalar::Url), Required, "Address of the collector."),
    key("token", One(Scalar::Variable), Optional, "Variable with the ingest token."),
    key(
        "sync_interval",
        One(Scalar::Timeout),
        Default("1s"),
        "How often counts of limits and budgets are reported and brought up to date.",
    ),
    key(
        "stale_after",
        One(Scalar::Timeout),
        Default("10s"),
        "Without an answer for this long the collector counts as unreachable; see `when_unreachable`.",
    ),
    key("tls", Section(TLS), Optional, "Trust, for https."),
];

static PROVIDER: &[Key] = &[
    key(
        "format",
        One(Scalar::Format),
        Required,
        "Dialect the provider speaks. `/v1/messages` goes to `anthropic` only, all else to `openai` only.",
    ),
    key(
        "url",
        One(Scalar::Url),
        Required,
        "Address, with everything that goes before `/chat/completions`; for `anthropic`, before `/v1/messages`.",
    ),
    key(
        "credential",
        One(Scalar::Variable),
        Optional,
        "Variable with the provider's API key, sent in `authorization`, to `anthropic` in `x-api-key`; none without it.",
    ),
    key(
        "stream_usage",
        One(Scalar::Flag),
        Default("true"),
        "Whether streams are asked for their usage, in `stream_options`. Without it the tokens of most streams are estimated.",
    ),
    key("tls", Section(TLS), Optional, "Trust, for https."),
];

static TLS: &[Key] = &[key(
    "ca_file",
    One(Scalar::Path),
    Default(crate::settings::SYSTEM_CA_FILE),
    "Certificate authorities to trust, PEM, as the proxy sees the file.",
)];

static MODEL: &[Key] = &[
    key("targets", List(&Section(TARGET)), Required, "Where a request for this alias can go."),
    key("failover", Section(FAILOVER), Optional, "When to try another target, before the first byte of an answer."),
];

static TARGET: &[Key] = &[
    key("provider", One(Scalar::ProviderName), Required, "Name of a provider."),
    key("model", One(Scalar::Name), Default("the alias"), "The provider's name for the model."),
    key(
        "weight",
        One(Scalar::Count),
        Default("1"),
        "Share of the requests within its tier; 0 takes it out of rotation.",
    ),
    key("tier", One(Scalar::Count), Default("1"), "Lower tiers are used first."),
    key("when", Section(WHEN), Optional, "For which requests only; all that is given must hold."),
];

static WHEN: &[Key] = &[
    key(
        "header",
        Map(Scalar::HeaderName, &One(Scalar::Text)),
        Optional,
        "Headers and their values; `*` in a value stands for any run of characters.",
    ),
    key("team", List(&One(Scalar::Name)), Optional, "Teams, any of them."),
    key("key", List(&One(Scalar::Glob)), Optional, "Ids of keys, any of them."),
    key("stream", One(Scalar::Flag), Optional, "Whether the request asks for a stream."),
    key("prompt_bytes", Section(RANGE), Optional, "Size of the prompt's text."),
];

static RANGE: &[Key] =
    &[key("min", One(Scalar::Size), Optional, "At least."), key("max", One(Scalar::Size), Optional, "At most.")];

static FAILOVER: &[Key] = &[
    key("on", List(&One(Scalar::Trigger)), Default("[connect, timeout, reset, 429, 5xx]"), "What moves a request on."),
    key("attempts", One(Scalar::Positive), Default("number of targets"), "Tries in all."),
    key(
        "first_byte_timeout",
        One(Scalar::Timeout),
        Default("300s"),
        "How long one try may take until the answer begins: the first byte of a JSON body, the first event of a stream. Comments and pings do not count.",
    ),
    key(
        "cooldown",
        One(Scalar::Duration),
        Default("30s"),
        "How long a failed target rests, unless the provider says how long.",
    ),
];

static TEAM: &[Key] = &[
    key("project", One(Scalar::Text), Optional, "Project of its keys."),
    key("application", One(Scalar::Text), Optional, "Application of its keys."),
    key("cost_center", One(Scalar::Text), Optional, "Where its costs go."),
    key("tenant", One(Scalar::Text), Optional, "Tenant it belongs to."),
];

static VIRTUAL_KEY: &[Key] = &[
    key("id", One(Scalar::Name), Required, "Name of the key in records; never the key itself."),
    key("sha256", One(Scalar::Sha256), Required, "SHA-256 of the key."),
    key("owner", One(Scalar::Text), Optional, "Who it belongs to."),
    key("team", One(Scalar::Name), Optional, "Name of a team."),
    key("project", One(Scalar::Text), Optional, "Overrides the team's."),
    key("application", One(Scalar::Text), Optional, "Overrides the team's."),
    key("models", List(&One(Scalar::Glob)), Default("all"), "Aliases it may ask for."),
    key("expires", One(Scalar::Moment), Optional, "From when on it is refused; a date begins at midnight UTC."),
    key("disabled", One(Scalar::Flag), Default("false"), "Refused while true."),
];

const INPUT: Key = key("input", One(Scalar::Money), Required, "Input tokens.");
const CACHED_INPUT: Key =
    key("cached_input", One(Scalar::Money), Default("input"), "Input tokens that the provider read from its cache.");
const CACHE_WRITE: Key = key(
    "cache_write",
    One(Scalar::Money),
    Default("input; 1.25 times that for anthropic"),
    "Input tokens that the provider wrote to its cache.",
);
const CACHE_WRITE_1H: Key = key(
    "cache_write_1h",
    One(Scalar::Money),
    Default("cache_write; twice the input for anthropic"),
    "Input tokens that it wrote there to be kept for an hour.",
);
const OUTPUT: Key = key("output", One(Scalar::Money), Required, "Output tokens, reasoning included.");
const LONG_PROMPTS: Key =
    key("long_prompts", Section(LONG), Optional, "Prices of requests whose prompt is longer than a number of tokens.");

static PRICE: &[Key] = &[
    INPUT,
    CACHED_INPUT,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    OUTPUT,
    LONG_PROMPTS,
    key(
        "tiers",
        Map(Scalar::TierName, &Section(TIER)),
        Optional,
        "Prices in other service tiers, and of the speed `fast`. A tier without a price costs as much as the dearest one here.",
    ),
];

static TIER: &[Key] = &[INPUT, CACHED_INPUT, CACHE_WRITE, CACHE_WRITE_1H, OUTPUT, LONG_PROMPTS];

static LONG: &[Key] = &[
    key("above", One(Scalar::Positive), Required, "Tokens of the prompt above which these prices hold."),
    INPUT,
    CACHED_INPUT,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    OUTPUT,
];

static CORS: &[Key] = &[
    key(
        "origins",
        List(&One(Scalar::Origin)),
        Required,
        "Origins of pages whose scripts may call the gateway; `\"*\"` lets any page.",
    ),
    key(
        "credentials",
        One(Scalar::Flag),
        Default("false"),
        "Lets browsers send cookies and the like. The gateway has no use for them; not together with `\"*\"`.",
    ),
    key("max_age", One(Scalar::Duration), Default("10m"), "How long a browser may keep the answer to a preflight."),
];

static LIMIT: &[Key] = &[
    key("id", One(Scalar::Name), Required, "Its name in records, errors and reports; unique among limits and budgets."),
    key("match", Section(MATCH), Optional, "For which requests only; all that is given must hold."),
    key(
        "per",
        Several(Scalar::Dimension),
        Optional,
        "Each of these has a count of its own; without it there is one count.",
    ),
    key("requests", Several(Scalar::Rate), Optional, "Requests that may begin in a time."),
    key("tokens", Several(Scalar::Rate), Optional, "Input and output tokens in a time."),
    key("input_tokens", Several(Scalar::Rate), Optional, "Input tokens in a time."),
    key("output_tokens", Several(Scalar::Rate), Optional, "Output tokens in a time."),
    key("concurrency", One(Scalar::Positive), Optional, "Requests at a time."),
    key(
        "max_cost",
        One(Scalar::Money),
        Optional,
        "Most that one request may cost, US dollars; a stream that passes it is ended.",
    ),
    key("monitor", One(Scalar::Flag), Default("false"), "Decides and records, but rejects nothing."),
    key("when_unreachable", One(Scalar::WhenUnreachable), Default("last_known"), WHEN_UNREACHABLE),
];

static BUDGET: &[Key] = &[
    key("id", One(Scalar::Name), Required, "Its name in records, errors and reports; unique among limits and budgets."),
    key("match", Section(MATCH), Optional, "For which requests only; all that is given must hold."),
    key("per", Several(Scalar::Dimension), Optional, "Each of these has a budget of its own; without it there is one."),
    key("usd", One(Scalar::Money), Required, "US dollars."),
    key("period", One(Scalar::BudgetPeriod), Required, "In which time; weeks begin on Monday."),
    key("time_zone", One(Scalar::TimeZone), Default("UTC"), "Whose days, weeks and months."),
    key(
        "action",
        One(Scalar::BudgetAction),
        Default("block"),
        "What happens to requests for which there is no money left.",
    ),
    key(
        "warn_at",
        List(&One(Scalar::Percent)),
        Optional,
        "Percents of the budget at which to tell, once each; at most 8.",
    ),
    key(
        "webhook",
        One(Scalar::Variable),
        Optional,
        "Variable of the collector with the address that is told of these.",
    ),
    key("monitor", One(Scalar::Flag), Default("false"), "Decides and records, but rejects nothing."),
    key("when_unreachable", One(Scalar::WhenUnreachable), Default("last_known"), WHEN_UNREACHABLE),
];

const WHEN_UNREACHABLE: &str = "While the collector cannot be reached: go on within this proxy's share of what was left, \
     reject nothing, or reject all.";

static MATCH: &[Key] = &[
    key("key", Several(Scalar::Glob), Optional, "Ids of keys, any of them."),
    key("owner", Several(Scalar::Text), Optional, "Owners, any of them."),
    key("team", Several(Scalar::Glob), Optional, "Teams, any of them."),
    key("project", Several(Scalar::Text), Optional, "Projects, any of them."),
    key("application", Several(Scalar::Text), Optional, "Applications, any of them."),
    key("model", Several(Scalar::Glob), Optional, "Aliases, any of them."),
    key("provider", Several(Scalar::Glob), Optional, "Providers, any of them; with failover, the one that serves."),
    key("organization", Several(Scalar::Text), Optional, "Organizations, any of them."),
    key("environment", Several(Scalar::Text), Optional, "Environments, any of them."),
    key("tag", Map(Scalar::TagName, &Several(Scalar::Text)), Optional, "Tags of the client and their values."),
];

static LOGGING: &[Key] = &[
    key(
        "fingerprint_key",
        One(Scalar::Variable),
        Optional,
        "Variable with the key of the fingerprints of prompts and answers; none are made without it.",
    ),
    key("retention", One(Scalar::Retention), Default("90d"), "How long the collector keeps records."),
    key(
        "tags",
        List(&One(Scalar::TagName)),
        Optional,
        "Names of the `x-headgate-tag-NAME` headers that are kept, at most 16.",
    ),
];

static GUARDRAIL: &[Key] = &[
    key("id", One(Scalar::Name), Required, "Name of the guardrail; clients and records see it."),
    key(
        "on",
        List(&One(Scalar::Direction)),
        Default("[request, response]"),
        "Which way it looks; an external check looks at requests only.",
    ),
    key("detect", Section(DETECT), Optional, "What it looks for, any of it."),
    key(
        "action",
        One(Scalar::Action),
        Default("block"),
        "What becomes of it: the exchange ends, a placeholder takes its place, or it is counted.",
    ),
    key("match", Section(GUARDRAIL_MATCH), Optional, "For which requests only; all that is given must hold."),
    key(
        "restore",
        One(Scalar::Flag),
        Default("false"),
        "Puts what was masked in a request back into the answer to it. Kept in memory for that exchange alone.",
    ),
    key("external", Section(EXTERNAL), Optional, "Somebody else who is asked about a request, over HTTP."),
];

static DETECT: &[Key] = &[
    key("secrets", AllOr(Scalar::SecretKind), Optional, "Credentials."),
    key("pii", AllOr(Scalar::PiiKind), Optional, "Personal data."),
    key("words", List(&One(Scalar::Phrase)), Optional, "Words and phrases, whatever their case and width."),
    key("regex", List(&One(Scalar::Pattern)), Optional, "Regular expressions; they are searched in linear time."),
    key(
        "prompt_injection",
        Section(INJECTION),
        Optional,
        "Attempts to take over the model's instructions: a heuristic.",
    ),
    key("invisible_text", One(Scalar::Flag), Default("false"), "Zero-width, tag and bidirectional characters."),
    key("urls", Section(URLS), Optional, "Addresses by their host."),
    key("max_input", One(Scalar::Size), Optional, "Most bytes of prompt text."),
    key("max_attachments", One(Scalar::Count), Optional, "Most images, sounds and files."),
    key("tools", Section(TOOLS), Optional, "Tools by name, whether offered, chosen or called."),
];

static INJECTION: &[Key] = &[key("threshold", One(Scalar::Share), Default("0.8"), "From which score on.")];

static URLS: &[Key] = &[
    key("allow", List(&One(Scalar::Host)), Optional, "Every other host is a finding."),
    key("deny", List(&One(Scalar::Host)), Optional, "These hosts are findings."),
];

static TOOLS: &[Key] = &[
    key("allow", List(&One(Scalar::Glob)), Optional, "Every other tool is a finding."),
    key("deny", List(&One(Scalar::Glob)), Optional, "These tools are findings."),
];

static GUARDRAIL_MATCH: &[Key] = &[
    key("key", List(&One(Scalar::Glob)), Optional, "Ids of keys, any of them."),
    key("team", List(&One(Scalar::Name)), Optional, "Teams, any of them."),
    key("model", List(&One(Scalar::Glob)), Optional, "Aliases, any of them."),
    key("surface", List(&One(Scalar::SurfaceName)), Optional, "APIs, any of them."),
];

static EXTERNAL: &[Key] = &[
    key(
        "kind",
        One(Scalar::ExternalKind),
        Required,
        "How it is asked: as OpenAI's moderations, or by a plain webhook.",
    ),
    key("url", One(Scalar::Url), Required, "Address, path and all."),
    key("credential", One(Scalar::Variable), Optional, "Variable with its bearer token."),
    key("model", One(Scalar::Name), Optional, "`model` of a moderation request."),
    key("timeout", One(Scalar::Timeout), Default("2s"), "How long a request waits for it."),
    key("sample", One(Scalar::Share), Default("1"), "Share of the requests that are checked."),
    key("when_unreachable", One(Scalar::Unreachable), Default("deny"), "What becomes of a request without an answer."),
    key("tls", Section(TLS), Optional, "Trust, for https."),
];
