// Bundles the editor into one file with its licences: `just codemirror`. The same packages give the same bytes.
import { build } from "esbuild";
import { readFile, readdir, writeFile } from "node:fs/promises";

const [, , target, licences] = process.argv;
const { metafile } = await build({
  entryPoints: ["editor.mjs"], bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "none", outfile: target, metafile: true,
  banner: { js: "/* CodeMirror and its libraries (MIT), bundled by `just codemirror`. Their licences: codemirror.LICENSE. */" },
});
const names = [...new Set(Object.keys(metafile.inputs).map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]).filter(Boolean))].sort();
const parts = [];
for (const name of names) {
  const folder = `node_modules/${name}`;
  const { version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  parts.push(`${name} ${version} (${license})\n\n${(await readFile(`${folder}/${file}`, "utf8")).trim()}\n`);
}
await writeFile(licences, parts.join("\n----\n\n"));
