// Judges every sample by the JSON Schemas with ajv, in ECMAScript's dialect of regular expressions.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "./contracts.mjs";

const [contracts] = process.argv.slice(2);
const validators = await compile(contracts);
let judged = 0;
for (const subject of await readdir(join(contracts, "samples"))) {
  for (const kind of ["valid", "invalid"]) {
    const folder = join(contracts, "samples", subject, kind);
    for (const file of await readdir(folder).catch(() => [])) {
      const text = await readFile(join(folder, file), "utf8");
      const sample = JSON.parse(text);
      const body = kind === "valid" ? sample : sample.body;
      const validate = validators.message(subject);
      judged += 1;
      if (kind === "invalid" && validate(body) && validators.isBeyond(subject, sample.reason)) continue;
      if (validate(body) !== (kind === "valid")) {
        console.log(JSON.stringify({ problem: `${subject}/${kind}/${file}`, errors: validate.errors }));
      }
    }
  }
}
console.log(JSON.stringify({ judged }));
