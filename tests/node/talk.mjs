// Publishes every valid sample with the official client, and validates all that services publish, until its input ends.
//
//     node talk.mjs <broker> <contracts>
//
// Prints {"published": [job id, …]} when the broker has acknowledged everything, and at the end
// {"checked": {kind: number}, "problems": […]}.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { connect, headers as newHeaders } from "nats";
import { compile, kindOf } from "./contracts.mjs";

const [servers, contracts] = process.argv.slice(2);
const validators = await compile(contracts);
const broker = await connect({ servers });
const checked = {};
const problems = [];

for (const subject of ["jobs.>", "later.>", "dead.>", "cron.>"]) {
  broker.subscribe(subject, { callback: (error, message) => check(error, message) });
}
await broker.flush();
console.log(JSON.stringify({ published: await publishSamples() }));
process.stdin.resume();
process.stdin.on("end", async () => {
  await broker.drain();
  console.log(JSON.stringify({ checked, problems }));
});

function check(error, message) {
  if (error) {
    problems.push(String(error));
    return;
  }
  const { subject } = message;
  const kind = kindOf(subject);
  const headers = Object.fromEntries((message.headers?.keys() ?? []).map((name) => [name, message.headers.get(name)]));
  checked[kind] = (checked[kind] ?? 0) + 1;
  judge(subject, "headers", validators.headers(subject), headers);
  if (kind !== "dead" && headers["X-Wrong"] === undefined) {
    const type = kind === "later" ? subject.split(".").slice(1, -1).join(".") : subject.slice(subject.indexOf(".") + 1);
    judge(subject, "body", validators.message(kind.startsWith("cron") ? subject : `jobs.${type}`), message.json());
  }
}

function judge(subject, what, validate, value) {
  if (!validate) {
    problems.push(`${subject}: no schema of its ${what}`);
  } else if (!validate(value)) {
    problems.push(`${subject}: ${what} ${JSON.stringify(value)}: ${JSON.stringify(validate.errors)}`);
  }
}

async function publishSamples() {
  const stream = broker.jetstream();
  const ids = [];
  for (const subject of await readdir(join(contracts, "samples"))) {
    if (subject.startsWith("jobs.")) {
      for (const kind of ["valid", "invalid"]) {
        const folder = join(contracts, "samples", subject, kind);
        for (const file of await readdir(folder)) {
          const id = `node-${subject}-${kind}-${file}`.replaceAll(".", "-");
          const text = await readFile(join(folder, file), "utf8");
          const headers = newHeaders();
          headers.set("Job-Id", id);
          if (kind === "invalid") headers.set("X-Wrong", "yes");
          await stream.publish(subject, kind === "valid" ? text : wrong(JSON.parse(text).body), { headers });
          ids.push(id);
        }
      }
    }
  }
  return ids;
}

function wrong(body) {
  return typeof body === "string" ? body : JSON.stringify(body);
}
