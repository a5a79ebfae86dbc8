// Compiles the JSON Schemas of the contracts, as any program in this language would.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

export async function compile(contracts) {
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
  addFormats(ajv);
  const messages = await compileAll(ajv, join(contracts, "schemas"));
  const headers = await compileAll(ajv, join(contracts, "schemas", "headers"));
  return {
    message: (subject) => messages.get(subject.startsWith("cron.") ? "cron" : subject),
    // What no portable pattern can say stands in the description of its field.
    isBeyond: (subject, reason) => {
      const [, words] = reason.match(/^Expected (.*?)(?: - at |$)/) ?? [];
      const validate = messages.get(subject.startsWith("cron.") ? "cron" : subject);
      return Boolean(words) && JSON.stringify(validate.schema).includes(`Beyond the pattern: ${JSON.stringify(words).slice(1, -1)}`);
    },
    headers: (subject) => headers.get(kindOf(subject)),
  };
}

export function kindOf(subject) {
  const [first] = subject.split(".");
  return first === "cron" && subject.endsWith(".manual") ? "cron.manual" : first;
}

async function compileAll(ajv, folder) {
  const found = new Map();
  for (const file of await readdir(folder)) {
    if (file.endsWith(".json")) {
      found.set(file.slice(0, -".json".length), ajv.compile(JSON.parse(await readFile(join(folder, file), "utf8"))));
    }
  }
  return found;
}
