// Keeps a page like the server's: asks for it again when something that it shows has changed, and changes only that.
// One tab of a browser follows what changes, and tells the others; hidden tabs follow nothing. Where nothing is heard
// (a proxy holds it back, the browser lacks what it takes), each tab in view asks every two seconds.
// Focus, selection, scrolled tables and what was typed stay. Without this script every page works, by reloading it.
"use strict";

(() => {
  const main = document.getElementById("main");
  const bar = document.getElementById("live");
  if (!main.dataset.follows || !bar) return;
  const button = bar.querySelector("button");
  const status = bar.querySelector("[role=status]");
  const stream = main.dataset.stream;
  const TYPED = "input, select, textarea";
  const TURN = 250; // milliseconds, as all of these
  const SOON = 750; // between two questions at the least
  const APART = 300; // between two things that the stream says one after the other
  const SILENT = 12_000; // the stream says something every five seconds
  const POLL = 2_000; // between two questions where it is silent
  const AGE = 10_000; // between two questions where nothing has changed: "3 s ago" gets old as well
  const AGAIN = 15_000; // until a stream that was refused is tried again
  const tabs = "BroadcastChannel" in window ? new BroadcastChannel(stream) : null;
  let held = false;
  let since = new Date();
  let asked = performance.now();
  let heard = -Infinity;
  let changed = false;
  let settled = true; // false after a change: answers that many share may be a moment old, so it is asked once more
  let following = null;
  let refused = -Infinity;

  function say(text) {
    if (status.textContent !== text) status.textContent = text;
  }

  function isReading() {
    return !getSelection().isCollapsed || Boolean(document.activeElement?.matches(TYPED));
  }

  function like(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    if (old.matches(TYPED)) return;
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const before = [...old.childNodes];
    const after = [...fresh.childNodes];
    before.slice(after.length).forEach((node) => node.remove());
    after.forEach((node, at) => (at < before.length ? like(before[at], node) : old.append(node)));
  }

  // What the stream says: the topics that have changed, none with a beat; and whether it comes through as it is sent.
  function hear({ topics, flows }) {
    if (flows) heard = performance.now();
    if (flows === false) heard = -Infinity;
    const mine = ["*", ...main.dataset.follows.split(" ")];
    if (topics.split(" ").some((topic) => mine.includes(topic))) changed = true;
  }

  function tell(said) {
    hear(said);
    tabs.postMessage(said);
  }

  // Follows until told to end, or refused.
  function follow(signal) {
    return new Promise((end) => {
      const source = new EventSource(`${stream}?since=${main.dataset.version}`);
      let last = Infinity;
      source.onmessage = (event) => {
        // One that holds the stream back may let its beginning through, or much of it at once: neither proves anything.
        const now = performance.now();
        tell({ topics: event.data, flows: now - last > APART || undefined });
        last = now;
      };
      source.onerror = () => {
        last = Infinity;
        tell({ topics: "", flows: false });
        if (source.readyState !== EventSource.CLOSED) return;
        refused = performance.now();
        end();
      };
      signal.addEventListener("abort", () => {
        source.close();
        end();
      });
    });
  }

  // Waits until no other tab follows, and follows for all.
  async function lead() {
    if (following || document.hidden || !navigator.locks || !tabs) return;
    following = new AbortController();
    const { signal } = following;
    try {
      await navigator.locks.request(stream, { signal }, () => (signal.aborted ? undefined : follow(signal)));
    } catch (error) {
      if (error.name !== "AbortError") refused = performance.now();
    }
    if (following?.signal === signal) following = null;
  }

  async function ask() {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(10_000) });
    if (answer.redirected) return say("You are signed out: reload the page.");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("main");
    if (!fresh) return;
    if (held || isReading()) {
      changed = true;
      return;
    }
    like(main, fresh);
    like(document.querySelector("footer"), page.querySelector("footer"));
    document.title = page.title;
    since = new Date();
    say("");
  }

  function isDue(now) {
    if (held || document.hidden || isReading()) return false;
    const pause = now - heard < SILENT && settled ? AGE : POLL;
    return now - asked > (changed ? SOON : pause);
  }

  async function turn() {
    const now = performance.now();
    if (now - refused > AGAIN) lead();
    if (isDue(now)) {
      asked = now;
      settled = !changed;
      changed = false;
      try {
        await ask();
      } catch {
        say(`The console does not answer. What is shown was read at ${since.toISOString().slice(11, 19)}Z.`);
      }
    }
    setTimeout(turn, TURN);
  }

  function hold() {
    held = !held;
    button.setAttribute("aria-pressed", String(held));
  }

  button.addEventListener("click", hold);
  document.addEventListener("keydown", (event) => {
    if (event.key === "r" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.matches(TYPED)) hold();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      following?.abort();
      following = null;
    } else {
      changed = true;
    }
  });
  if (tabs) tabs.onmessage = (event) => hear(event.data);
  bar.hidden = false;
  turn();
})();
