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
      const { instance } = await WebAssembly.instantiate(code, {});
      const { memory, packet_reserve, packet_check, packet_result_length } = instance.exports;
      const put = (part) => { const at = packet_reserve(part.length) >>> 0; new Uint8Array(memory.buffer, at, part.length).set(part); return at; };
      const keyAt = put(key), fileAt = put(bytes);
      const at = packet_check(fileAt, bytes.length, keyAt, key.length) >>> 0;
      show(JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, at, packet_result_length()))));
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
