//! The declaration of all keys, from the top of the file down.

mod rules;
mod trust;

use super::key::Kind::{List, Map, One, Section, Several};
use super::key::Need::{Default, Optional, Required};
use super::key::{Key, key};
use crate::scalar::Scalar;
use rules::{BUDGET, GUARDRAIL, LIMIT};
use trust::TLS;

/// The whole file.
pub static GATEWAY: &[Key] = &[
    key("environment", One(Scalar::Text), Required, "Name of this installation; every record contains it."),
    key(
        "organization",
        One(Scalar::Text),
        Optional,
        "Organization that runs the installation; limits and budgets can count by it across environments.",
    ),
    key(
        "listen",
        Several(Scalar::Socket),
        Optional,
        "Addresses on which clients connect; all serve the same. Required unless the proxy routes.",
    ),
    key(
        "stages",
        List(&One(Scalar::Stage)),
        Default("all"),
        "Stages that are on. Without `routing`, the proxy routes; without `keys`, virtual keys do not count.",
    ),
    key(
        "routing",
        One(Scalar::RoutingMode),
        Default("gateway, if `routing` is among the stages"),
        "With `proxy`, routes, clusters, retries and credentials are those of an Envoy that exists; see `clusters` of a provider.",
    ),
    key(
        "stage_sets",
        Map(Scalar::ProviderName, &List(&One(Scalar::Stage))),
        Optional,
        "Other sets of stages, for routes of an Envoy that exists. Each is a filter in its chain, which a route turns on.",
    ),
    key(
        "identity",
        Section(IDENTITY),
        Optional,
        "Callers without a virtual key, whose name the proxy knows. A caller without a name is known by a virtual key, if `keys` is on.",
    ),
    key(
        "tls",
        Section(LISTENER_TLS),
        Optional,
        "TLS of the addresses under `listen`; without it they serve plain HTTP.",
    ),
    key(
        "health",
        One(Scalar::Socket),
        Optional,
        "One more address, in plain HTTP, that answers `GET /healthz` and nothing else.",
    ),
    key(
        "admin",
        One(Scalar::Socket),
        Default("127.0.0.1:9901"),
        "The proxy's admin page. It can stop the proxy: keep it on loopback.",
    ),
    key(
        "max_request_bytes",
        One(Scalar::Size),
        Default("20MiB"),
        "Largest request body; larger ones are answered with 413.",
    ),
    key(
        "max_memory",
        One(Scalar::Memory),
        Default("256MiB, or twice max_request_bytes if that is more"),
        "Largest memory of one worker for requests, and for answers that wait for a guardrail; beyond it 503.",
    ),
    key(
        "max_heap",
        One(Scalar::Memory),
        Default("2GiB"),
        "Heap of the proxy at which it begins to refuse requests, and then connections. It does not include the VMs of workers.",
    ),
    key(
        "disconnect_charge",
        One(Scalar::Percent),
        Default("100"),
        "Percent of the reserved output that limits and budgets charge when a client leaves before the usage is known.",
    ),
    key("cors", Section(CORS), Optional, "Web pages that may call the gateway from a browser; none without it."),
    key(
        "collector",
        Section(COLLECTOR),
        Optional,
        "The collector that stores records of requests; without it they are not stored.",
    ),
    key("providers", Map(Scalar::ProviderName, &Section(PROVIDER)), Required, "LLM APIs that answer requests."),
    key(
        "models",
        Map(Scalar::Name, &Section(MODEL)),
        Optional,
        "Aliases that clients ask for, each with its targets. Required unless the proxy routes.",
    ),
    key("teams", Map(Scalar::Name, &Section(TEAM)), Optional, "Teams that keys belong to."),
    key("keys", List(&Section(VIRTUAL_KEY)), Optional, "Virtual keys. `headgate keys new` prints an entry."),
    key(
        "prices",
        Map(Scalar::PriceName, &Section(PRICE)),
        Optional,
        "Prices that override the built-in catalogue, in US dollars per million tokens. A name takes precedence over a glob, \
         and the first matching glob is used.",
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
        "Prices as under `prices`, which take precedence; usually in the `price_file`.",
    ),
    key(
        "metrics",
        One(Scalar::Flag),
        Default("false"),
        "Counts requests, tokens, cost and findings in metrics of the proxy, at `/stats/prometheus` of its admin page.",
    ),
    key("logging", Section(LOGGING), Optional, "Retention of records, and optional fields."),
    key(
        "limits",
        List(&Section(LIMIT)),
        Optional,
        "Limits on requests and tokens per time, and on concurrent requests.",
    ),
    key("budgets", List(&Section(BUDGET)), Optional, "Limits on cost per period."),
    key("guardrails", List(&Section(GUARDRAIL)), Optional, "Rules on the text of prompts and answers."),
];

