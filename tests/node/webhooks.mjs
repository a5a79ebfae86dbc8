// Signs and verifies webhooks with the providers' own packages: reads cases as JSON from standard input, answers each.
import { readFileSync } from "node:fs";
import { sign, verify } from "@octokit/webhooks-methods";
import { Webhook as Standard } from "standardwebhooks";
import Stripe from "stripe";
import { Webhook as Svix } from "svix";

const stripe = new Stripe("sk_test_none");

const signers = {
  stripe: ({ secret, body, at }) => ({
    "stripe-signature": stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: at }),
  }),
  standard: ({ secret, body, at, id }) => standard(new Standard(secret), "webhook", body, at, id),
  svix: ({ secret, body, at, id }) => standard(new Svix(secret), "svix", body, at, id),
  github: async ({ secret, body }) => ({ "x-hub-signature-256": await sign(secret, body) }),
};

const verifiers = {
  stripe: ({ secret, body, headers }) => stripe.webhooks.constructEvent(body, headers["stripe-signature"], secret),
  standard: ({ secret, body, headers }) => new Standard(secret).verify(body, headers),
  svix: ({ secret, body, headers }) => new Svix(secret).verify(body, headers),
  github: async ({ secret, body, headers }) => {
    if (!(await verify(secret, body, headers["x-hub-signature-256"]))) throw new Error("not verified");
  },
};

function standard(webhook, prefix, body, at, id) {
  const date = new Date(at * 1000);
  return {
    [`${prefix}-id`]: id,
    [`${prefix}-timestamp`]: String(at),
    [`${prefix}-signature`]: webhook.sign(id, date, body),
  };
}

for (const one of JSON.parse(readFileSync(0, "utf8"))) {
  if (one.headers === undefined) {
    console.log(JSON.stringify(await signers[one.scheme](one)));
  } else {
    let accepted = true;
    try {
      await verifiers[one.scheme](one);
    } catch {
      accepted = false;
    }
    console.log(JSON.stringify({ accepted }));
  }
}
