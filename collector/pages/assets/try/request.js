// The request: presets, its parts, and the behaviour of each provider.
// @ts-check

const CHAT = "/v1/chat/completions";
const MESSAGES = "/v1/messages";

/** @typedef {{name: string, path: string, method?: string, dialect?: string, headers?: string, key?: string, body?: (model: string) => any}} Preset */

const hello = [{ role: "user", content: "Say hello." }];

/** @type {Preset[]} */
const PRESETS = [
  { name: "Chat", path: CHAT, body: (model) => ({ model, messages: hello }) },
  { name: "Chat, stream", path: CHAT, body: (model) => ({ model, stream: true, messages: hello }) },
  { name: "Messages", path: MESSAGES, dialect: "anthropic", headers: "anthropic-version: 2023-06-01", body: (model) => ({ model, max_tokens: 256, messages: hello }) },
  { name: "Messages, stream", path: MESSAGES, dialect: "anthropic", headers: "anthropic-version: 2023-06-01", body: (model) => ({ model, max_tokens: 256, stream: true, messages: hello }) },
  {
    name: "Tools", path: CHAT,
    body: (model) => ({ model, messages: [{ role: "user", content: "What is the weather in Paris?" }], tools: [{ type: "function", function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }] }),
  },
  {
    name: "Image", path: CHAT,
    body: (model) => ({ model, messages: [{ role: "user", content: [{ type: "text", text: "What is this?" }, { type: "image_url", image_url: { url: "https://images.example/cat.png" } }] }] }),
  },
  {
    name: "Personal data", path: CHAT,
    body: (model) => ({ model, messages: [{ role: "user", content: "Write to ann@example.com, card 4111 1111 1111 1111." }] }),
  },
  { name: "A secret", path: CHAT, body: (model) => ({ model, messages: [{ role: "user", content: `Why does this fail? token=ghp_${"aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"}` }] }) },
  { name: "Embeddings", path: "/v1/embeddings", body: (model) => ({ model, input: "Say hello." }) },
  { name: "Too large", path: CHAT, headers: "content-length: 99999999999", body: (model) => ({ model, messages: hello }) },
  { name: "Unknown key", path: CHAT, key: "?", body: (model) => ({ model, messages: hello }) },
  { name: "Unknown model", path: CHAT, body: () => ({ model: "no-such-model", messages: hello }) },
  { name: "List of models", path: "/v1/models", method: "GET" },
];

/** Ways in which a provider may behave. @type {[string, string][]} */
const BEHAVIOURS = [
  ["answers", "answers"], ["429", "429, Retry-After 30"], ["503", "503"], ["400", "400"], ["connect", "no connection"],
  ["timeout", "first byte too late"], ["reset", "resets the connection"], ["breaks", "breaks off in the middle"], ["empty", "answers with nothing"],
];

const ANSWER = "Hello! How can I help you today?";