static LISTENER_TLS: &[Key] = &[
    key(
        "certificate_file",
        One(Scalar::Path),
        Required,
        "Certificate and its chain, PEM, as the proxy sees the file. A new file is used within a second.",
    ),
    key(
        "key_file",
        One(Scalar::Path),
        Required,
        "Private key of the certificate, PEM, in the same folder. Envoy must be able to read it.",
    ),
    key(
        "client_certificates",
        Section(CLIENT_CERTIFICATES),
        Optional,
        "Certificates that clients show; without it none is asked for.",
    ),
];

static CLIENT_CERTIFICATES: &[Key] = &[
    key(
        "ca_file",
        One(Scalar::Path),
        Required,
        "Authorities that sign them, PEM, as the proxy sees the file. A new file is used within a second.",
    ),
    key(
        "required",
        One(Scalar::Flag),
        Default("true"),
        "Whether a client without a certificate is refused. One with a certificate of another authority always is.",
    ),
];

static IDENTITY: &[Key] = &[
    key(
        "header",
        One(Scalar::HeaderName),
        Optional,
        "Header that a filter of the proxy sets to the name of the caller.",
    ),
    key(
        "stripped_by",
        One(Scalar::Stripper),
        Optional,
        "Rule of the proxy that removes the header from requests of clients; required with `header`.",
    ),
    key("jwt", Section(JWT), Optional, "Claim of a token that the filter `envoy.filters.http.jwt_authn` has verified."),
    key("certificate", One(Scalar::CertificateField), Optional, "Field of the client's certificate."),
    key(
        "rules",
        List(&Section(IDENTITY_RULE)),
        Required,
        "Rules for names, of which the first that matches decides. A caller without a rule is refused with 403.",
    ),
];

static JWT: &[Key] = &[
    key("payload_in_metadata", One(Scalar::Text), Required, "`payload_in_metadata` of the provider in that filter."),
    key("claim", Several(Scalar::Text), Required, "Name of the claim; of a claim within others, a list of names."),
];

static IDENTITY_RULE: &[Key] = &[
    key("id", One(Scalar::Name), Required, "Name of the rule in records and limits, like the id of a key."),
    key("name", One(Scalar::Text), Required, "Name of the caller, or a glob: `*` for any run of characters."),
    key("owner", One(Scalar::Text), Default("name of the caller"), "Person or service that calls."),
    key("team", One(Scalar::Name), Optional, "Name of a team."),
    key("project", One(Scalar::Text), Optional, "Overrides the team's."),
    key("application", One(Scalar::Text), Optional, "Overrides the team's."),
    key("use_case", One(Scalar::Text), Optional, "Overrides the team's."),
    key("risk_class", One(Scalar::RiskClass), Optional, "Overrides the team's."),
    key("models", List(&One(Scalar::Glob)), Default("all"), "Models that the caller may ask for."),
];

static COLLECTOR: &[Key] = &[
    key("url", One(Scalar::Url), Required, "Address of the collector."),
    key("token", One(Scalar::Variable), Optional, "Variable with the ingest token."),
    key(
        "sync_interval",
        One(Scalar::Timeout),
        Default("1s"),
        "Interval at which counts of limits and budgets are reported and updated.",
    ),
    key(
        "stale_after",
        One(Scalar::Timeout),
        Default("10s"),
        "Time without an answer after which the collector counts as unreachable; see `when_unreachable`.",
    ),
    key("tls", Section(TLS), Optional, "Trust, for https."),
];

pub(crate) static PROVIDER: &[Key] = &[
    key(
        "format",
        One(Scalar::Format),
        Required,
        "API of the provider. `/v1/messages` goes to `anthropic` only, all else to `openai` only.",
    ),
    key(
        "url",
        One(Scalar::Url),
        Optional,
        "Base address: the part before `/chat/completions`; for `anthropic`, before `/v1/messages`. Required unless the proxy \
         routes: then it only tells whose prices apply.",
    ),
    key(
        "clusters",
        Several(Scalar::ClusterName),
        Optional,
        "Clusters of the proxy that lead to it. Required where the proxy routes.",
    ),
    key(
        "credential",
        One(Scalar::Variable),
        Optional,
        "Variable with the provider's API key, sent in `authorization`, to `anthropic` in `x-api-key`. Without it no key is sent.",
    ),
    key(
        "stream_usage",
        One(Scalar::Flag),
        Default("true"),
        "Whether to request the usage of streams, in `stream_options`. With `false` the tokens of most streams are estimated.",
    ),
    key("tls", Section(TLS), Optional, "Trust, for https."),
];

