// Runs the module that tries a policy, beside the page, so that the page stays alive while a large policy is read.
// @ts-check

/** @type {any} */
let module;
/** @type {Map<string, any>} */
const sessions = new Map();
/** @type {any} */
let replay;

/** @param {string} name */
function session(name) {
  const found = sessions.get(name);
  if (!found) throw new Error("no policy is loaded");
  return found;
}

/** @type {Record<string, (...args: any[]) => any>} */
const calls = {
  async start(/** @type {string} */ script, /** @type {string} */ wasm) {
    module = await import(script);
    await module.default({ module_or_path: wasm });
    return module.schema();
  },
  check: (yaml, prices, now) => module.check(yaml, prices, now),
  resources: (yaml) => module.resources(yaml),
  load(name, yaml, prices, now) {
    sessions.get(name)?.free();
    sessions.delete(name);
    const made = new module.Session(yaml, prices, now);
    sessions.set(name, made);
    return made.names();
  },
  request: (name, ask) => session(name).request(ask),
  requests: (name, asks) => asks.map((/** @type {string} */ ask) => { session(name).reset(); return session(name).request(ask); }),
  reset: (name) => session(name).reset(),
  caseFile: (name, ask, about) => session(name).case_file(ask, about),
  async replay(before, after, prices, now, source) {
    replay?.free();
    replay = new module.Replay(before, after, prices, now);
    const body = source instanceof Blob ? source.stream() : await records(source);
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!replay.push(value)) { void reader.cancel(); break; }
      postMessage({ progress: replay.records() });
    }
    return replay.finish();
  },
};

/** @param {string} url */
async function records(url) {
  const answer = await fetch(url);
  if (!answer.ok || !answer.body) throw new Error(`the records could not be read: ${answer.status}`);
  return answer.body;
}

addEventListener("message", async ({ data: { id, call, args } }) => {
  try {
    postMessage({ id, result: await calls[call](...args) });
  } catch (error) {
    postMessage({ id, error: String(error instanceof Error ? error.message : error) });
  }
});
