// The decisions on a request as a timeline.
// @ts-check

/** @param {number} us */
const after = (us) => (us < 1000 ? `${us} µs` : us < 1e6 ? `${(us / 1000).toFixed(1)} ms` : `${(us / 1e6).toFixed(2)} s`);
/** @param {number} nano */
const dollars = (nano) => `$${(nano / 1e9).toFixed(nano < 1e7 ? 6 : 4)}`;
/** Returns an amount in its unit. @param {number} amount @param {string} unit */
const amount = (amount, unit) => (unit === "nano_usd" ? dollars(amount) : amount.toLocaleString("en"));
/** Returns the credential of a header as its variable. @param {string} value */
const asVariable = (value) => value.replace(/secret-of-(\w+)/g, "${$1}");

/** Returns a table of headers. @param {Record<string, string>} headers */
function headerTable(headers) {
  const rows = Object.entries(headers).map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, asVariable(value))));
  return h("div.wide", {}, h("table.headers", {}, h("tbody", {}, ...rows)));
}

/** @param {string} kind */
const MARKS = { good: "✓", bad: "✕", wait: "…", info: "•", warn: "!" };

/** @param {number} at @param {"good" | "bad" | "wait" | "info" | "warn"} mark @param {string} title @param {...(Node | string | null | false)} details */
function entry(at, mark, title, ...details) {
  return h(`li.${mark}`, {}, h("span.mark", { "aria-hidden": "true" }, MARKS[mark]), h("span.at", {}, after(at)), h("div", {}, h("b", {}, title), ...details));
}

/** Returns the targets of a plan, those in it first. @param {any[]} targets */
function targetTable(targets) {
  const sorted = [...targets].sort((one, other) => (one.place ?? 1e9) - (other.place ?? 1e9));
  const rows = sorted.map((one) => h(`tr${one.out ? ".out" : ""}`, {},
    h("td.number", {}, one.place === null ? "–" : String(one.place + 1)), h("td", {}, `${one.provider}/${one.model}`),
    h("td.number", {}, String(one.tier)), h("td.number", {}, String(one.weight)),
    h("td", {}, one.out ? `out: ${one.out}` : one.degraded ? "last, because it failed lately" : "in the plan")));
  return h("div.wide", {}, h("table", {}, h("thead", {}, h("tr", {}, ...["Order", "Target", "Tier", "Weight", "Why"].map((name, at) => h(`th${at % 2 === 0 && at < 4 || at === 3 ? ".number" : ""}`, { scope: "col" }, name)))), h("tbody", {}, ...rows)));
}

/** Returns limits and budgets before and after. @param {any[]} before @param {any[]} reserved @param {any[]} done */
function countTable(before, reserved, done) {
  const same = (/** @type {any} */ one) => (/** @type {any} */ other) => other.rule === one.rule && other.unit === one.unit && other.period === one.period;
  const rows = reserved.map((one) => {
    const [first, last] = [before.find(same(one)), done.find(same(one))];
    const share = (/** @type {number} */ value) => Math.min(100, one.max ? (value / one.max) * 100 : 100);
    const bar = h("meter", { min: 0, max: 100, high: 90, value: share((last ?? one).used + (last ?? one).reserved), "aria-label": `Use of ${one.rule}` });
    return h("tr", {}, h("td", {}, `${one.kind} ${one.rule}`, one.monitor && h("span.quiet", {}, " (watches)"), one.subject.length ? h("span.second", {}, one.subject.join(", ")) : null),
      h("td.number", {}, amount(first?.used ?? 0, one.unit)), h("td.number", {}, amount(one.reserved, one.unit)), h("td.number", {}, last ? amount(last.used, one.unit) : "–"),
      h("td.number", {}, amount(one.max, one.unit)), h("td", {}, `${one.unit === "nano_usd" ? "cost" : one.unit.replace("_", " ")}${one.period ? ` per ${one.period}` : ""}`), h("td", {}, bar));
  });
  const names = ["Rule", "Used before", "Reserved", "Used after", "Most", "Of", "Use"];
  return h("div.wide", {}, h("table", {}, h("thead", {}, h("tr", {}, ...names.map((name, at) => h(at > 0 && at < 5 ? "th.number" : "th", { scope: "col" }, name)))), h("tbody", {}, ...rows)));
}

/** Returns a body with its findings highlighted. @param {string} body @param {any[]} found */
function highlighted(body, found) {
  const parts = [];
  let at = 0;
  for (const one of found) {
    if (one.start < at) continue;
    parts.push(body.slice(at, one.start), h(`mark.${one.action}`, { title: `${one.guardrail}: ${one.kind}` }, body.slice(one.start, one.end), h("span.kind", {}, ` ${one.kind}: ${one.action}`)));
    at = one.end;
  }
  parts.push(body.slice(at));
  return h("pre.body", {}, ...parts);
}