static MODEL: &[Key] = &[
    key("targets", List(&Section(TARGET)), Required, "Provider models that serve this alias."),
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
    key("when", Section(WHEN), Optional, "Conditions on requests, all of which must hold."),
    key(
        "context_window",
        One(Scalar::Positive),
        Default("the built-in catalogue's, if it has the model"),
        "Most tokens of one prompt. A provider's count beyond it is replaced by an estimate.",
    ),
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

static RANGE: &[Key] = &[
    key("min", One(Scalar::Size), Optional, "Smallest size."),
    key("max", One(Scalar::Size), Optional, "Largest size."),
];

static FAILOVER: &[Key] = &[
    key(
        "on",
        List(&One(Scalar::Trigger)),
        Default("[connect, timeout, reset, 429, 5xx]"),
        "Failures after which another target is tried.",
    ),
    key("attempts", One(Scalar::Attempts), Default("number of targets"), "Largest number of tries."),
    key(
        "first_byte_timeout",
        One(Scalar::Timeout),
        Default("300s"),
        "Longest time of one try until the answer begins: the first byte of a JSON body, the first event of a stream. Comments and pings do not count.",
    ),
    key(
        "cooldown",
        One(Scalar::Duration),
        Default("30s"),
        "Time for which a failed target is tried last. A `retry-after` of the provider overrides it.",
    ),
];

static TEAM: &[Key] = &[
    key("project", One(Scalar::Text), Optional, "Project of its keys."),
    key("application", One(Scalar::Text), Optional, "Application of its keys."),
    key("use_case", One(Scalar::Text), Optional, "Purpose for which its keys ask models."),
    key("risk_class", One(Scalar::RiskClass), Optional, "Risk class of that purpose, as in the EU AI Act."),
    key("cost_center", One(Scalar::Text), Optional, "Cost center to which its costs are charged."),
    key("tenant", One(Scalar::Text), Optional, "Tenant it belongs to."),
];

static VIRTUAL_KEY: &[Key] = &[
    key("id", One(Scalar::Name), Required, "Name of the key in records; never the key itself."),
    key("sha256", One(Scalar::Sha256), Required, "SHA-256 of the key."),
    key("owner", One(Scalar::Text), Optional, "Person or service that it belongs to."),
    key("team", One(Scalar::Name), Optional, "Name of a team."),
    key("project", One(Scalar::Text), Optional, "Overrides the team's."),
    key("application", One(Scalar::Text), Optional, "Overrides the team's."),
    key("use_case", One(Scalar::Text), Optional, "Overrides the team's."),
    key("risk_class", One(Scalar::RiskClass), Optional, "Overrides the team's."),
    key("models", List(&One(Scalar::Glob)), Default("all"), "Aliases it may ask for."),
    key("expires", One(Scalar::Timestamp), Optional, "Time from which it is refused; a date begins at midnight UTC."),
    key("disabled", One(Scalar::Flag), Default("false"), "Whether the key is refused."),
    key(
        "playground",
        One(Scalar::Flag),
        Default("false"),
        "Whether people try models with it: the source of its requests is `playground` in the log.",
    ),
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
    "Input tokens that it wrote to its cache for an hour.",
);
const OUTPUT: Key = key("output", One(Scalar::Money), Required, "Output tokens, including reasoning.");
const LONG_PROMPTS: Key =
    key("long_prompts", Section(LONG), Optional, "Prices of requests with prompts longer than a number of tokens.");

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
        "Prices in other service tiers, and of the speed `fast`. A tier without a price costs as much as the most expensive one here.",
    ),
];

static TIER: &[Key] = &[INPUT, CACHED_INPUT, CACHE_WRITE, CACHE_WRITE_1H, OUTPUT, LONG_PROMPTS];

static LONG: &[Key] = &[
    key("above", One(Scalar::Positive), Required, "Number of prompt tokens above which these prices apply."),
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
        "Origins of pages that may call the gateway; `\"*\"` allows any page.",
    ),
    key(
        "credentials",
        One(Scalar::Flag),
        Default("false"),
        "Whether browsers may send cookies. The gateway does not use them; not together with `\"*\"`.",
    ),
    key(
        "max_age",
        One(Scalar::Duration),
        Default("10m"),
        "Time for which a browser may keep the answer to a preflight.",
    ),
];

static LOGGING: &[Key] = &[
    key(
        "fingerprint_key",
        One(Scalar::Variable),
        Optional,
        "Variable with the key for fingerprints of prompts and answers; without it there are none.",
    ),
    key("retention", One(Scalar::Retention), Default("90d"), "Time for which the collector keeps records."),
    key(
        "tags",
        List(&One(Scalar::TagName)),
        Optional,
        "Names of the `x-headgate-tag-NAME` headers that are recorded, at most 16.",
    ),
    key(
        "access_log_fields",
        List(&One(Scalar::AccessLogField)),
        Optional,
        "Fields for the proxy's own access log, which reads each as `%FILTER_STATE(wasm.headgate_FIELD:PLAIN)%`.",
    ),
];

/// Returns whether a word is a declared key anywhere in the file.
#[must_use]
pub(crate) fn is_key(word: &str) -> bool {
    contains(GATEWAY, word)
}

fn contains(keys: &[Key], word: &str) -> bool {
    keys.iter().any(|key| key.name == word || key.kind.keys().is_some_and(|keys| contains(keys, word)))
}
