// Asks for those parts of the page again that the server says have changed. A part names its topics in data-live and has
// an hx-trigger with "live" in it. A page that nobody looks at listens to nothing: browsers allow six connections to a host.
(() => {
  const away = document.getElementById("away");
  let since = document.body.dataset.since;
  let stream = null;

  const ask = (topics) => {
    for (const part of document.querySelectorAll("[data-live]")) {
      if (part.dataset.live.split(" ").some((topic) => topics.includes(topic))) part.dispatchEvent(new Event("live"));
    }
  };
  const open = () => {
    if (stream || document.hidden || !document.querySelector("[data-live]")) return;
    stream = new EventSource(`/live?since=${since}`);
    stream.onmessage = (event) => {
      since = event.lastEventId;
      ask(event.data.split(" "));
    };
    stream.addEventListener("over", () => location.reload());
    // a browser comes back by itself only where the answer was a stream
    stream.addEventListener("error", () => {
      if (stream?.readyState !== EventSource.CLOSED) return;
      close();
      setTimeout(open, 5000);
    });
  };
  const close = () => {
    stream?.close();
    stream = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);

  let answered = Date.now();
  document.addEventListener("htmx:after:request", (event) => {
    if (event.detail.ctx.response.status >= 500) return tell();
    answered = Date.now();
    away.hidden = true;
  });
  document.addEventListener("htmx:error", () => tell()); // nobody answers at all
  const tell = () => {
    const at = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }).format(new Date(answered));
    away.textContent = `Earshot does not answer. This is how the page was at ${at}; it will go on by itself.`;
    away.setAttribute("role", "alert");
    away.hidden = false;
  };
})();
