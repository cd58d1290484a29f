//! The policy as a worker holds it: the document's names resolved, its secrets read, its globs compiled. Built once
//! per configuration, never per request.

mod keys;
mod proxied;
mod stages;

use crate::credentials::Echo;
use crate::document::{self, Document, Failover, Format, GlobPrice, Price, Stages};
use crate::guard::Guardrails;
use crate::identity::IdentityRules;
use crate::secret::Secret;
use headgate_exchange::Dialect;
use headgate_keys::KeyTable;
use headgate_limits::{RuleFault, Rules};
use headgate_routing::{Condition, Target, TargetKey};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use wildmatch::WildMatch;

/// Why a document was not taken. Names policy ids and positions, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// Not JSON of this shape; line and column.
    Malformed {
        /// 1-based.
        line: usize,
        /// 1-based.
        column: usize,
    },
    /// Made for another version of the filter.
    Schema(u8),
    /// A target names a provider that is not there.
    UnknownProvider(String),
    /// A key's hash is not 64 hex digits.
    KeyHash(String),
    /// A guardrail has a detector that this filter does not know, or one that cannot be compiled.
    Guardrail(String),
    /// A limit or a budget cannot be told from another one, or counts too much at once.
    Limit(String),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed { line, column } => write!(
                out,
                "the policy document is not what this filter reads (line {line}, column {column}): render it with the `headgate` command of the same version"
            ),
            Self::Schema(schema) => write!(
                out,
                "the policy document has schema {schema}, this filter reads {}: render it with the `headgate` command of the same version",
                document::DOCUMENT_SCHEMA
            ),
            Self::UnknownProvider(model) => {
                write!(out, "model `{model}` has a target whose provider is not in the document")
            }
            Self::Guardrail(id) => write!(
                out,
                "guardrail `{id}` cannot be compiled: render it with the `headgate` command of the same version"
            ),
            Self::KeyHash(id) => write!(out, "key `{id}` has no SHA-256 of 64 hex digits"),
            Self::Limit(id) => write!(out, "limit or budget `{id}` is there twice or counts too many things"),
        }
    }
}

/// A loaded policy.
#[derive(Debug)]
pub struct Policy {
    pub(crate) revision: String,
    pub(crate) environment: String,
    pub(crate) stages: Stages,
    stage_sets: BTreeMap<String, Stages>,
    /// Callers without a virtual key.
    pub(crate) identity: Option<IdentityRules>,
    /// Whether some callers may use some models only.
    limits_models: bool,
    pub(crate) organization: String,
    pub(crate) max_request_bytes: u64,
    /// Most bytes that the requests of one VM hold.
    pub(crate) max_memory: u64,
    pub(crate) disconnect_charge_percent: u8,
    pub(crate) providers: Vec<LoadedProvider>,
    /// Providers by the cluster that leads to them, where the proxy routes.
    clusters: HashMap<String, usize>,
    pub(crate) aliases: Vec<Alias>,
    /// Number of retries of the proxy's route.
    pub(crate) route_retries: u32,
    alias_index: HashMap<String, usize>,
    pub(crate) teams: Vec<document::Team>,
    pub(crate) keys: KeyTable,
    pub(crate) guardrails: Arc<Guardrails>,
    pub(crate) limits: Rules,
    /// Lower-case names of the headers that conditions ask for.
    pub(crate) condition_headers: Vec<String>,
    pub(crate) cors: Option<document::Cors>,
    pub(crate) tags: Vec<String>,
    pub(crate) retention_class: String,
    pub(crate) access_log_fields: Vec<document::AccessLogField>,
    metrics: bool,
    pub(crate) fingerprint: Option<crate::fingerprint::Fingerprint>,
    collector: Option<document::Collector>,
    ending_at_ms: Option<u64>,
    collector_token: Option<String>,
    missing: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct LoadedProvider {
    pub(crate) name: Arc<str>,
    /// Where a try goes that needs a connection of its own; see [`document::fresh_route`].
    pub(crate) fresh: Arc<str>,
    pub(crate) authority: String,
    pub(crate) path_prefix: String,
    pub(crate) dialect: Dialect,
    /// Prices of models that it may use by itself beside the one that is asked.
    pub(crate) model_prices: BTreeMap<String, Arc<Price>>,
    /// Prices of other models, where the proxy routes: globs over `provider/model`.
    pub(crate) price_globs: Vec<(WildMatch, String, Arc<Price>)>,
    /// It is asked to tell the usage of a stream.
    pub(crate) stream_usage: bool,
    /// The address that the filter itself calls.
    pub(crate) origin: Option<String>,
    /// As its header wants it: `Bearer …` in `authorization`, or bare in `x-api-key`.
    pub(crate) credential: Option<Secret>,
    /// That credential, should its own answer repeat it.
    pub(crate) echo: Echo,
}

#[derive(Debug)]
pub(crate) struct Alias {
    pub(crate) name: String,
    /// The targets as routing takes them, in the order of `upstreams`.
    pub(crate) targets: Vec<Target>,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) failover: Failover,
}

