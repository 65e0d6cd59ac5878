// Times in the reader's zone: where the server says how long ago, the title says when exactly; where it says when, in UTC,
// the words themselves are changed. Also: a key for what a page offers (data-key), unless somebody is typing.
(() => {
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const tell = () => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      time.title = exact.format(at);
      if (time.classList.contains("exact")) time.textContent = short.format(at);
    }
  };
  document.addEventListener("htmx:after:swap", tell);
  tell();

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    const offered = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === event.key);
    if (!offered) return;
    event.preventDefault();
    if (offered.matches("input, textarea, select")) offered.focus();
    else offered.click();
  });
})();
