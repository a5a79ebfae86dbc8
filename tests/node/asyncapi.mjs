// Reads the AsyncAPI document with the official parser; prints what it finds, one JSON line each, then a summary.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const [path] = process.argv.slice(2);
const { document, diagnostics } = await new Parser().parse(await readFile(path, "utf8"), { source: path });
for (const { severity, message, path: at } of diagnostics) {
  console.log(JSON.stringify({ severity, message, at: at.join(".") }));
}
console.log(
  JSON.stringify({
    version: document?.version(),
    channels: document?.channels().length,
    operations: document?.operations().length,
    messages: document?.messages().length,
  }),
);