/** Returns the timeline of an outcome. @param {any} outcome @param {string} body the client's */
function timeline(outcome, body) {
  const steps = /** @type {any[]} */ (outcome.steps);
  const counts = (/** @type {string} */ when) => steps.find((one) => one.step === "counts" && one.when === when)?.counts ?? [];
  const record = outcome.record ?? {};
  const refused = (/** @type {string} */ stage) => record.decisions?.find((/** @type {any} */ one) => one.stage === stage && one.verdict === "deny");
  const list = h("ol.timeline");
  const chunks = steps.filter((one) => one.step === "chunk");
  for (const one of steps) {
    const item = entryOf(one, { outcome, body, counts, refused, record, chunks });
    if (item) list.append(item);
  }
  return list;
}

/** Returns the entry of one step. @param {any} one @param {any} context */
function entryOf(one, { outcome, body, counts, refused, record, chunks }) {
  switch (one.step) {
    case "arrives": {
      const caller = record.caller;
      const keys = record.decisions?.find((/** @type {any} */ decision) => ["keys", "identity"].includes(decision.stage));
      const who = caller ? `${caller.key_id}${caller.team ? `, team ${caller.team}` : ""}${caller.project ? `, project ${caller.project}` : ""}` : "nobody that the policy knows";
      const mark = keys?.verdict === "deny" ? "bad" : "good";
      return entry(one.at_us, mark, `${one.headers[":method"]} ${one.headers[":path"]}`, h("p", {}, `From ${who}. `, keys?.reason ? h("code", {}, keys.reason) : null, h("span.quiet", {}, ` ${one.body_bytes.toLocaleString("en")} bytes of body.`)));
    }
    case "route":
      return entry(one.at_us, one.targets.some((/** @type {any} */ target) => target.place !== null) ? "good" : "bad", `Model ${record.requested_model ?? ""}: the plan`, targetTable(one.targets));
    case "counts": {
      if (one.when !== "reserved") return null;
      const denied = refused("limits") ?? refused("budgets");
      return entry(one.at_us, denied ? "bad" : "good", denied ? `${denied.stage === "budgets" ? "Budget" : "Limit"} ${denied.policy_id} refuses: ${denied.reason}` : "Limits and budgets admit it", countTable(counts("before"), one.counts, counts("after")));
    }
    case "findings":
      return entry(one.at_us, refused("guardrails") ? "bad" : "warn", `Guardrails find ${one.found.length} in the request`, highlighted(body, one.found));
    case "masks":
      return entry(one.at_us, "warn", "The body goes on with the findings replaced", h("pre.body", {}, one.body));
    case "asks":
      return entry(one.at_us, one.status ? "good" : "bad", `External check ${one.cluster}: ${one.status ?? "no answer"}`, h("details", {}, h("summary", {}, "Question and answer"), h("pre.body", {}, one.body), h("pre.body", {}, one.answer)));
    case "replies":
      return entry(one.at_us, one.status >= 400 ? "bad" : "good", `The gateway answers by itself: ${one.status}`, h("pre.body", {}, one.body));
    case "tries":
      return entry(one.at_us, "wait", `Try at ${one.provider}`, h("details", {}, h("summary", {}, `${one.headers[":path"]}, ${one.body.length.toLocaleString("en")} characters`), headerTable(one.headers)));
    case "fails":
      return entry(one.at_us, "bad", `No answer: ${one.failure}`, one.again && h("p", {}, "Another try follows."));
    case "answers":
      return entry(one.at_us, one.status < 400 && !one.again ? "good" : "bad", `The provider answers ${one.status}`, one.again && h("p", {}, "Another try follows, so the client does not see this."));
    case "rests":
      return entry(one.at_us, "warn", `${one.target} rests`, h("p", {}, one.skipped ? "It said when to come back, and is skipped until then." : "It is tried last for a while."));
    case "chunk":
      return one === chunks[0] ? entry(one.at_us, "good", `${chunks.length} ${chunks.length === 1 ? "chunk" : "chunks"} of the answer`, h("p", {}, "See what was held back under “Client sees”.")) : null;
    case "ends":
      return entry(one.at_us, outcome.status >= 400 || one.cut ? "bad" : "good", one.cut ? "The gateway cut the answer" : `The client has ${outcome.status}`, ending(record));
    default:
      return null;
  }
}

/** @param {any} record */
function ending(record) {
  const { usage, cost, served_by } = record;
  const parts = [];
  if (served_by) parts.push(`Served by ${served_by.provider}/${served_by.model}.`);
  if (usage) parts.push(`${usage.input_tokens} input and ${usage.output_tokens} output tokens, ${usage.source}.`);
  if (cost) parts.push(`${dollars(cost.nano_usd)}${cost.assumed ? ", at an assumed price" : ""}.`);
  return parts.length ? h("p", {}, parts.join(" ")) : null;
}
