// Puts the page together: the editor, the request, the outcome, the replay.
// @ts-check

const STORED = "headgate-try";
/** Longest text that is kept between two visits of the session. */
const MAX_STORED = 1_000_000;
/** A check that takes longer than this, ms, is not made while typing. */
const SLOW = 1500;

/** @param {HTMLElement} root */
async function start(root) {
  const { worker = "", script = "", module = "", now = "0", revision, editor = "" } = root.dataset;
  const source = /** @type {HTMLTextAreaElement} */ (document.getElementById("try-source"));
  const state = /** @type {HTMLElement} */ (document.getElementById("try-state"));
  const machine = new Machine(worker);
  const absolute = (/** @type {string} */ path) => new URL(path, location.href).href;
  let schema;
  // Where it cannot be loaded, text areas stay.
  const library = import(absolute(editor)).catch(() => undefined);
  try {
    schema = new Schema(JSON.parse(await machine.call("start", absolute(script), absolute(module))));
  } catch (error) {
    state.textContent = `The module cannot run here: ${error instanceof Error ? error.message : error}`;
    return;
  }
  state.remove();
  const page = new Bench(root, machine, schema, source.value, Number(now), revision);
  page.enrich(await library);
  await page.open();
  root.dataset.ready = "yes";
}

/** The page at work. */
class Bench {
  /** @param {HTMLElement} root @param {Machine} machine @param {Schema} schema @param {string} first @param {number} now @param {string | undefined} revision */
  constructor(root, machine, schema, first, now, revision) {
    Object.assign(this, { root, machine, schema, first, now });
    this.root = root; this.machine = machine; this.schema = schema; this.first = first; this.now = now;
    this.began = performance.now();
    this.slow = false;
    /** @type {string | undefined} */
    this.loaded = undefined;
    /** @type {string | undefined} */
    this.prices = undefined;
    this.editor = new Editor("try-yaml", "gateway.yaml", 24);
    this.problems = h("ol.problems", { id: "try-problems", "aria-label": "Problems" });
    this.said = h("p", { role: "status", id: "try-checked" });
    this.offers = h("div.offers-of", { id: "try-offers" });
    this.changes = h("div", { id: "try-changes" });
    this.form = new RequestForm();
    this.result = new Result();
    this.whatIf = new WhatIf((source) => this.machine.call("replay", this.first, this.editor.text, this.prices, this.seconds(), source));
    this.machine.progress = (records) => { this.whatIf.state.textContent = `${records.toLocaleString("en")} records …`; };
    root.append(
      h("div.bench", {},
        h("section", { "aria-label": "Policy" }, h("h2", {}, "gateway.yaml"), this.tools(revision), this.editor.element, this.offers, this.said, this.problems, this.changes),
        h("section", { "aria-label": "Request" }, h("h2", {}, "Request"), this.form.element)),
      this.result.element, this.whatIf.element);
    this.listen();
  }

  /** Now, s since the Unix epoch: the server's clock and the time since. */
  seconds() { return Math.floor(this.now + (performance.now() - this.began) / 1000); }

  /** @param {string | undefined} revision */
  tools(revision) {
    const file = /** @type {HTMLInputElement} */ (h("input", { type: "file", id: "try-file", accept: ".yaml,.yml", "aria-label": "Open a file", onchange: async () => {
      const [chosen] = file.files ?? [];
      if (chosen) await this.write(await chosen.text());
    } }));
    const prices = /** @type {HTMLInputElement} */ (h("input", { type: "file", id: "try-prices", accept: ".yaml,.yml", onchange: async () => {
      this.prices = await prices.files?.[0]?.text();
      await this.check();
    } }));
    const number = h("input", { name: "revision", inputmode: "numeric", size: 5, maxlength: 12, value: revision ?? "", "aria-label": "Number of a revision" });
    return h("details.tools", {}, h("summary", {}, "Open, compare, share"),
      h("div.fields", {},
        field("Open a file", file), field("Its price file, if it names one", prices),
        h("form.line", { method: "get", action: "/try" }, number, h("button", { type: "submit" }, "Open revision")),
        h("div.line", {},
          h("button", { type: "button", id: "try-diff", onclick: () => void this.compare() }, "Compare with the one opened"),
          h("button", { type: "button", id: "try-back", onclick: () => void this.write(this.first) }, "Back to it"),
          h("button", { type: "button", id: "try-save", onclick: () => download("gateway.yaml", this.editor.text, "application/yaml") }, "Save as file"),
          h("button", { type: "button", id: "try-share", onclick: () => void this.share() }, "Share"))));
  }

