//! An Envoy under test, ready to answer; and the provider itself, as the limit of the harness.

use crate::Outcome;
use crate::args::Args;
use crate::bootstrap::bootstrap;
use crate::ceiling::{self, Filters};
use crate::children::{Child, Scratch, free_address};
use crate::client::Client;
use crate::cores::Cores;
use crate::workload::Workload;
use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const GATEWAY: &str = include_str!("../gateway.yaml");
/// Additional policy of the guarded variant.
pub(crate) const GUARDRAILS: &str = include_str!("../guardrails.yaml");
/// Name of the variant without guardrails.
pub(crate) const HEADGATE: &str = "headgate";
/// Name of the variant with every built-in detector in both directions.
pub(crate) const GUARDED: &str = "guarded";
/// The same two with the native module.
pub(crate) const NATIVE: &str = "native";
pub(crate) const NATIVE_GUARDED: &str = "native, guarded";
/// Variants with metrics, and with all fields of the access log: name and additional policy.
pub(crate) const COUNTED: (&str, &str) = ("metrics", "\nmetrics: true\n");
pub(crate) const LOGGED: (&str, &str) = ("log fields", LOG_FIELDS);
const LOG_FIELDS: &str = "
logging:
  access_log_fields: [request_id, model, provider, served_model, key, input_tokens, output_tokens, cost_usd, decision]
";
pub(crate) const INGEST_TOKEN: &str = "bench-ingest-token";
pub(crate) const OWNER_TOKEN: &str = "bench-owner-token";
/// All variants start at once on one core, where each Wasm module takes 2 s or more.
const START: Duration = Duration::from_secs(120);

pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// Whether its requests leave records.
    pub(crate) headgate: bool,
    process: Child,
    sent: Cell<u64>,
}

/// Settings of all variants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) args: &'a Args,
    pub(crate) cores: &'a Cores,
    pub(crate) scratch: &'a Scratch,
    pub(crate) provider: SocketAddr,
    pub(crate) collector: SocketAddr,
    /// Workers of each Envoy.
    pub(crate) workers: usize,
}

impl Variant {
    /// Returns the provider without a proxy, as the limit of generator and provider.
    pub(crate) fn provider(process: Child, address: SocketAddr) -> Self {
        Self { name: "no proxy", address, headgate: false, process, sent: Cell::new(0) }
    }

    /// Returns the variant with or without records of its requests.
    pub(crate) fn with_records(self, records: bool) -> Self {
        Self { headgate: records, ..self }
    }

    /// Returns the process under test.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Adds answered requests.
    pub(crate) fn count(&self, requests: u64) {
        self.sent.set(self.sent.get() + requests);
    }

    /// Returns the number of answered requests.
    pub(crate) fn answered(&self) -> u64 {
        self.sent.get()
    }
}

impl Site<'_> {
    /// Starts Envoy without a filter, or with the empty one.
    pub(crate) fn plain(&self, name: &'static str, wasm: Option<&Path>) -> Outcome<Variant> {
        let wasm = wasm.map(std::path::absolute).transpose()?;
        let listen = free_address()?;
        let file = self.scratch.path(&format!("{name}.json"));
        std::fs::write(&file, bootstrap(listen, self.provider, wasm.as_deref()).to_string())?;
        self.start(name, listen, &file)
    }

    /// Starts Envoy with Headgate and with `added` at the end of the policy; returns none if Headgate was not given.
    pub(crate) fn headgate(&self, name: &'static str, added: &str) -> Outcome<Option<Variant>> {
        self.headgate_of(self.args.wasm.as_deref(), name, added)
    }

    /// Starts Envoy with Headgate from another module.
    pub(crate) fn headgate_of(&self, wasm: Option<&Path>, name: &'static str, added: &str) -> Outcome<Option<Variant>> {
        let Some((listen, folder)) = self.render(wasm, name, added)? else { return Ok(None) };
        let variant = self.start(name, listen, &folder.join("bootstrap.json"))?;
        Ok(Some(Variant { headgate: true, ..variant }))
    }

    /// Starts Envoy with Headgate's configuration and the empty module in its filters; returns none if either was not given.
    pub(crate) fn ceiling(&self, name: &'static str, filters: Filters) -> Outcome<Option<Variant>> {
        let Some(empty) = &self.args.empty_wasm else { return Ok(None) };
        let Some((listen, folder)) = self.render(self.args.wasm.as_deref(), name, "")? else { return Ok(None) };
        ceiling::empty(&folder, empty, filters)?;
        Ok(Some(self.start(name, listen, &folder.join("bootstrap.json"))?))
    }

    /// Writes the configuration of Headgate; returns the address that it listens on and the folder.
    fn render(&self, wasm: Option<&Path>, name: &'static str, added: &str) -> Outcome<Option<(SocketAddr, PathBuf)>> {
        let (Some(command), Some(wasm)) = (&self.args.headgate, wasm) else { return Ok(None) };
        let (listen, admin) = (free_address()?, free_address()?);
        let policy = format!("{GATEWAY}{added}")
            .replace("@VARIANT@", name)
            .replace("@LISTEN@", &listen.port().to_string())
            .replace("@ADMIN@", &admin.port().to_string())
            .replace("@COLLECTOR@", &self.collector.to_string())
            .replace("@PROVIDER@", &self.provider.to_string());
        let (file, out) =
            (self.scratch.path(&format!("{name}.yaml")), self.scratch.path(&format!("{name}-{}", listen.port())));
        std::fs::write(&file, policy)?;
        let mut render = Command::new(command);
        let option = if wasm.extension().is_some_and(|end| end == "wasm") { "--wasm" } else { "--native" };
        render.args(["render", "envoy"]).arg(&file).arg("--out").arg(&out).arg(option).arg(wasm);
        if !render.status().map_err(|error| format!("{}: {error}", command.display()))?.success() {
            return Err("headgate render envoy failed".into());
        }
        Ok(Some((listen, out)))
    }

    pub(crate) fn start(&self, name: &'static str, address: SocketAddr, bootstrap: &Path) -> Outcome<Variant> {
        let mut command = Command::new(&self.args.envoy);
        command.arg("-c").arg(bootstrap);
        command.args(["--use-dynamic-base-id", "--log-level", "warn", "--concurrency"]).arg(self.workers.to_string());
        command.env("HEADGATE_INGEST_TOKEN", INGEST_TOKEN).env("BENCH_PROVIDER_KEY", "bench-provider-key");
        let log = self.scratch.path(&format!("{name}.log"));
        let envoy = self.cores.on_envoys_core(|| Child::start(&mut command, &log))?;
        Ok(Variant { name, address, headgate: false, process: envoy, sent: Cell::new(0) })
    }

    /// Waits until a request is answered correctly.
    pub(crate) async fn ready(&self, variant: &mut Variant, workload: &Workload) -> Outcome {
        let end = Instant::now() + START;
        loop {
            let answer = match Client::connect(variant.address).await {
                Ok(mut client) => client.exchange(workload).await,
                Err(error) => Err(error),
            };
            let Err(error) = answer else {
                variant.count(1);
                return Ok(());
            };
            if variant.process.is_gone() || Instant::now() > end {
                return Err(format!("{} does not answer: {error}\n{}", variant.name, self.log(variant.name)).into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Returns the end of an Envoy's log.
    fn log(&self, name: &str) -> String {
        let text = std::fs::read(self.scratch.path(&format!("{name}.log"))).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().rev().take(12).rev().fold(String::new(), |all, line| all + line + "\n")
    }
}
