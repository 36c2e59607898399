// Keeps pages fresh and tells times to the second. Nothing here is needed to read.
(() => {
  "use strict";

  const TICK_MS = 3000;
  const tags = new Map();

  // --- Times ---------------------------------------------------------------

  const length = (seconds) => {
    const days = Math.floor(seconds / 86400);
    const hours = Math.floor(seconds / 3600) % 24;
    const minutes = Math.floor(seconds / 60) % 60;
    if (seconds < 120) return `${seconds}s`;
    if (days > 6) return `${days}d`;
    if (days > 0) return hours ? `${days}d ${hours}h` : `${days}d`;
    if (hours > 0) return minutes ? `${hours}h ${minutes}m` : `${hours}h`;
    return `${minutes}m`;
  };

  const distance = (seconds) => {
    if (seconds <= 0 && seconds > -2) return "now";
    return seconds < 0 ? `${length(-seconds)} ago` : `in ${length(seconds)}`;
  };

  const tellTimes = () => {
    const now = Date.now();
    for (const time of document.querySelectorAll("time[data-far]")) {
      const at = Date.parse(time.dateTime);
      const text = distance(Math.round((at - now) / 1000));
      if (time.textContent !== text) time.textContent = text;
      if (!time.dataset.local) {
        time.dataset.local = "yes";
        time.title = `${time.title}\n${new Date(at).toLocaleString()} here`;
      }
    }
  };

  // --- Fresh pages ---------------------------------------------------------

  // Nothing is swapped under the hands of somebody who types, marks or confirms.
  const busy = () => {
    const field = document.activeElement;
    const types = field && field.matches("input, select, textarea") && field.closest("#live");
    const marks = String(document.getSelection()).length > 0;
    return types || marks || document.querySelector("dialog[open], #live input:checked");
  };

  const tick = () => {
    const live = document.getElementById("live");
    if (document.hidden || !live || !live.hasAttribute("hx-get") || busy()) return;
    window.htmx.trigger(document.body, "tick");
  };

  const fromTick = (event) => event.detail.elt && event.detail.elt.id === "live";

  document.addEventListener("htmx:configRequest", (event) => {
    const tag = fromTick(event) && tags.get(event.detail.path);
    if (tag) event.detail.headers["If-None-Match"] = tag;
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!fromTick(event) || !event.detail.xhr) return;
    const { status } = event.detail.xhr;
    const tag = event.detail.xhr.getResponseHeader("ETag");
    if (status === 200 && tag) tags.set(event.detail.pathInfo.requestPath, tag);
    document.documentElement.toggleAttribute("data-away", status === 0);
  });

  // A list of open details survives a swap.
  let open = new Set();
  document.addEventListener("htmx:beforeSwap", () => {
    const all = document.querySelectorAll("details[id]");
    open = new Map([...all].map((details) => [details.id, details.open]));
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const details of document.querySelectorAll("details[id]")) {
      if (open.has(details.id)) details.open = open.get(details.id);
    }
    dress();
  });

  // --- Commands to copy ----------------------------------------------------

  const dress = () => {
    tellTimes();
    for (const code of document.querySelectorAll(".next code:not([data-copy])")) {
      code.dataset.copy = "yes";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      });
      code.after(" ", button);
    }
  };

  // --- One stream for all tabs of a browser --------------------------------

  // The tab that holds the lock follows, and tells the others; a hidden tab lets go of it.
  const news = "BroadcastChannel" in window ? new BroadcastChannel("zoomd-news") : null;
  const wants = () => document.querySelector("#live[data-stream]") !== null;
  let due = 0;
  let release = null;

  const soon = () => {
    if (due || !wants()) return;
    due = setTimeout(() => { due = 0; tick(); }, 1000);
  };

  const follow = () => {
    if (!navigator.locks || release || document.hidden || !wants()) return;
    const left = new AbortController();
    release = () => left.abort();
    const hold = () => new Promise((done) => {
      const source = new EventSource("/api/v1/stream");
      const told = () => { soon(); news?.postMessage("news"); };
      for (const name of ["result", "failure", "event", "skipped"]) source.addEventListener(name, told);
      release = () => { source.close(); done(); };
    });
    navigator.locks.request("zoomd-stream", { signal: left.signal }, hold).catch(() => {});
  };

  const letGo = () => { release?.(); release = null; };
  if (news) news.onmessage = soon;
  document.addEventListener("visibilitychange", () => (document.hidden ? letGo() : follow()));
  addEventListener("pagehide", letGo);

  // "/" goes to the search box, as elsewhere.
  document.addEventListener("keydown", (event) => {
    const types = event.target.matches("input, select, textarea");
    if (event.key !== "/" || types || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    document.getElementById("q")?.focus();
  });

  dress();
  follow();
  setInterval(tick, TICK_MS);
  setInterval(() => document.hidden || tellTimes(), 1000);
  document.addEventListener("visibilitychange", () => document.hidden || (tellTimes(), tick()));
})();
