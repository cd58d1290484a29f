//! `headgate drain`: prepares a proxy for its stop.
//!
//! Envoy ends at once at SIGTERM: requests in progress break off, and its event loops have ended before a filter is told,
//! so records can no longer be delivered. So a proxy is drained first. It takes no new connections, finishes its requests,
//! and is told of its end through its own files. Its workers then deliver their records, return their shares of limits,
//! and report their end to the collector.

use crate::clock::{now_ms, timer};
use crate::deploy;
use crate::exit::Failure;
use crate::output::print;
use crate::policy_file::read;
use clap::Args;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const AFTER_HELP: &str = "\
Run it on the host of the proxy, then stop the proxy. A proxy that is started on the same files serves as usual.

Exit codes: 0 drained; 1 not drained in time, or the proxy's admin page cannot be reached; 2 invalid arguments.";

/// The gate's file, below the folder.
const GATE: &str = "ecds/headgate-gate.json";
/// JSON pointers to the policy document in it, which is text: of headgate.wasm, and of the native module.
const DOCUMENT: [&str; 2] =
    ["/resources/0/typed_config/config/configuration/value", "/resources/0/typed_config/filter_config/value"];
/// Pause between two checks.
const LOOK: Duration = Duration::from_millis(100);
/// Number of checks in a row that must find no delivery in progress. By then the workers have read the file and delivered.
const QUIET_LOOKS: u32 = 15;
/// Longest time for a call to the admin page.
const CALL: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(crate) struct Drain {
    /// The folder that the proxy was rendered to.
    folder: PathBuf,
    /// Longest wait, s.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: u64,
}

pub(crate) fn run(arguments: &Drain) -> Result<(), Failure> {
    let over = timer(Duration::from_secs(arguments.wait));
    let admin = Admin::of(&arguments.folder)?;
    for path in ["healthcheck/fail", "drain_listeners"] {
        admin.call("POST", path)?;
    }
    wait_until(&over, || Ok(admin.sum("^http.headgate.downstream_rq_active$")? == 0))?;
    tell(&arguments.folder)?;
    let mut quiet = 0;
    wait_until(&over, || {
        let still = admin.sum("^cluster.*upstream_rq_active$")? == 0;
        quiet = if still { quiet + 1 } else { 0 };
        Ok(quiet >= QUIET_LOOKS)
    })?;
    print("drained: the proxy can be stopped\n")
}

fn wait_until(over: &impl Fn() -> bool, mut holds: impl FnMut() -> Result<bool, Failure>) -> Result<(), Failure> {
    while !holds()? {
        if over() {
            return Err(
                "not drained in time: requests or deliveries are in progress; --wait sets a longer time\n".to_owned()
            );
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// Writes into the policy that this proxy ends. Processes that start later ignore it.
fn tell(folder: &Path) -> Result<(), Failure> {
    let file = folder.join(GATE);
    let broken = || format!("{} was not written by `headgate render`\n", file.display());
    let mut gate: Value = serde_json::from_str(&read(&file)?).map_err(|_| broken())?;
    let at = DOCUMENT.into_iter().find(|at| gate.pointer(at).is_some()).unwrap_or_default();
    let Some(Value::String(text)) = gate.pointer_mut(at) else { return Err(broken()) };
    let mut document: Value = serde_json::from_str(text).map_err(|_| broken())?;
    let members = document.as_object_mut().ok_or_else(broken)?;
    members.insert("ending_at_ms".to_owned(), now_ms().into());
    *text = document.to_string();
    deploy::write(folder, &[(PathBuf::from(GATE), format!("{gate:#}\n"))]).map_err(|error| format!("{error}\n"))
}

/// The proxy's admin page.
struct Admin {
    agent: ureq::Agent,
    address: String,
}

impl Admin {
    fn of(folder: &Path) -> Result<Self, Failure> {
        let file = folder.join("bootstrap.json");
        let bootstrap: Value = serde_json::from_str(&read(&file)?).unwrap_or_default();
        let at = |name: &str| bootstrap.pointer(&format!("/admin/address/socket_address/{name}")).cloned();
        let (Some(Value::String(host)), Some(Value::Number(port))) = (at("address"), at("port_value")) else {
            return Err(format!("{} names no admin address\n", file.display()));
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let agent = headgate_http_client::agent(concat!("headgate/", env!("CARGO_PKG_VERSION")), CALL);
        Ok(Self { agent, address: format!("http://{host}:{port}") })
    }

    fn call(&self, method: &str, path: &str) -> Result<String, Failure> {
        let wrong = |why: String| format!("{}/{path}: {why}\n", self.address);
        let request = ureq::http::Request::builder().method(method).uri(format!("{}/{path}", self.address));
        let request = request.body(()).map_err(|error| wrong(error.to_string()))?;
        let mut answer = self.agent.run(request).map_err(|error| wrong(error.to_string()))?;
        if !answer.status().is_success() {
            return Err(wrong(format!("answered {}", answer.status())));
        }
        answer.body_mut().read_to_string().map_err(|error| wrong(error.to_string()))
    }

    /// Returns the sum of the proxy's statistics with matching names.
    fn sum(&self, filter: &str) -> Result<u64, Failure> {
        let lines = self.call("GET", &format!("stats?filter={}", filter.replace('^', "%5E")))?;
        Ok(lines.lines().filter_map(|line| line.rsplit_once(": ")?.1.parse::<u64>().ok()).sum())
    }
}
