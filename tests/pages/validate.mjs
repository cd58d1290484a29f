// Checks HTML with html-validate's own interface: its command needs a newer Node.js. Arguments: the package, the configuration,
// files. Prints one line for each problem.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [library, config, ...files] = process.argv.slice(2);
const { HtmlValidate, StaticConfigLoader } = await import(pathToFileURL(library).href);
const validate = new HtmlValidate(new StaticConfigLoader(JSON.parse(readFileSync(config, "utf8"))));
for (const file of files) {
  const report = await validate.validateString(readFileSync(file, "utf8"), file);
  for (const { messages } of report.results) {
    for (const { line, column, ruleId, message } of messages) console.log(`${file}\t${line}:${column}\t${ruleId}\t${message}`);
  }
}
