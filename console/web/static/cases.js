// Going through a list or a thread by keys: j and k move, x ticks the row, Enter opens what has the focus. How many are ticked
// is said beside what can be done with them. What somebody has begun to write stays, whatever else they send meanwhile.
(() => {
  const steps = () => [...document.querySelectorAll("main [data-step]")];
  const row = (one) => one?.closest("tr, article");

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const on = event.target;
    if (on.closest("textarea, select") || (on.matches("input") && on.type !== "checkbox")) {
      if (event.key === "Escape") on.blur();
      return;
    }
    const all = steps();
    const at = all.findIndex((one) => row(one) === row(on) && row(on));
    if (event.key === "j" || event.key === "k") {
      const next = at < 0 ? all[0] : all[Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), all.length - 1)];
      if (!next) return;
      event.preventDefault();
      next.focus();
      row(next)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "x" && at >= 0) {
      row(all[at]).querySelector("input[type=checkbox]")?.click();
    }
  });
  document.addEventListener("focusin", (event) => {
    for (const one of document.querySelectorAll("tr.at")) one.classList.remove("at");
    event.target.closest(".cases tbody tr")?.classList.add("at");
  });
  const count = () => {
    const ticked = document.querySelectorAll(".cases input:checked").length;
    const told = document.getElementById("ticked");
    if (told) told.textContent = ticked ? String(ticked) : "";
  };
  document.addEventListener("change", count);
  const drafts = document.querySelectorAll("[data-draft]");
  const about = location.pathname.split("/")[2]; // a form that was refused stands under an address of its own
  const place = (one) => `draft ${about} ${one.id}`;
  const sent = sessionStorage.getItem("sent");
  sessionStorage.removeItem("sent");
  for (const one of drafts) {
    if (sent === place(one) && document.querySelector(".done")) sessionStorage.removeItem(sent);
    if (!one.value) one.value = sessionStorage.getItem(place(one)) ?? "";
    one.addEventListener("input", () => sessionStorage.setItem(place(one), one.value));
    one.form.addEventListener("submit", () => sessionStorage.setItem("sent", place(one)));
  }
  addEventListener("pageshow", count); // a browser that goes back keeps what was ticked
})();
