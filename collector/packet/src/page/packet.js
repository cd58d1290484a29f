(() => {
  const box = document.getElementById("verify"), judgement = document.getElementById("judgement"), checks = document.getElementById("checks");
  box.hidden = false;
  const words = { holds: "everything holds", unknown: "not everything can be judged", contradicted: "something is contradicted" };
  const colours = { holds: "good", unknown: "warn", contradicted: "bad" };
  const show = (verdict) => {
    judgement.textContent = words[verdict.judgement];
    judgement.className = colours[verdict.judgement];
    checks.replaceChildren(...verdict.checks.map((check) => {
      const line = document.createElement("li"), word = document.createElement("b");
      word.textContent = { holds: "ok", unknown: "UNKNOWN", contradicted: "CONTRADICTED" }[check.judgement] + " ";
      word.className = colours[check.judgement];
      line.append(word, `${check.of}: ${check.text}`);
      return line;
    }));
  };
  const verify = async (file) => {
    judgement.className = "";
    judgement.textContent = "Reading …";
    checks.replaceChildren();
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const key = new TextEncoder().encode(document.getElementById("key").value.trim());
      const code = Uint8Array.from(atob(WASM), (letter) => letter.charCodeAt(0));
      const program = await WebAssembly.compile(code);
      // A library under it names functions of the browser that the check never calls.
      const never = () => { throw new Error("the check called the browser"); };
      const imports = {};
      for (const { module, name } of WebAssembly.Module.imports(program)) (imports[module] ??= {})[name] = never;
      const instance = await WebAssembly.instantiate(program, imports);
      const { memory, packet_reserve, packet_check, packet_verdict_length } = instance.exports;
      for (const part of [key, bytes]) {
        const at = packet_reserve(part.length) >>> 0;
        if (part.length > 0 && at === 0) throw new Error("the packet is too large for this page");
        new Uint8Array(memory.buffer, at, part.length).set(part);
      }
      const at = packet_check() >>> 0;
      show(JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, at, packet_verdict_length()))));
    } catch (error) {
      judgement.className = "warn";
      judgement.textContent = `It could not be checked here: ${error.message}. Use headgate-collector verify --packet FILE.`;
    }
  };
  document.getElementById("file").addEventListener("change", (event) => event.target.files[0] && verify(event.target.files[0]));
  addEventListener("dragover", (event) => { event.preventDefault(); box.classList.add("over"); });
  addEventListener("dragleave", () => box.classList.remove("over"));
  addEventListener("drop", (event) => { event.preventDefault(); box.classList.remove("over"); const file = event.dataTransfer.files[0]; if (file) verify(file); });
})();
