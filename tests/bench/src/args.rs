//! The command line.

use crate::Outcome;
use std::path::PathBuf;
use std::time::Duration;

const USAGE: &str = "\
usage: headgate-bench --envoy PATH --provider PATH [options]

  --envoy PATH        the Envoy binary
  --provider PATH     headgate-mock-provider
  --empty-wasm PATH   the empty filter; without it that variant is left out
  --headgate PATH     the headgate command, and
  --wasm PATH         headgate.wasm; without both Headgate is left out
  --collector PATH    headgate-collector; without it a stub acknowledges everything
  --native PATH       the native module; without it those variants are left out
  --compare PATH      another headgate.wasm, such as one from before a change, as one more variant
  --quick             rounds of one second of the small bodies, a large one and a stream: two minutes
  --seconds N         length of one measurement (default 3)
  --rounds N          measurements of each cell and variant, the median is printed (default 3)
  --variants WORDS    only the variants whose name contains one of these, and bare Envoy
  --only WORDS        only the workloads, the comparisons `limits of one user`, `… of many users`, `… of many
                      workers`, and `memory`, whose name contains one of these, comma-separated
  --json FILE         write every figure there";

/// The workloads of a quick run.
const QUICK: [&str; 3] = ["0.5 KB", "agent, 100 KB", "at once"];

/// The arguments.
#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) envoy: PathBuf,
    pub(crate) provider: PathBuf,
    pub(crate) empty_wasm: Option<PathBuf>,
    pub(crate) headgate: Option<PathBuf>,
    pub(crate) wasm: Option<PathBuf>,
    pub(crate) collector: Option<PathBuf>,
    pub(crate) measure: Duration,
    pub(crate) rounds: usize,
    pub(crate) native: Option<PathBuf>,
    pub(crate) compare: Option<PathBuf>,
    pub(crate) variants: Vec<String>,
    pub(crate) only: Vec<String>,
    pub(crate) json: Option<PathBuf>,
}

impl Args {
    pub(crate) fn read() -> Outcome<Self> {
        let mut args = Self { measure: Duration::from_secs(3), rounds: 3, ..Self::default() };
        let mut given = std::env::args().skip(1);
        while let Some(flag) = given.next() {
            if flag == "--quick" {
                args.measure = Duration::from_secs(1);
                args.only = QUICK.map(str::to_owned).to_vec();
                continue;
            }
            let value = given.next().ok_or(USAGE)?;
            args.set(&flag, value)?;
        }
        args.complete()
    }

    fn set(&mut self, flag: &str, value: String) -> Outcome {
        match flag {
            "--envoy" => self.envoy = value.into(),
            "--provider" => self.provider = value.into(),
            "--empty-wasm" => self.empty_wasm = Some(value.into()),
            "--headgate" => self.headgate = Some(value.into()),
            "--wasm" => self.wasm = Some(value.into()),
            "--collector" => self.collector = Some(value.into()),
            "--seconds" => self.measure = Duration::try_from_secs_f64(value.parse()?)?,
            "--rounds" => self.rounds = value.parse()?,
            "--native" => self.native = Some(value.into()),
            "--compare" => self.compare = Some(value.into()),
            "--variants" => self.variants = value.split(',').map(str::to_owned).collect(),
            "--only" => self.only = value.split(',').map(str::to_owned).collect(),
            "--json" => self.json = Some(value.into()),
            _ => return Err(USAGE.into()),
        }
        Ok(())
    }

    fn complete(self) -> Outcome<Self> {
        let halves = self.headgate.is_some() == self.wasm.is_some();
        let needed = !self.envoy.as_os_str().is_empty() && !self.provider.as_os_str().is_empty();
        let sensible = self.rounds > 0 && self.measure >= Duration::from_millis(100);
        if halves && needed && sensible { Ok(self) } else { Err(USAGE.into()) }
    }
}