/** Returns the answer of a provider. @param {string} path @param {boolean} stream @param {string} text @param {string} model */
function answerOf(path, stream, text, model) {
  const tokens = Math.max(1, Math.ceil(text.length / 4));
  const words = text.match(/\S+\s*/g) ?? [text];
  const event = (/** @type {any} */ data, /** @type {string} */ name = "") => `${name ? `event: ${name}\n` : ""}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
  if (path.startsWith(MESSAGES)) {
    const message = { id: "msg_1", type: "message", role: "assistant", model, content: [{ type: "text", text }], stop_reason: "end_turn", usage: { input_tokens: 12, output_tokens: tokens } };
    if (!stream) return JSON.stringify(message);
    return [
      event({ type: "message_start", message: { ...message, content: [], stop_reason: null, usage: { input_tokens: 12, output_tokens: 1 } } }, "message_start"),
      event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }, "content_block_start"),
      ...words.map((word) => event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: word } }, "content_block_delta")),
      event({ type: "content_block_stop", index: 0 }, "content_block_stop"),
      event({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: tokens } }, "message_delta"),
      event({ type: "message_stop" }, "message_stop"),
    ].join("");
  }
  const usage = { prompt_tokens: 12, completion_tokens: tokens, total_tokens: 12 + tokens };
  if (path.startsWith("/v1/embeddings")) return JSON.stringify({ object: "list", data: [{ object: "embedding", index: 0, embedding: [0.1, 0.2] }], model, usage: { prompt_tokens: 3, total_tokens: 3 } });
  if (!stream) return JSON.stringify({ id: "c-1", object: "chat.completion", model, choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }], usage });
  const chunk = (/** @type {any} */ delta, /** @type {string | null} */ reason = null) => event({ id: "c-1", object: "chat.completion.chunk", model, choices: [{ index: 0, delta, finish_reason: reason }] });
  const end = event({ id: "c-1", object: "chat.completion.chunk", model, choices: [], usage });
  return [...words.map((word) => chunk({ content: word })), chunk({}, "stop"), end, event("[DONE]")].join("");
}

/** Returns the act of a provider. @param {string} provider @param {string} how @param {string} path @param {boolean} stream @param {string} text */
function actOf(provider, how, path, stream, text) {
  const json = { "content-type": "application/json" };
  if (["connect", "timeout", "reset"].includes(how)) return { provider, fails: how };
  if (how === "429") return { provider, status: 429, headers: { ...json, "retry-after": "30" }, body: '{"error":{"message":"slow down","type":"rate_limit_error"}}' };
  if (how === "503") return { provider, status: 503, headers: json, body: '{"error":{"message":"overloaded"}}' };
  if (how === "400") return { provider, status: 400, headers: json, body: '{"error":{"message":"bad request","type":"invalid_request_error"}}' };
  if (how === "empty") return { provider, status: 200, headers: json, body: "" };
  const whole = answerOf(path, stream, text, "model");
  const headers = stream ? { "content-type": "text/event-stream" } : json;
  return how === "breaks" ? { provider, headers, body: whole.slice(0, Math.ceil(whole.length / 2)), breaks_off: true } : { provider, headers, body: whole };
}

/** The form of the request. */
class RequestForm {
  constructor() {
    this.names = { keys: [], models: [], providers: [] };
    this.preset = choice({ id: "try-preset", onchange: () => this.apply() }, PRESETS.map(({ name }) => [name, name]));
    this.key = choice({ id: "try-key" }, []);
    this.model = choice({ id: "try-model", onchange: () => this.setModel() }, []);
    this.method = choice({ id: "try-method", "aria-label": "Method" }, [["POST", "POST"], ["GET", "GET"]]);
    this.path = /** @type {HTMLInputElement} */ (h("input", { id: "try-path", "aria-label": "Path", spellcheck: "false", maxlength: 2000 }));
    this.headers = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: "try-headers", rows: 2, spellcheck: "false", placeholder: "name: value" }));
    this.body = new Editor("try-body", "Body", 8);
    this.chunks = choice({ id: "try-chunks" }, [["0", "an event each"], ["", "one chunk"], ["16", "16 bytes each"], ["1", "a byte each"]]);
    this.times = /** @type {HTMLInputElement} */ (h("input", { id: "try-times", type: "number", min: 1, max: 1000, value: 1 }));
    this.beside = /** @type {HTMLInputElement} */ (h("input", { id: "try-beside", type: "number", min: 0, max: 1000, value: 0 }));
    this.at = /** @type {HTMLInputElement} */ (h("input", { id: "try-at", type: "datetime-local", step: 1 }));
    this.providers = h("div.acts");
    this.send = /** @type {HTMLButtonElement} */ (h("button.primary", { type: "submit", id: "try-send" }, "Send"));
    this.element = h(
      "form.request", { "aria-label": "Request" },
      h("div.fields", {}, field("Preset", this.preset), field("Key", this.key), field("Model", this.model)),
      h("div.line", {}, this.method, this.path),
      h("div", {}, h("span.label", {}, "Body"), this.body.element),
      h("details", {}, h("summary", {}, "Headers, clock, repetition"),
        h("div.fields", {}, field("Headers", this.headers, "wide"), field("Time (UTC)", this.at), field("Times", this.times), field("Others under way", this.beside), field("Chunks of the answer", this.chunks))),
      h("fieldset", {}, h("legend", {}, "The providers"), this.providers),
      h("div.line", {}, this.send, h("button", { type: "button", id: "try-reset" }, "Forget counts"), h("button", { type: "button", id: "try-case" }, "Save as case")),
    );
    this.body.changed(() => this.bodyChanged());
  }

  /** Takes the names of a policy. @param {any} names */
  take(names) {
    const first = !this.names.keys.length && !this.names.models.length;
    this.names = names;
    const more = names.keys_total - names.keys.length;
    fill(this.key, [...names.keys.map((/** @type {string} */ key) => [key, key]), ["?", "a key that is not in it"], ["", "none"], ...(more > 0 ? [["", `… ${more} more`]] : [])]);
    fill(this.model, names.models.map((/** @type {any} */ model) => [model.name, model.name]));
    this.listProviders();
    if (first && !this.body.text) this.apply();
  }

  /** Fills the form from the preset. */
  apply() {
    const preset = PRESETS.find(({ name }) => name === this.preset.value) ?? PRESETS[0];
    const fits = (/** @type {any} */ model) => model.targets.some((/** @type {any} */ target) => target.format === (preset.dialect ?? "openai"));
    const chosen = this.names.models.find((/** @type {any} */ model) => model.name === this.model.value && fits(model));
    const model = /** @type {any} */ (chosen ?? this.names.models.find(fits));
    if (model) this.model.value = model.name;
    this.method.value = preset.method ?? "POST";
    this.path.value = preset.path;
    this.headers.value = preset.headers ?? "";
    if (preset.key !== undefined) this.key.value = preset.key;
    else if (this.key.value === "?") this.key.selectedIndex = 0;
    this.body.text = preset.body ? JSON.stringify(preset.body(this.model.value || "chat"), null, 2) : "";
    this.listProviders();
  }

  /** Puts the chosen model into the body. */
  setModel() {
    const replaced = this.body.text.replace(/("model"\s*:\s*)"(?:[^"\\]|\\.)*"/, (_, before) => `${before}${JSON.stringify(this.model.value)}`);
    this.body.text = replaced;
    this.listProviders();
  }

  bodyChanged() {
    const named = /"model"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(this.body.text)?.[1];
    if (named !== undefined && [...this.model.options].some((option) => option.value === named) && this.model.value !== named) {
      this.model.value = named;
      this.listProviders();
    }
  }

  /** Lists the providers of the model, each with its behaviour. */
  listProviders() {
    const model = /** @type {any} */ (this.names.models.find((/** @type {any} */ one) => one.name === this.model.value));
    const routed = (model?.targets ?? []).map((/** @type {any} */ target) => target.provider);
    const all = /** @type {any} */ (this.names).routes === false ? this.names.providers.flatMap((/** @type {any} */ one) => one.clusters) : routed;
    const names = /** @type {string[]} */ ([...new Set(all)]);
    const kept = new Map([...this.providers.children].map((row) => [/** @type {HTMLElement} */ (row).dataset.provider, row]));
    const rows = names.map((name) => kept.get(name) ?? h("div.act", { "data-provider": name },
      h("b", {}, name), choice({ "aria-label": `Behaviour of ${name}` }, BEHAVIOURS),
      h("input", { "aria-label": `Text of ${name}`, value: ANSWER, maxlength: 20000, spellcheck: "false" })));
    this.providers.replaceChildren(...rows);
  }

  /** Returns the request as the machines take it. */
  ask() {
    /** @type {Record<string, string>} */
    const headers = {};
    for (const line of this.headers.value.split("\n")) {
      const colon = line.indexOf(":");
      if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
    }
    const path = this.path.value || CHAT;
    const stream = /"stream"\s*:\s*true/.test(this.body.text);
    const key = this.key.value === "?" ? "no-such-key" : this.key.value || null;
    const providers = [...this.providers.children].map((row) => {
      const [how, text] = /** @type {[HTMLSelectElement, HTMLInputElement]} */ (/** @type {unknown} */ (row.querySelectorAll("select, input")));
      return actOf(/** @type {HTMLElement} */ (row).dataset.provider ?? "", how.value, path, stream, text.value);
    });
    const body = this.body.text || undefined;
    const at = this.at.value ? Math.floor(Date.parse(`${this.at.value}Z`) / 1000) : undefined;
    const chunk_bytes = this.chunks.value === "" ? undefined : Number(this.chunks.value);
    return { request: { method: this.method.value, path, key, headers, body }, providers, chunk_bytes, beside: Number(this.beside.value) || 0, at };
  }

  /** Returns what is written, to keep or to share. */
  state() {
    const acts = [...this.providers.children].map((row) => {
      const [how, text] = /** @type {any} */ (row.querySelectorAll("select, input"));
      return [/** @type {HTMLElement} */ (row).dataset.provider, how.value, text.value];
    });
    const values = [this.preset, this.key, this.model, this.method, this.path, this.headers, this.chunks, this.times, this.beside, this.at].map((one) => one.value);
    return { values, body: this.body.text, acts };
  }

  /** Writes it again. @param {any} state */
  restore(state) {
    const controls = [this.preset, this.key, this.model, this.method, this.path, this.headers, this.chunks, this.times, this.beside, this.at];
    controls.forEach((control, at) => { control.value = String(state.values?.[at] ?? control.value); });
    this.body.text = String(state.body ?? "");
    this.listProviders();
    for (const [provider, how, text] of state.acts ?? []) {
      const row = [...this.providers.children].find((one) => /** @type {HTMLElement} */ (one).dataset.provider === provider);
      const [select, input] = /** @type {any} */ (row?.querySelectorAll("select, input") ?? []);
      if (select) [select.value, input.value] = [how, text];
    }
  }
}