  listen() {
    const check = later(150, () => { if (!this.slow) void this.check(); });
    const keep = later(400, () => this.keep());
    this.editor.changed(() => { this.offers.replaceChildren(); check(); keep(); });
    this.form.element.addEventListener("input", keep);
    this.form.element.addEventListener("submit", (event) => { event.preventDefault(); void this.send(); });
    this.form.element.querySelector("#try-reset")?.addEventListener("click", () => void this.machine.call("reset", "main").catch(() => {}));
    this.form.element.querySelector("#try-case")?.addEventListener("click", () => void this.saveCase());
    this.editor.area.addEventListener("keydown", (event) => {
      if (event.key === " " && event.ctrlKey) {
        event.preventDefault();
        this.offer();
      }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        void this.send();
      }
    });
    this.editor.area.addEventListener("keyup", later(120, () => this.describe()));
    this.editor.area.addEventListener("click", () => this.describe());
  }

  /** Puts the bundled editor in the place of the text areas. @param {any} library */
  enrich(library) {
    if (!library?.edit) return;
    const common = { moved: later(120, () => this.describe()), send: () => void this.send() };
    const complete = (/** @type {string} */ text) => this.schema.offers(text);
    const about = (/** @type {string} */ text, /** @type {string} */ word) => this.schema.about(text, word);
    this.editor.enrich(library, { ...common, language: "yaml", complete, about });
    this.form.body.enrich(library, { ...common, moved: () => {}, language: "json" });
  }

  /** Opens the text of the address, of the session, or of the server. */
  async open() {
    const fragment = /^#v1=([\w-]+)$/.exec(location.hash)?.[1];
    let kept;
    try {
      kept = fragment ? await unpacked(fragment) : JSON.parse(sessionStorage.getItem(STORED) ?? "null");
    } catch {
      this.said.textContent = "The text in the address cannot be read.";
    }
    const isOurs = kept && (fragment || kept.first === this.first);
    await this.write(isOurs ? kept.yaml : this.first, false);
    if (isOurs && kept.form) this.form.restore(kept.form);
    this.fill();
  }

  /** Fills in the request of a record that the page came with. */
  fill() {
    const record = /** @type {HTMLTextAreaElement | null} */ (document.getElementById("try-from"))?.value;
    if (!record) return;
    const { state, missing } = imported(JSON.parse(record), this.form.names.keys);
    if (state) this.form.restore(state);
    this.form.element.before(h("div.quiet", { id: "try-imported" }, ...missing.map((text) => h("p", {}, text))));
  }

  /** Puts a text into the editor. @param {string} text @param {boolean} [keep] */
  async write(text, keep = true) {
    this.editor.text = text;
    this.slow = false;
    await this.check();
    if (keep) this.keep();
  }

  keep() {
    const text = JSON.stringify({ first: this.first, yaml: this.editor.text, form: this.form.state() });
    if (text.length < MAX_STORED) sessionStorage.setItem(STORED, text);
  }

  /** Shows the problems of the text, and loads the policy if there are none. */
  async check() {
    const [text, begun] = [this.editor.text, performance.now()];
    const { problems, revision } = JSON.parse(await this.machine.call("check", text, this.prices, this.seconds()));
    if (text !== this.editor.text) return;
    this.slow = performance.now() - begun > SLOW;
    this.editor.mark(problems);
    this.problems.replaceChildren(...problems.map((/** @type {any} */ one) => this.problem(one)));
    const errors = problems.filter((/** @type {any} */ one) => one.severity === "error").length;
    const count = (/** @type {number} */ number, /** @type {string} */ word) => `${number} ${word}${number === 1 ? "" : "s"}`;
    this.said.replaceChildren(
      h(`span.chip.${errors ? "error" : problems.length ? "refused" : "success"}`, {}, errors ? count(errors, "error") : problems.length ? count(problems.length, "warning") : "no problems"),
      ` as headgate check says${revision ? `, revision ${revision}` : ""}${this.slow ? ". The file is large: it is checked again when a request is sent" : ""}`);
    if (!errors) await this.load(text);
    this.root.dataset.checked = String(text.length);
  }

  /** @param {string} text */
  async load(text) {
    if (this.loaded === text) return true;
    try {
      const names = JSON.parse(await this.machine.call("load", "main", text, this.prices, this.seconds()));
      this.loaded = text;
      const teams = [...text.matchAll(/^ {2}([\w-]+): *\{?.*$/gm)].map(([, name]) => name);
      this.schema.names = { providers: names.providers.map((/** @type {any} */ one) => one.name), models: names.models.map((/** @type {any} */ one) => one.name), teams };
      this.form.take(names);
      return true;
    } catch (error) {
      this.said.textContent = String(error instanceof Error ? error.message : error);
      return false;
    }
  }

  /** Returns a problem of the list. @param {any} one */
  problem(one) {
    const fix = /did you mean `([^`]+)`/.exec(one.help)?.[1];
    const go = () => this.editor.select(one.line, one.column, one.length);
    return h(`li.${one.severity}`, {},
      h("button.link", { type: "button", onclick: go }, `${one.line}:${one.column}`), ` ${one.severity}: ${one.message} `,
      h("span.quiet", {}, one.help), " ",
      fix && h("button", { type: "button", onclick: () => { go(); this.editor.insert(fix); } }, `Write ${fix}`));
  }

  /** Offers what may be written at the cursor. */
  offer() {
    const { area } = this.editor;
    const { word, offers } = this.schema.offers(area.value.slice(0, area.selectionStart));
    const close = () => { this.offers.replaceChildren(); area.focus(); };
    const buttons = offers.slice(0, 12).map(({ text, about }) =>
      h("button.offer", { type: "button", onclick: () => { close(); this.editor.insert(text, word.length); } }, h("code", {}, text), h("span.quiet", {}, ` ${about.slice(0, 120)}`)));
    this.offers.replaceChildren(h("div", { role: "group", "aria-label": "Completion", onkeydown: (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") close();
      if (!step) return;
      event.preventDefault();
      const at = buttons.indexOf(/** @type {HTMLElement} */ (document.activeElement));
      buttons[(at + step + buttons.length) % buttons.length]?.focus();
    } }, ...(buttons.length ? buttons : [h("p.quiet", {}, "Nothing is known for this place.")])));
    buttons[0]?.focus();
  }

  /** Says what the key at the cursor is for. */
  describe() {
    if (this.offers.contains(document.activeElement)) return;
    const [value, at] = [this.editor.text, this.editor.cursor];
    const before = /[\w-]*$/.exec(value.slice(Math.max(0, at - 80), at))?.[0] ?? "";
    const word = before + (/^[\w-]*/.exec(value.slice(at, at + 80))?.[0] ?? "");
    const about = word && this.schema.about(value.slice(0, at - before.length + word.length), word);
    this.offers.replaceChildren(...(about ? [h("p.quiet", { id: "try-about" }, h("code", {}, word), ` ${about}`)] : [h("p.quiet", {}, "Ctrl Space completes, Ctrl Enter sends the request.")]));
  }

  async send() {
    if (this.loaded !== this.editor.text) await this.check();
    if (this.loaded !== this.editor.text) {
      this.result.show({ fault: "The policy has errors. They are listed below its text." }, {}, "");
      return;
    }
    const ask = this.form.ask();
    const times = Math.min(Math.max(1, Number(this.form.times.value) || 1), 1000);
    this.form.send.disabled = true;
    let [outcome, refused] = [null, 0];
    try {
      for (let sent = 0; sent < times; sent += 1) {
        outcome = JSON.parse(await this.machine.call("request", "main", JSON.stringify(sent ? { ...ask, at: undefined } : ask)));
        refused += outcome.status >= 400 ? 1 : 0;
        if (outcome.fault) break;
      }
      this.result.show(outcome, ask, times > 1 ? ` · the last of ${times}, of which ${refused} were refused or failed` : "");
    } finally {
      this.form.send.disabled = false;
    }
  }

  async saveCase() {
    try {
      if (this.loaded !== this.editor.text) await this.check();
      const ask = this.form.ask();
      const about = `${ask.request.method} ${ask.request.path}, saved from the try-out page. Run: headgate test gateway.yaml cases/`;
      download("case.yaml", await this.machine.call("caseFile", "main", JSON.stringify(ask), about), "application/yaml");
    } catch (error) {
      this.result.show({ fault: error instanceof Error ? error.message : String(error) }, {}, "");
    }
  }

  /** Puts policy and request into the fragment of the address, which browsers do not send. */
  async share() {
    location.hash = `v1=${await packed({ yaml: this.editor.text, form: this.form.state() })}`;
    this.said.textContent = "The address now has the policy and the request behind its #. Browsers do not send that part.";
    await navigator.clipboard?.writeText(location.href).catch(() => {});
  }

  /** Shows the resources that differ from the text that was opened. */
  async compare() {
    const read = async (/** @type {string} */ text) => new Map(JSON.parse(await this.machine.call("resources", text)).map((/** @type {any} */ one) => [`${one.kind} ${one.id}`, one.body]));
    const [before, after] = [await read(this.first), await read(this.editor.text)];
    const rows = [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
      const [was, is] = [before.get(name), after.get(name)].map((body) => (body === undefined ? undefined : JSON.stringify(body, null, 1)));
      if (was === is) return [];
      const what = was === undefined ? "added" : is === undefined ? "removed" : "changed";
      return [h("details.resource", {}, h("summary", {}, h("span.chip", {}, what), ` ${name}`), difference(was ?? "", is ?? ""))];
    });
    this.changes.replaceChildren(h("h3", {}, rows.length ? `${rows.length} differ from the policy that was opened` : "Nothing differs from the policy that was opened"), ...rows);
  }
}

const bench = document.getElementById("try");
if (bench) void start(bench);
