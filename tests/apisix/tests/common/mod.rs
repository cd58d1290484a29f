//! The policy of the cases, as it is rendered for APISIX.

#![allow(dead_code, reason = "each test binary uses a part of this module")]

use headgate_config::render::apisix;
use headgate_policy::document::Document;
use headgate_test_apisix::{Loaded, Nginx};
use std::path::{Path, PathBuf};

const NOW_S: u64 = 1_790_000_000;

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files, and everything that goes with them.
pub(crate) struct Rendered {
    /// The policy.
    pub(crate) document: Document,
    /// `config.yaml`.
    pub(crate) config: String,
    /// `apisix.yaml`.
    pub(crate) rules: String,
    environment: Vec<(String, String)>,
}

/// Renders the policy of the cases.
pub(crate) fn rendered() -> Rendered {
    let yaml = std::fs::read_to_string(root().join("tests/cases/gateway.yaml")).unwrap();
    let secrets = ["ALPHA_API_KEY", "BETA_API_KEY"].map(|name| (name.to_owned(), format!("secret-of-{name}")));
    let whole = secrets.clone().map(|(name, value)| (format!("{name}_BEARER"), format!("Bearer {value}")));
    let mut rendered = render(&yaml, secrets.into_iter().chain(whole).collect());
    rendered.log_records();
    rendered
}

/// Renders a policy.
pub(crate) fn rendered_from(yaml: &str, environment: Vec<(String, String)>) -> Rendered {
    render(yaml, environment)
}

fn render(yaml: &str, environment: Vec<(String, String)>) -> Rendered {
    let compiled = headgate_config::compile(yaml, "gateway.yaml", NOW_S).unwrap();
    let [config, rules] = apisix(&compiled, Path::new("headgate.wasm")).try_into().unwrap();
    Rendered { document: compiled.document, config: config.1, rules: rules.1, environment }
}

impl Rendered {
    /// Hands records to a logger of the host, so that they are there when the request is over.
    pub(crate) fn log_records(&mut self) {
        self.config = self.config.replace("postpone_output 0;", "postpone_output 0;\\nset $headgate_record '';");
    }

    /// Leaves APISIX's logger and its variable out, as an operator may do.
    pub(crate) fn leave_logger_out(&mut self) {
        self.config = self.config.replace("set $headgate_record '';", "");
        let mut rules: serde_json::Value = serde_json::from_str(self.rules.strip_suffix("#END\n").unwrap()).unwrap();
        rules["global_rules"][0]["plugins"].as_object_mut().unwrap().remove("http-logger").unwrap();
        self.rules = format!("{rules}\n#END\n");
    }

    /// Starts a worker with these files.
    pub(crate) fn start(&self, loaded: &Loaded) -> Nginx {
        Nginx::start(loaded, &self.config, &self.rules, &self.environment)
    }
}

/// Loads the module.
pub(crate) fn loaded() -> Loaded {
    Loaded::from(&root().join("target/wasm32-wasip1/wasm/headgate.wasm"))
}
