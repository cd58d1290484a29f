// Completion and descriptions from the schema of gateway.yaml, by the place of the cursor.
// @ts-check

/** Names of the policy that the value of a key refers to. @type {Record<string, string>} */
const REFERENCES = { provider: "providers", team: "teams", models: "models", model: "models" };

class Schema {
  /** @param {any} schema */
  constructor(schema) {
    this.root = schema;
    /** @type {Record<string, string[]>} */
    this.names = {};
  }

  /** Returns the node below a key. @param {any} node @param {string} key */
  below(node, key) {
    for (const one of this.forms(node)) {
      const found = one.properties?.[key] ?? (typeof one.additionalProperties === "object" ? one.additionalProperties : undefined);
      if (found) return found;
    }
    return undefined;
  }

  /** Returns the forms that a node may have. @param {any} node @returns {any[]} */
  forms(node) {
    if (!node) return [];
    const more = [...(node.oneOf ?? []), ...(node.anyOf ?? [])];
    return [node, ...more.flatMap((/** @type {any} */ one) => this.forms(one))];
  }

  /** Returns the node of a list's items, or the node itself. @param {any} node @param {boolean} listed */
  item(node, listed) {
    const items = this.forms(node).find((one) => one.items)?.items;
    return listed && items ? items : node;
  }

  /**
   * Returns where the cursor is: the node of the mapping, the key if a value is being written, and the word so far.
   * @param {string} text up to the cursor
   */
  place(text) {
    const lines = text.split("\n");
    const line = lines.pop() ?? "";
    const path = this.path(lines, line);
    let node = this.root;
    for (const { key, listed } of path) node = this.item(this.below(node, key), listed);
    const flow = this.flow(line);
    if (flow) {
      for (const key of flow.path) node = this.item(this.below(node, key), true);
      return { node, key: flow.key, word: flow.word };
    }
    const own = /^(?<lead>[ ]*(?:- +)?)(?:(?<key>[\w-]+): +)?(?<word>[^\s:{}[\],]*)$/.exec(line)?.groups;
    return own ? { node, key: own.key, word: own.word } : undefined;
  }

  /** Returns the keys above a line, by indentation. @param {string[]} lines @param {string} line */
  path(lines, line) {
    const path = [];
    const lead = /^( *)(- +)?/.exec(line);
    let depth = (lead?.[1].length ?? 0) + (lead?.[2] ? 1 : 0);
    let listed = !!lead?.[2];
    for (let at = lines.length - 1; at >= 0 && depth > 0; at -= 1) {
      const found = /^( *)(- +)?(?:"([^"]+)"|([^\s:#"'{}[\],]+)):(?: *|  *#.*)$/.exec(lines[at]);
      const item = /^( *)- /.exec(lines[at]);
      if (item && item[1].length < depth && !(found && found[1].length + (found[2]?.length ?? 0) < depth && !found[2])) {
        listed = true;
        depth = Math.min(depth, item[1].length + 1);
      }
      if (!found) continue;
      const indent = found[1].length + (found[2] ? found[2].length : 0);
      const isParent = listed ? indent < depth : indent < depth;
      if (!isParent) continue;
      path.unshift({ key: found[3] ?? found[4], listed });
      depth = found[1].length + (found[2] ? 1 : 0);
      listed = !!found[2];
    }
    return path;
  }

  /** Returns the place within braces of the same line. @param {string} line */
  flow(line) {
    /** @type {{path: string[], key: string | undefined}[]} */
    const open = [];
    const path = [];
    let rest = 0;
    let key;
    const before = /^ *(?:- +)?(?:"([^"]+)"|([\w./*-]+)): */.exec(line);
    if (before && /[{[]/.test(line.slice(before[0].length, before[0].length + 1))) path.push(before[1] ?? before[2]);
    for (let at = before?.[0].length ?? 0; at < line.length; at += 1) {
      const char = line[at];
      if (char === '"') {
        const end = line.indexOf('"', at + 1);
        if (end < 0) return undefined;
        at = end;
      } else if (char === "{" || char === "[") {
        open.push({ path: [...path], key });
        if (open.length > 1 && key) path.push(key);
        key = undefined;
        rest = at + 1;
      } else if (char === "}" || char === "]") {
        const closed = open.pop();
        if (closed) path.splice(0, path.length, ...closed.path);
        key = undefined;
        rest = at + 1;
      } else if (char === ",") {
        key = undefined;
        rest = at + 1;
      } else if (char === ":" && /[\s]/.test(line[at + 1] ?? " ")) {
        key = line.slice(rest, at).trim();
        rest = at + 1;
      }
    }
    return open.length ? { path, key, word: line.slice(rest).trim() } : undefined;
  }

  /** Returns what may be written at the end of a text. @param {string} text @returns {{word: string, offers: {text: string, about: string}[]}} */
  offers(text) {
    const place = this.place(text);
    if (!place?.node) return { word: "", offers: [] };
    const { node, key, word } = place;
    const fits = (/** @type {{text: string}} */ offer) => offer.text.startsWith(word) && offer.text !== word;
    if (key === undefined) {
      const keys = this.forms(node).flatMap((one) => Object.entries(one.properties ?? {}));
      return { word, offers: keys.map(([name, one]) => ({ text: `${name}: `, about: one.description ?? "" })).filter(fits) };
    }
    const value = this.below(node, key);
    const words = this.forms(this.item(value, true)).concat(this.forms(value)).flatMap((one) => one.enum ?? (one.type === "boolean" ? [true, false] : []));
    const named = this.names[REFERENCES[key] ?? ""] ?? [];
    const all = [...new Set([...words.map(String), ...named])];
    return { word, offers: all.map((one) => ({ text: one, about: value?.description ?? "" })).filter(fits) };
  }

  /** Returns the description of the key in a line. @param {string} text up to the end of the line @param {string} word */
  about(text, word) {
    const at = text.lastIndexOf(word);
    const place = at < 0 ? undefined : this.place(text.slice(0, at));
    return place?.node ? this.below(place.node, word)?.description : undefined;
  }
}
