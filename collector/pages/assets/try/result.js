// The outcome of a request in tabs: decisions, the client's view, the providers' view, the record.
// @ts-check

/** A group of tabs. */
class Tabs {
  /** @param {string} label @param {string[]} names */
  constructor(label, names) {
    this.panels = names.map((name, at) => h("div.panel", { role: "tabpanel", id: `${label}-panel-${at}`, "aria-labelledby": `${label}-tab-${at}`, tabindex: 0, hidden: at > 0 }));
    this.tabs = names.map((name, at) => h("button", { type: "button", role: "tab", id: `${label}-tab-${at}`, "aria-controls": `${label}-panel-${at}`, "aria-selected": String(at === 0), tabindex: at ? -1 : 0, onclick: () => this.show(at) }, name));
    const list = h("div.tabs", { role: "tablist", "aria-label": label, onkeydown: (/** @type {KeyboardEvent} */ event) => this.move(event) }, ...this.tabs);
    this.element = h("div", {}, list, ...this.panels);
  }

  /** @param {number} chosen */
  show(chosen) {
    this.tabs.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === chosen));
      tab.tabIndex = at === chosen ? 0 : -1;
    });
    this.panels.forEach((panel, at) => { panel.hidden = at !== chosen; });
  }

  /** @param {KeyboardEvent} event */
  move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (this.tabs.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + step + this.tabs.length) % this.tabs.length;
    this.show(next);
    this.tabs[next].focus();
  }
}

/** The tokens of JSON, for a comparison. @param {string} text */
const tokens = (text) => text.match(/"(?:[^"\\]|\\.)*"|[^\s"{}[\],:]+|[{}[\],:]|\s+/g) ?? [];
/** Most tokens of a body that is compared. */
const MAX_TOKENS = 3000;

/** Returns a body with the differences from another one marked. @param {string} before @param {string} now */
function difference(before, now) {
  const [old, made] = [tokens(before), tokens(now)];
  let start = 0;
  while (start < Math.min(old.length, made.length) && old[start] === made[start]) start += 1;
  let end = 0;
  while (end < Math.min(old.length, made.length) - start && old[old.length - 1 - end] === made[made.length - 1 - end]) end += 1;
  const [mine, theirs] = [old.slice(start, old.length - end), made.slice(start, made.length - end)];
  const middle = mine.length * theirs.length > MAX_TOKENS * MAX_TOKENS / 4
    ? [h("del", {}, mine.join("")), h("ins", {}, theirs.join(""))]
    : common(mine, theirs);
  return h("pre.body", {}, made.slice(0, start).join(""), ...middle, made.slice(made.length - end).join(""));
}

/** Returns the parts of a comparison by the longest common subsequence. @param {string[]} old @param {string[]} made */
function common(old, made) {
  const width = made.length + 1;
  const lengths = new Uint16Array((old.length + 1) * width);
  for (let row = old.length - 1; row >= 0; row -= 1) {
    for (let column = made.length - 1; column >= 0; column -= 1) {
      lengths[row * width + column] = old[row] === made[column]
        ? lengths[(row + 1) * width + column + 1] + 1
        : Math.max(lengths[(row + 1) * width + column], lengths[row * width + column + 1]);
    }
  }
  /** @type {(Node | string)[]} */
  const parts = [];
  let [row, column] = [0, 0];
  while (row < old.length || column < made.length) {
    if (row < old.length && column < made.length && old[row] === made[column]) {
      parts.push(made[column]);
      [row, column] = [row + 1, column + 1];
    } else if (column < made.length && (row === old.length || lengths[row * width + column + 1] >= lengths[(row + 1) * width + column])) {
      parts.push(h("ins", {}, made[column++]));
    } else parts.push(h("del", {}, old[row++]));
  }
  return parts;
}

/** The outcome. */
class Result {
  constructor() {
    this.tabs = new Tabs("outcome", ["Decision", "Client sees", "Provider sees", "Record"]);
    this.summary = h("p.outcome", { role: "status" }, "No request was sent yet.");
    this.element = h("section.result", { "aria-label": "Outcome" }, h("h2", {}, "Outcome"), this.summary, this.tabs.element);
    this.tabs.element.hidden = true;
  }

