//! A worker of APISIX: the module's VM, the rules, and `http-logger`.

use crate::logger::Logger;
use crate::vm::{Loaded, Vm};
use serde_json::Value;

mod control;

/// See the module's text.
pub struct Nginx {
    /// The VM.
    pub vm: Vm,
    pub(crate) rules: Value,
    pub(crate) variables: Vec<String>,
    pub(crate) node: String,
    pub(crate) pid: u32,
    pub(crate) consumer: Option<String>,
    pub(crate) stay: usize,
    pub(crate) lost: bool,
    pub(crate) logger: Option<Logger>,
    /// Another plugin that answers: before the filter or behind it, with a status.
    pub(crate) plugin: Option<(bool, u16)>,
    configured: bool,
}

/// A worker that is lent for one callback after the other. Requests on it are many, callbacks one at a time.
pub(crate) trait Lender {
    /// Lends the worker.
    fn lend<T>(&mut self, act: impl FnOnce(&mut Nginx) -> T) -> T;
}

impl Lender for &mut Nginx {
    fn lend<T>(&mut self, act: impl FnOnce(&mut Nginx) -> T) -> T {
        act(self)
    }
}

impl Nginx {
    /// Starts a worker with the files that `headgate render apisix` writes.
    ///
    /// # Panics
    /// If they cannot be read.
    #[must_use]
    pub fn start(loaded: &Loaded, config: &str, rules: &str, environment: &[(String, String)]) -> Self {
        let config: Value = serde_json::from_str(config).unwrap();
        let nginx = &config["nginx_config"];
        let names: Vec<&str> = nginx["envs"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        let seen: Vec<(String, String)> =
            environment.iter().filter(|(name, _)| names.contains(&name.as_str())).cloned().collect();
        let snippet = nginx["http_server_location_configuration_snippet"].as_str().unwrap();
        let set = snippet.lines().filter_map(|line| line.strip_prefix("set $")?.split(' ').next().map(str::to_owned));
        let rules = read(rules);
        Self {
            vm: Vm::start(loaded, &seen),
            logger: Logger::start(&rules["global_rules"][0]["plugins"]["http-logger"], &seen),
            rules,
            variables: set.collect(),
            configured: false,
            node: "stand-in".to_owned(),
            pid: 4711,
            consumer: None,
            stay: usize::MAX,
            lost: false,
            plugin: None,
        }
    }

    /// Configures the filter at the first request of a configuration. `false` if it refuses.
    pub(crate) fn is_configured(&mut self) -> bool {
        if !self.configured {
            let conf = self.rules["global_rules"][0]["plugins"]["headgate"]["conf"].as_str().unwrap().to_owned();
            self.configured = self.vm.configure(&conf);
        }
        self.configured
    }
}

/// Reads `apisix.yaml`.
fn read(rules: &str) -> Value {
    let rules = rules.strip_suffix("#END\n").expect("APISIX takes a file without its last line for half written");
    serde_json::from_str(rules).unwrap()
}
