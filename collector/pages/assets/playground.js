// A chat with a model through the gateway, straight from the browser. The collector never sees a prompt, and nothing is stored.
// @ts-check

/** The longest answer that is shown, characters. */
const MOST = 2_000_000;

/** Reads the events of a stream. @param {ReadableStream<Uint8Array>} body @param {(data: string) => void} each */
async function events(body, each) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    rest += value;
    const lines = rest.split(/\r\n|\r|\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data:")) each(line.slice(5).trim());
  }
  if (rest.startsWith("data:")) each(rest.slice(5).trim());
}

/** Returns the text of an event or of a whole answer, and notes its usage. @param {any} data @param {any} usage */
function read(data, usage) {
  const told = data.usage ?? data.message?.usage;
  if (told) {
    usage.input = told.prompt_tokens ?? told.input_tokens ?? usage.input;
    usage.output = told.completion_tokens ?? told.output_tokens ?? usage.output;
  }
  if (data.error) return `\n[${data.error.code ?? data.error.type ?? "error"}: ${data.error.message ?? ""}]`;
  const call = (/** @type {any} */ tool) => `\n${tool.function?.name ?? tool.name ?? ""}${tool.function?.arguments ?? JSON.stringify(tool.input ?? {})}`;
  const choice = data.choices?.[0];
  const part = choice?.delta ?? choice?.message;
  if (part) return (part.content ?? "") + (part.tool_calls ?? []).map(call).join("");
  if (data.type === "content_block_delta") return data.delta.text ?? data.delta.partial_json ?? "";
  if (Array.isArray(data.content)) return data.content.map((/** @type {any} */ block) => block.text ?? (block.type === "tool_use" ? call(block) : "")).join("");
  return "";
}