impl Alias {
    /// Whether it has a target for requests in this dialect, in rotation or not.
    pub(crate) fn supports(&self, dialect: Dialect) -> bool {
        self.upstreams.iter().any(|upstream| upstream.dialect == dialect)
    }

    /// Whether one of these is in rotation.
    pub(crate) fn is_in_rotation(&self, dialect: Dialect) -> bool {
        self.targets
            .iter()
            .zip(&self.upstreams)
            .any(|(target, upstream)| target.weight > 0 && upstream.dialect == dialect)
    }
}

/// The provider, model and price of a target.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) key: TargetKey,
    pub(crate) provider: usize,
    pub(crate) dialect: Dialect,
    pub(crate) model: String,
    pub(crate) price: Arc<Price>,
    /// Most tokens of one prompt, if known.
    pub(crate) context_window: Option<u64>,
}

impl Policy {
    /// Reads a document. `env` resolves the names of environment variables.
    ///
    /// A credential that is not set does not fail the load, for then one missing variable would take every team's
    /// traffic down: its targets are taken out of rotation and [`Policy::missing`] names the variable.
    ///
    /// # Errors
    /// If the document cannot be used as a whole.
    pub fn load(json: &[u8], env: impl Fn(&str) -> Option<String>) -> Result<Self, LoadError> {
        let document: Document = serde_json::from_slice(json)
            .map_err(|error| LoadError::Malformed { line: error.line(), column: error.column() })?;
        Self::from_document(document, env)
    }

    /// Loads a document that is not written down. See [`Policy::load`].
    ///
    /// # Errors
    /// If the document cannot be used as a whole.
    pub fn from_document(document: Document, env: impl Fn(&str) -> Option<String>) -> Result<Self, LoadError> {
        if document.schema != document::DOCUMENT_SCHEMA {
            return Err(LoadError::Schema(document.schema));
        }
        let mut variables = Variables { env, missing: Vec::new() };
        let providers: Vec<LoadedProvider> =
            document.providers.iter().map(|one| provider(one, &mut variables)).collect();
        let usable: Vec<bool> = providers
            .iter()
            .zip(&document.providers)
            .map(|(loaded, one)| one.credential_env.is_none() || loaded.credential.is_some())
            .collect();
        let aliases =
            document.models.iter().map(|model| alias(model, &providers, &usable)).collect::<Result<Vec<_>, _>>()?;
        let alias_index = aliases.iter().enumerate().map(|(index, alias)| (alias.name.clone(), index)).collect();
        let fingerprint_key = document.logging.fingerprint_key_env.as_deref().and_then(|name| variables.read(name));
        let collector_token = document
            .collector
            .as_ref()
            .and_then(|collector| collector.token_env.as_deref())
            .and_then(|name| variables.read(name));
        let guardrails =
            Guardrails::load(&document.guardrails, |name| variables.read(name)).map_err(LoadError::Guardrail)?;
        Ok(Self {
            guardrails: Arc::new(guardrails),
            keys: keys::table(&document)?,
            condition_headers: condition_headers(&document),
            cors: document.cors,
            revision: document.revision,
            environment: document.environment,
            stages: document.stages,
            stage_sets: document.stage_sets,
            limits_models: limits_models(&document.keys, document.identity.as_ref()),
            identity: document.identity.map(IdentityRules::load),
            organization: document.organization,
            limits: limits(document.limits)?,
            max_request_bytes: document.max_request_bytes,
            max_memory: document.max_memory,
            disconnect_charge_percent: document.disconnect_charge_percent,
            clusters: clusters(&document.providers),
            providers,
            aliases,
            route_retries: document::most_retries(&document.models),
            alias_index,
            teams: document.teams,
            tags: document.logging.tags,
            retention_class: document.logging.retention_class,
            access_log_fields: document.logging.access_log_fields,
            metrics: document.metrics,
            fingerprint: fingerprint_key.and_then(|key| crate::fingerprint::Fingerprint::keyed(key.as_bytes())),
            collector: document.collector,
            ending_at_ms: document.ending_at_ms,
            collector_token,
            missing: variables.missing,
        })
    }

