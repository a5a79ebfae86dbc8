// A producer in TypeScript: right messages compile, wrong ones do not.
import type { DeadLetterHeaders, CronEvent, DeadReason, JobHeaders, Jobs, Subjects } from "../../contracts/clients/nightshift";

declare function publish<T extends keyof Jobs>(subject: Subjects[T], body: Jobs[T], headers?: JobHeaders): Promise<void>;

await publish<"email.send">("jobs.email.send", { to: "ada@example.com", subject: "Hi", body: "<p>Hi</p>" });
await publish<"email.send">("jobs.email.send", {
  to: ["ada@example.com", "Charles <charles@example.com>"],
  subject: "Hi",
  body: "<p>Hi</p>",
  text: null,
  from: "Acme <hello@acme.example>",
  attachments: [{ key: "reports/week-30.pdf", fileName: "Week 30.pdf" }],
});
await publish<"upload.process">("jobs.upload.process", { fileId: "file-1", userId: "user-1" }, { "Job-Id": "once" });
await publish<"maintenance.sessions">("jobs.maintenance.sessions", {});

// @ts-expect-error: a field is missing
await publish<"email.send">("jobs.email.send", { to: "ada@example.com", subject: "Hi" });
// @ts-expect-error: a field has another type
await publish<"upload.process">("jobs.upload.process", { fileId: 1, userId: "user-1" });
// @ts-expect-error: the subject is another type's
await publish<"email.send">("jobs.email.sent", { to: "ada@example.com", subject: "Hi", body: "Hi" });
// @ts-expect-error: no such field
await publish<"email.send">("jobs.email.send", { to: "a@b.cc", subject: "Hi", body: "Hi", answerTo: "b@b.cc" });

export function explain(headers: DeadLetterHeaders): string {
  const reason = headers["Dead-Reason"] as DeadReason;
  switch (reason) {
    case "invalid":
    case "unknown-type":
    case "permanent":
    case "attempts-exhausted":
    case "crash-loop":
    case "cancelled":
      return `${reason}: ${headers["Dead-Error"]}`;
    default: {
      const never: never = reason;
      return never;
    }
  }
}

export function isDue(event: CronEvent): boolean {
  return Date.parse(event.due) <= Date.parse(event.announced);
}
