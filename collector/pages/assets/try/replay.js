// What if: stored records under the policy that was in force and the one in the editor.
// @ts-check

/** @type {[string, string][]} */
const RANGES = [["86400", "the last day"], ["604800", "the last 7 days"], ["2592000", "the last 30 days"]];

class WhatIf {
  /** @param {(source: string | File) => Promise<string>} run */
  constructor(run) {
    this.range = choice({ id: "try-range" }, RANGES);
    this.file = /** @type {HTMLInputElement} */ (h("input", { type: "file", accept: ".ndjson,.jsonl,application/x-ndjson", id: "try-records" }));
    this.state = h("p", { role: "status", id: "try-replay-state" });
    this.outcome = h("div", { id: "try-replay" });
    const button = h("button.primary", { type: "submit" }, "Replay");
    const form = h("form.line", { "aria-label": "What if", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); void this.start(run); } },
      field("Records of", this.range), field("or of a file (NDJSON of the API)", this.file), button);
    this.element = h("section.what-if", { "aria-label": "What if" }, h("h2", {}, "What if"),
      h("p", {}, "Replays stored records, metadata only, under the policy above that was opened first and under the text in the editor, in the order of time. At most 50,000 records. They are read by this browser; the policy in the editor is not sent anywhere."),
      form, this.state, this.outcome);
  }

  /** @param {(source: string | File) => Promise<string>} run */
  async start(run) {
    this.outcome.replaceChildren();
    this.state.textContent = "Reading records …";
    const seconds = Number(this.range.value);
    const now = Date.now();
    const url = `/v1/requests.ndjson?from=${(now - seconds * 1000) * 1000}&to=${now * 1000}&limit=50000`;
    try {
      const result = JSON.parse(await run(this.file.files?.[0] ?? new URL(url, location.href).href));
      this.state.textContent = "";
      this.outcome.replaceChildren(...this.show(result));
    } catch (error) {
      this.state.textContent = String(error instanceof Error ? error.message : error);
    }
  }

  /** @param {any} result */
  show(result) {
    const [before, after] = result.policies;
    const number = (/** @type {number} */ value) => value.toLocaleString("en");
    const total = (/** @type {Record<string, number>} */ counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);
    const row = (/** @type {string} */ name, /** @type {number} */ was, /** @type {number} */ is, /** @type {(value: number) => string} */ write = number) => {
      const change = is - was;
      return h("tr", {}, h("th", { scope: "row" }, name), h("td.number", {}, write(was)), h("td.number", {}, write(is)), h("td.number", {}, change ? `${change > 0 ? "+" : "−"}${write(Math.abs(change))}` : "0"));
    };
    const rules = [...new Set([...Object.keys(before.refused), ...Object.keys(after.refused)])].sort();
    const targets = [...new Set([...Object.keys(before.targets), ...Object.keys(after.targets)])].sort();
    const table = h("div.wide", {}, h("table", {},
      h("thead", {}, h("tr", {}, ...["", "In force", "In the editor", "Change"].map((name, at) => (at ? h("th.number", { scope: "col" }, name) : h("td"))))),
      h("tbody", {}, row("served", before.served, after.served), row("refused", total(before.refused), total(after.refused)),
        ...rules.map((rule) => row(rule, before.refused[rule] ?? 0, after.refused[rule] ?? 0)),
        ...targets.map((target) => row(`served by ${target}`, before.targets[target] ?? 0, after.targets[target] ?? 0)),
        row("answered by no provider", before.unserved, after.unserved), row("cost", before.nano_usd, after.nano_usd, dollars))));
    const differences = result.differences.map((/** @type {any} */ one) => h("details", {},
      h("summary", {}, `${number(one.records)} × ${one.what}${one.nano_usd ? `, ${one.nano_usd < 0 ? "−" : "+"}${dollars(Math.abs(one.nano_usd))}` : ""}`),
      h("ul.ids", {}, ...one.ids.map((/** @type {string} */ id) => h("li", {}, h("a", { href: `/logs/${id}` }, h("code", {}, id)))))));
    const said = `${number(result.records)} records${result.full ? " (the most that are read)" : ""}${result.unreadable ? `, ${number(result.unreadable)} lines were no records` : ""}. `;
    const changed = result.differences.reduce((/** @type {number} */ sum, /** @type {any} */ one) => sum + one.records, 0);
    const unknown = Object.entries(result.unknown).map(([why, count]) => h("li", {}, `${number(Number(count))} records: ${why}`));
    return [
      h("p.outcome", {}, h(`span.chip.${changed ? "refused" : "success"}`, {}, changed ? `${number(changed)} differ` : "nothing changes"), ` ${said}`),
      table,
      differences.length ? h("h3", {}, "Differences") : "", ...differences,
      h("h3", {}, "How far this can be trusted"),
      h("ul", {},
        h("li", {}, result.other_than_recorded ? `${number(result.other_than_recorded)} records went otherwise than this replay says of the policy in force.` : "The replay of the policy in force agrees with every record."),
        after.assumed ? h("li", {}, `${number(after.assumed)} requests that are admitted now have no usage on record; a likely one is assumed.`) : "",
        ...unknown, ...result.not_judged.map((/** @type {string} */ part) => h("li", {}, `Not judged: ${part}.`))),
    ];
  }
}