    /// The price of another model of the provider that this way leads to, and whether it is known. One that is not known
    /// costs as much as the dearest of that provider.
    pub(crate) fn price_of<'a>(&'a self, upstream: &'a Upstream, model: &str) -> (&'a Price, bool) {
        let listed = self.providers.get(upstream.provider).map(|provider| &provider.model_prices);
        let exact = listed
            .and_then(|prices| prices.get(model).or_else(|| prices.get(proxied::undated(model))))
            .map(|price| &**price);
        let served = || self.upstreams().find(|one| one.provider == upstream.provider && one.model == model);
        if let Some(price) = exact.or_else(|| Some(&served()?.price)) {
            return (price, true);
        }
        let of_provider = self.upstreams().filter(|one| one.provider == upstream.provider).map(|one| &*one.price);
        let all = of_provider.chain(listed.into_iter().flat_map(BTreeMap::values).map(|price| &**price));
        (all.max_by_key(|price| price.output).unwrap_or(&upstream.price), false)
    }

    fn upstreams(&self) -> impl Iterator<Item = &Upstream> {
        self.aliases.iter().flat_map(|alias| &alias.upstreams)
    }

    /// Revision of the document.
    #[must_use]
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Limits and budgets.
    #[must_use]
    pub fn limits(&self) -> &Rules {
        &self.limits
    }

    /// Names of the environment variables that the policy needs and that are not set.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Whether a proxy that began at this time, ms since the Unix epoch, is to end soon.
    #[must_use]
    pub fn ends(&self, began_ms: u64) -> bool {
        self.ending_at_ms.is_some_and(|at_ms| began_ms <= at_ms)
    }

    /// Where records go, and the bearer token for it.
    #[must_use]
    pub fn collector(&self) -> Option<(&document::Collector, Option<&str>)> {
        self.collector.as_ref().map(|collector| (collector, self.collector_token.as_deref()))
    }

    /// Whether requests are counted in metrics of the proxy.
    #[must_use]
    pub fn metrics(&self) -> bool {
        self.metrics
    }

    /// Returns the number of retries that the proxy's route allows, unless a request asks for fewer.
    #[must_use]
    pub fn route_retries(&self) -> u32 {
        self.route_retries
    }

    pub(crate) fn alias(&self, name: &str) -> Option<(usize, &Alias)> {
        let index = *self.alias_index.get(name)?;
        self.aliases.get(index).map(|alias| (index, alias))
    }
}

fn limits_models(keys: &[document::Key], identity: Option<&document::IdentitySection>) -> bool {
    let rules = identity.map_or(&[][..], |identity| &identity.rules);
    keys.iter().any(|key| key.models.is_some()) || rules.iter().any(|rule| rule.models.is_some())
}