  /** Shows an outcome. @param {any} outcome @param {any} ask @param {string} note */
  show(outcome, ask, note) {
    if (outcome.fault) {
      this.summary.replaceChildren(h("span.chip.error", {}, "not played"), ` ${outcome.fault}`);
      this.tabs.element.hidden = true;
      return;
    }
    const record = outcome.record;
    const state = outcome.status < 400 ? "success" : record.rejected_by === "gateway" ? "refused" : "error";
    const why = record.rejected_by ? ` rejected by the ${record.rejected_by}${record.error_code ? ` (${record.error_code})` : ""}` : "";
    const served = record.served_by ? ` ${record.served_by.provider}/${record.served_by.model}` : "";
    const cost = record.cost ? ` · ${dollars(record.cost.nano_usd)}` : "";
    this.summary.replaceChildren(h(`span.chip.${state}`, {}, String(outcome.status)), `${served}${why}${cost}${note}`);
    this.tabs.element.hidden = false;
    const body = ask.request.body ?? "";
    const [decision, client, provider, stored] = this.tabs.panels;
    decision.replaceChildren(timeline(outcome, body), h("details", {}, h("summary", {}, "In words"), h("pre.body", { id: "try-words" }, outcome.words)));
    client.replaceChildren(...this.client(outcome));
    provider.replaceChildren(...this.provider(outcome, body));
    const text = JSON.stringify(record, null, 2);
    stored.replaceChildren(outcome.aside ? h("p", {}, "This request leaves no record: it was not for a model.") : h("pre.body", { id: "try-record" }, text));
  }

  /** @param {any} outcome */
  client(outcome) {
    const chunks = outcome.steps.filter((/** @type {any} */ one) => one.step === "chunk");
    const whole = h("pre.body", { id: "try-answer" }, outcome.body);
    const parts = [h("h3", {}, "Headers"), headerTable(outcome.headers), h("h3", {}, "Body"), whole];
    return chunks.length > 1 ? [...parts, ...this.scrubber(chunks)] : parts;
  }

  /** Returns a slider over the chunks of an answer. @param {any[]} chunks */
  scrubber(chunks) {
    const [came, went] = [h("pre.body"), h("pre.body")];
    const said = h("output");
    const slider = /** @type {HTMLInputElement} */ (h("input", { type: "range", min: 1, max: chunks.length, value: chunks.length, id: "try-scrub", "aria-label": "Chunk" }));
    const show = () => {
      const seen = chunks.slice(0, Number(slider.value));
      const last = seen[seen.length - 1];
      came.replaceChildren(...seen.map((one) => h(one === last ? "ins" : "span", {}, one.received)));
      went.replaceChildren(...seen.map((one) => h(one === last ? "ins" : "span", {}, one.sent)));
      const held = last.held_bytes;
      said.textContent = `Chunk ${seen.length} of ${chunks.length}, ${after(last.at_us)}. ${held ? `${held} bytes are held back or taken out: a guardrail waits for the end of a word, or the gateway removes what the client did not ask for.` : "Nothing is held back."}`;
    };
    slider.addEventListener("input", show);
    show();
    return [h("h3", {}, "Chunk by chunk"), slider, said, h("div.two", {}, h("div", {}, h("h4", {}, "Provider sent"), came), h("div", {}, h("h4", {}, "Client has"), went))];
  }

  /** @param {any} outcome @param {string} body */
  provider(outcome, body) {
    const tries = outcome.steps.filter((/** @type {any} */ one) => one.step === "tries");
    if (!tries.length) return [h("p", {}, "No provider sees this request.")];
    return tries.flatMap((/** @type {any} */ one, /** @type {number} */ at) => [
      h("h3", {}, `Try ${at + 1}: ${one.provider}`), headerTable(one.headers),
      h("h4", {}, "Body, compared with the client's"), difference(body, one.body),
    ]);
  }
}
