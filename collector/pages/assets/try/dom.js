// The page on which a policy is tried. Its files become one module, in the order that `assets.rs` gives them: no file imports
// another one. Everything that is shown is text, never markup.
// @ts-check

/**
 * Makes an element.
 * @param {string} tag its name, and classes behind dots
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElement}
 */
function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  // What may scroll can be reached by the keyboard.
  if (tag === "pre.body" || tag === "div.wide") element.tabIndex = 0;
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value") /** @type {any} */ (element).value = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(.../** @type {(Node | string)[]} */ (children.filter((child) => child !== null && child !== undefined && child !== false)));
  return element;
}

/** Returns a labelled control. @param {string} label @param {HTMLElement} control @param {string} [wide] */
const field = (label, control, wide) => h(`label.field${wide ? `.${wide}` : ""}`, {}, h("span", {}, label), control);

/** Returns a choice. @param {Record<string, any>} attributes @param {[string, string][]} options */
function choice(attributes, options) {
  const select = /** @type {HTMLSelectElement} */ (h("select", attributes));
  fill(select, options);
  return select;
}

/** Replaces the options of a choice, and keeps the chosen one. @param {HTMLSelectElement} select @param {[string, string][]} options */
function fill(select, options) {
  const chosen = select.options.length ? select.value : undefined;
  select.replaceChildren(...options.map(([value, label]) => h("option", { value }, label)));
  if (chosen !== undefined && options.some(([value]) => value === chosen)) select.value = chosen;
}

/** Calls `work` when `ms` have passed without another call. @param {number} ms @param {() => void} work */
function later(ms, work) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, ms);
  };
}

/** Offers a text as a file. @param {string} name @param {string} text @param {string} type */
function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** Calls into the worker. */
class Machine {
  /** @param {string} url */
  constructor(url) {
    this.worker = new Worker(url, { type: "module" });
    this.next = 0;
    /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    /** @type {(records: number) => void} */
    this.progress = () => {};
    this.worker.addEventListener("message", ({ data }) => {
      if (data.progress !== undefined) return this.progress(data.progress);
      const waiting = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.error !== undefined) waiting?.reject(new Error(data.error));
      else waiting?.resolve(data.result);
    });
    this.worker.addEventListener("error", () => {
      for (const { reject } of this.waiting.values()) reject(new Error("the module could not be loaded"));
      this.waiting.clear();
    });
  }

  /** @param {string} call @param {...any} args @returns {Promise<any>} */
  call(call, ...args) {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, call, args });
    });
  }
}

const DEFLATE = "deflate-raw";

/** Returns a value as text for a fragment: compressed JSON, base64url. @param {any} value */
async function packed(value) {
  const stream = new Blob([JSON.stringify(value)]).stream().pipeThrough(new CompressionStream(DEFLATE));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let binary = "";
  for (let at = 0; at < bytes.length; at += 4096) binary += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Reads what `packed` wrote. @param {string} text */
async function unpacked(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(DEFLATE));
  return JSON.parse(await new Response(stream).text());
}