fn clusters(providers: &[document::Provider]) -> HashMap<String, usize> {
    let named = |(index, one): (usize, &document::Provider)| {
        let names: Vec<_> = one.clusters.iter().map(|cluster| (cluster.clone(), index)).collect();
        names
    };
    providers.iter().enumerate().flat_map(named).collect()
}

fn limits(rules: Vec<headgate_limits::Rule>) -> Result<Rules, LoadError> {
    Rules::new(rules).map_err(|fault| match fault {
        RuleFault::SameRule(id) | RuleFault::TooMany(id) => LoadError::Limit(id),
    })
}

struct Variables<F> {
    env: F,
    missing: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    fn read(&mut self, name: &str) -> Option<String> {
        let value = (self.env)(name).filter(|value| !value.is_empty());
        if value.is_none() {
            self.missing.push(name.to_owned());
        }
        value
    }
}

fn provider<F: Fn(&str) -> Option<String>>(one: &document::Provider, variables: &mut Variables<F>) -> LoadedProvider {
    let credential = one.credential_env.as_deref().and_then(|name| variables.read(name));
    LoadedProvider {
        name: one.name.as_str().into(),
        fresh: document::fresh_route(&one.name).into(),
        authority: one.authority.clone(),
        path_prefix: one.path_prefix.clone(),
        dialect: dialect(one.format),
        model_prices: one.model_prices.iter().map(|(name, price)| (name.clone(), Arc::new(price.clone()))).collect(),
        price_globs: one.price_globs.iter().map(glob_price).collect(),
        stream_usage: !one.refuses_stream_options,
        origin: one.origin.clone(),
        echo: credential.as_deref().map(Echo::of).unwrap_or_default(),
        credential: credential.map(|credential| {
            Secret(match one.format {
                Format::Openai => format!("Bearer {credential}"),
                Format::Anthropic => credential,
            })
        }),
    }
}

fn glob_price(one: &GlobPrice) -> (WildMatch, String, Arc<Price>) {
    (WildMatch::new(&one.glob), one.glob.clone(), Arc::new(one.price.clone()))
}

fn dialect(format: Format) -> Dialect {
    match format {
        Format::Openai => Dialect::Openai,
        Format::Anthropic => Dialect::Anthropic,
    }
}

fn alias(model: &document::Model, providers: &[LoadedProvider], usable: &[bool]) -> Result<Alias, LoadError> {
    let mut targets = Vec::with_capacity(model.targets.len());
    let mut upstreams = Vec::with_capacity(model.targets.len());
    for one in &model.targets {
        let index = one.provider as usize;
        let provider = providers.get(index).ok_or_else(|| LoadError::UnknownProvider(model.name.clone()))?;
        let in_rotation = usable.get(index).copied().unwrap_or(false);
        targets.push(Target {
            weight: if in_rotation { one.weight } else { 0 },
            tier: one.tier,
            when: condition(&one.when).dialect(provider.dialect.as_str()),
        });
        upstreams.push(Upstream {
            key: TargetKey::new(&provider.name, &one.model),
            provider: index,
            dialect: provider.dialect,
            model: one.model.clone(),
            price: Arc::new(one.price.clone()),
            context_window: one.context_window,
        });
    }
    Ok(Alias { name: model.name.clone(), targets, upstreams, failover: model.failover.clone() })
}

fn condition(when: &document::Condition) -> Condition {
    let start = Condition::default()
        .teams(when.teams.iter().map(String::as_str))
        .keys(when.keys.iter().map(String::as_str))
        .stream(when.stream)
        .prompt_bytes(when.prompt_bytes_min, when.prompt_bytes_max);
    when.headers.iter().fold(start, |condition, header| condition.header(&header.name, &header.value))
}

fn condition_headers(document: &Document) -> Vec<String> {
    let targets = document.models.iter().flat_map(|model| &model.targets);
    let mut names: Vec<String> =
        targets.flat_map(|target| &target.when.headers).map(|header| header.name.to_ascii_lowercase()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
