// A client of the gateway whose types are generated from its description: what is wrong does not compile.
//
//     node gateway.js <gateway> <key>
//
// Prints {"job": …, "again": …, "state": …, "pointers": …, "file": …}.
import createClient from "openapi-fetch";
import type { components, paths } from "./gateway-api";

declare const process: { argv: string[] };
const [baseUrl, key] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
const mail = { to: "ada@example.com", subject: "Hello", body: "<p>Hello</p>" };

const once = { header: { "Idempotency-Key": "from-typescript" } };
const first = await client.POST("/v1/jobs/email.send", { body: mail, params: once });
const again = await client.POST("/v1/jobs/email.send", { body: mail, params: once });
if (!first.data || !again.data) throw new Error(JSON.stringify(first.error ?? again.error));
const job: components["schemas"]["JobReceipt"] = first.data.job;

const state = await client.GET("/v1/jobs/email.send/{id}", { params: { path: { id: job.id }, query: { sequence: job.sequence } } });
const refused = await client.POST("/v1/jobs/email.send", { body: { ...mail, to: "nobody" } });
const pointers = refused.error?.errors?.map((error) => error.pointer);

const form = new FormData();
form.append("file", new Blob(["a,b\n1,2\n"], { type: "text/csv" }), "numbers.csv");
const upload = await client.POST("/v1/files", { body: form as never, bodySerializer: (body) => body });
if (!upload.data) throw new Error(JSON.stringify(upload.error));
const file = await client.GET("/v1/files/{id}", { params: { path: { id: upload.data.file.id } } });

console.log(JSON.stringify({ job, again: again.data.job, state: state.data?.state, pointers, file: file.data }));

export async function wrong(): Promise<unknown> {
  // @ts-expect-error: a field is missing
  await client.POST("/v1/jobs/email.send", { body: { to: "ada@example.com", subject: "Hello" } });
  // @ts-expect-error: a field has another type
  await client.POST("/v1/jobs/email.send", { body: { ...mail, subject: 17 } });
  // @ts-expect-error: there is no such job type
  await client.POST("/v1/jobs/email.sent", { body: mail });
  // @ts-expect-error: a receipt has no such field
  return job.nothing;
}