class Playground {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.gateway = root.dataset.gateway ?? "";
    /** @type {{role: string, content: string}[]} */
    this.messages = [];
    /** @type {AbortController | undefined} */
    this.going = undefined;
    const input = (/** @type {Record<string, any>} */ attributes) => /** @type {HTMLInputElement} */ (h("input", attributes));
    const area = (/** @type {Record<string, any>} */ attributes) => /** @type {HTMLTextAreaElement} */ (h("textarea", attributes));
    this.key = input({ id: "play-key", type: "password", autocomplete: "off", spellcheck: "false", maxlength: 512, onchange: () => void this.listModels() });
    this.models = h("datalist", { id: "play-models" });
    this.model = input({ id: "play-model", list: "play-models", autocomplete: "off", spellcheck: "false", maxlength: 256 });
    this.api = choice({ id: "play-api" }, [["chat", "chat completions"], ["messages", "messages"]]);
    this.system = area({ id: "play-system", rows: 2, maxlength: 100000 });
    this.text = area({ id: "play-text", rows: 4, maxlength: 200000, onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); void this.send(); }
    } });
    this.temperature = input({ id: "play-temperature", type: "number", min: 0, max: 2, step: 0.1 });
    this.most = input({ id: "play-max", type: "number", min: 1, max: 1000000, value: 1024 });
    this.stream = input({ id: "play-stream", type: "checkbox", checked: true });
    this.tools = area({ id: "play-tools", rows: 3, spellcheck: "false", placeholder: "[{…}], as the API takes them" });
    this.button = /** @type {HTMLButtonElement} */ (h("button.primary", { type: "submit", id: "play-send" }, "Send"));
    this.stop = /** @type {HTMLButtonElement} */ (h("button", { type: "button", id: "play-stop", disabled: true, onclick: () => this.going?.abort() }, "Stop"));
    this.transcript = h("ol.transcript", { "aria-label": "Conversation", "aria-live": "polite" });
    this.facts = h("div", { id: "play-facts" });
    const copies = ["curl", "Python", "TypeScript"].map((name) => h("button", { type: "button", onclick: () => void navigator.clipboard?.writeText(this.code(name)) }, `Copy as ${name}`));
    const form = h("form.request", { "aria-label": "Message", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); void this.send(); } },
      h("div.fields", {}, field("Virtual key", this.key), field("API", this.api), field("Model", this.model), this.models),
      h("details", {}, h("summary", {}, "System, temperature, length, tools"),
        h("div.fields", {}, field("System", this.system, "wide"), field("Temperature", this.temperature), field("Most tokens", this.most), field("Tools, JSON", this.tools, "wide"))),
      field("Message", this.text),
      h("div.line", {}, this.button, this.stop, h("label.check", {}, this.stream, " stream"), h("button", { type: "button", onclick: () => this.forget() }, "New conversation"), ...copies));
    root.append(this.transcript, form, this.facts);
    root.dataset.ready = "yes";
  }

  forget() {
    this.going?.abort();
    this.messages = [];
    this.transcript.replaceChildren();
    this.facts.replaceChildren();
  }

  /** @returns {Record<string, string>} */
  headers() {
    /** @type {Record<string, string>} */
    const headers = { "content-type": "application/json", authorization: `Bearer ${this.key.value.trim()}` };
    if (this.root.dataset.endUser) headers["x-headgate-end-user"] = this.root.dataset.endUser;
    if (this.api.value === "messages") headers["anthropic-version"] = "2023-06-01";
    return headers;
  }

  get path() { return this.api.value === "messages" ? "/v1/messages" : "/v1/chat/completions"; }

  /** Fills the list of models with those that the key may use. */
  async listModels() {
    if (!this.key.value.trim()) return;
    try {
      const answer = await fetch(`${this.gateway}/v1/models`, { headers: this.headers(), credentials: "omit", referrerPolicy: "no-referrer" });
      const { data } = await answer.json();
      this.models.replaceChildren(...(data ?? []).map((/** @type {any} */ model) => h("option", { value: model.id })));
      if (!this.model.value && data?.length) this.model.value = data[0].id;
    } catch (error) {
      this.tell(this.unreachable(error));
    }
  }

  /** Returns the body of a request. */
  body() {
    const anthropic = this.api.value === "messages";
    const system = this.system.value.trim();
    /** @type {any} */
    const body = { model: this.model.value, messages: anthropic || !system ? this.messages : [{ role: "system", content: system }, ...this.messages] };
    if (anthropic && system) body.system = system;
    if (this.stream.checked) body.stream = true;
    if (this.temperature.value !== "") body.temperature = Number(this.temperature.value);
    if (this.most.value !== "" || anthropic) body.max_tokens = Number(this.most.value) || 1024;
    if (this.tools.value.trim()) body.tools = JSON.parse(this.tools.value);
    return body;
  }

  /** @param {unknown} error */
  unreachable(error) {
    return `The gateway at ${this.gateway} did not answer this page (${error instanceof Error ? error.message : error}). Is its address right, and does gateway.yaml have \`cors: {origins: ["${location.origin}"]}\`?`;
  }

  /** @param {string} text */
  tell(text) { this.facts.replaceChildren(h("p.problem", { role: "alert" }, text)); }

  async send() {
    const text = this.text.value;
    if (!text.trim() || this.going) return;
    this.messages.push({ role: "user", content: text });
    let body;
    try {
      body = this.body();
    } catch {
      this.messages.pop();
      this.tell("The tools are no JSON.");
      return;
    }
    this.text.value = "";
    this.say("You", text);
    const into = this.say(this.model.value, "");
    this.going = new AbortController();
    [this.button.disabled, this.stop.disabled] = [true, false];
    const answer = { text: "", status: 0, first: 0, took: 0, usage: /** @type {any} */ ({}), headers: /** @type {[string, string][]} */ ([]) };
    const begun = performance.now();
    const add = (/** @type {string} */ part) => {
      if (part && !answer.first) answer.first = performance.now() - begun;
      if (answer.text.length < MOST) answer.text += part;
      into.textContent = answer.text;
    };
    try {
      const response = await fetch(`${this.gateway}${this.path}`, { method: "POST", headers: this.headers(), body: JSON.stringify(body), credentials: "omit", referrerPolicy: "no-referrer", signal: this.going.signal });
      answer.status = response.status;
      answer.headers = [...response.headers].filter(([name]) => name.startsWith("x-headgate-") || name.startsWith("x-ratelimit-") || name === "retry-after");
      if (response.body && (response.headers.get("content-type") ?? "").includes("event-stream")) {
        await events(response.body, (data) => { if (data && data !== "[DONE]") add(read(JSON.parse(data), answer.usage)); });
      } else add(read(await response.json(), answer.usage));
      answer.took = performance.now() - begun;
      if (response.ok) this.messages.push({ role: "assistant", content: answer.text });
      else this.messages.pop();
      this.show(answer);
    } catch (error) {
      this.messages.pop();
      answer.took = performance.now() - begun;
      if (this.going.signal.aborted) this.show(answer);
      else this.tell(this.unreachable(error));
    } finally {
      this.going = undefined;
      [this.button.disabled, this.stop.disabled] = [false, true];
    }
  }

  /** Adds a message to the conversation and returns its text. @param {string} who @param {string} text */
  say(who, text) {
    const said = h("div.said", {}, text);
    this.transcript.append(h("li", {}, h("b", {}, who), said));
    return said;
  }

  /** Shows the facts of an answer, and its cost when the record is there. @param {any} answer */
  show(answer) {
    const id = answer.headers.find((/** @type {[string, string]} */ [name]) => name === "x-headgate-request-id")?.[1];
    const cost = h("span", { id: "play-cost" }, id ? "waits for the record" : "not known");
    const row = (/** @type {string} */ name, /** @type {Node | string} */ value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
    const usage = answer.usage.output === undefined ? "not told" : `${answer.usage.input ?? 0} input, ${answer.usage.output} output`;
    this.facts.replaceChildren(
      h("h2", {}, "The last answer"),
      h("dl", {}, row("Status", String(answer.status)), row("First token", answer.first ? `${answer.first.toFixed(0)} ms` : "none"), row("Whole answer", `${answer.took.toFixed(0)} ms`),
        row("Tokens", usage), row("Cost", cost), row("Record", id ? h("a", { href: `/logs/${id}` }, id) : "none"),
        ...answer.headers.map((/** @type {[string, string]} */ [name, value]) => row(name, value))));
    if (id) void this.price(id, cost);
  }

  /** Reads the cost from the record, which comes with the next batch. @param {string} id @param {HTMLElement} into */
  async price(id, into) {
    for (let tried = 0; tried < 12; tried += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 1000); });
      const answer = await fetch(`/v1/requests?any_id=${encodeURIComponent(id)}&limit=1`).catch(() => undefined);
      const record = answer?.ok ? (await answer.json()).data?.[0] : undefined;
      if (!record) continue;
      into.textContent = record.cost ? `$${(record.cost.nano_usd / 1e9).toFixed(6)}${record.cost.assumed ? ", at an assumed price" : ""}` : "none";
      return;
    }
    into.textContent = "the record is not here yet";
  }

  /** Returns the request as code, without the key. @param {string} language */
  code(language) {
    const anthropic = this.api.value === "messages";
    const body = this.body();
    if (language === "curl") {
      const json = JSON.stringify(body).replaceAll("'", "'\\''");
      return `curl ${this.gateway}${this.path} -H "authorization: Bearer $HEADGATE_KEY" -H 'content-type: application/json'${anthropic ? " -H 'anthropic-version: 2023-06-01'" : ""} -d '${json}'`;
    }
    const json = JSON.stringify(body, null, 2);
    if (language === "Python") {
      const [library, base, call] = anthropic ? ["anthropic", this.gateway, "messages.create"] : ["openai", `${this.gateway}/v1`, "chat.completions.create"];
      const name = anthropic ? "Anthropic" : "OpenAI";
      return `import json, os\nfrom ${library} import ${name}\n\nclient = ${name}(base_url=${JSON.stringify(base)}, api_key=os.environ["HEADGATE_KEY"])\nprint(client.${call}(**json.loads(${JSON.stringify(JSON.stringify(body))})))\n`;
    }
    const [library, name, call] = anthropic ? ["@anthropic-ai/sdk", "Anthropic", "messages.create"] : ["openai", "OpenAI", "chat.completions.create"];
    return `import ${name} from "${library}";\n\nconst client = new ${name}({ baseURL: ${JSON.stringify(this.gateway + (anthropic ? "" : "/v1"))}, apiKey: process.env.HEADGATE_KEY });\nconsole.log(await client.${call}(${json}));\n`;
  }
}

const chat = document.getElementById("playground");
if (chat) new Playground(chat);
