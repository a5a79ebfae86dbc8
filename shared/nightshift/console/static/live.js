// Keeps a page like the server's: asks for it again while somebody looks at it, and changes only what has changed.
// Focus, selection, scrolled tables and what was typed stay. Without this script every page works, by reloading it.
"use strict";

(() => {
  const main = document.getElementById("main");
  const bar = document.getElementById("live");
  const seconds = Number(main.dataset.live);
  if (!seconds || !bar) return;
  const button = bar.querySelector("button");
  const status = bar.querySelector("[role=status]");
  const TYPED = "input, select, textarea";
  let held = false;
  let since = new Date();

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

  async function ask() {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(10_000) });
    if (answer.redirected) return say("You are signed out: reload the page.");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("main");
    if (!fresh || held || isReading()) return;
    like(main, fresh);
    document.title = page.title;
    since = new Date();
    say("");
  }

  async function turn() {
    if (!held && !document.hidden && !isReading()) {
      try {
        await ask();
      } catch {
        say(`The console does not answer. What is shown was read at ${since.toISOString().slice(11, 19)}Z.`);
      }
    }
    setTimeout(turn, seconds * 1000);
  }

  function hold() {
    held = !held;
    button.setAttribute("aria-pressed", String(held));
  }

  button.addEventListener("click", hold);
  document.addEventListener("keydown", (event) => {
    if (event.key === "r" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.matches(TYPED)) hold();
  });
  bar.hidden = false;
  setTimeout(turn, seconds * 1000);
})();
