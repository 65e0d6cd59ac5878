// Times in the reader's zone: the server says how long ago, the title says when exactly.
(() => {
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const tell = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) time.title = exact.format(new Date(time.dateTime));
  };
  document.addEventListener("htmx:after:swap", () => tell(document));
  tell(document);
})();
