// The chart: volume against what is usual, a ribbon of how it sounds, a mark on each spike. A click opens that hour's
// posts. The data stands in the page (data-chart) and comes anew with it; what is drawn is kept.
(() => {
  const RIBBON = 18;
  const SOUNDS = ["negative", "neutral", "positive", "unscored"];
  let plot = null;
  let told = null;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const place = () => document.getElementById("chart");
  const columns = () => [told.at, told.n, told.usual];
  const posts = (at) => `${told.to}${new Date(at * 1000).toISOString().slice(0, 13)}Z#posts`;
  const size = () => ({ width: place().clientWidth, height: 240 });

  const ribbon = (u) => {
    const { ctx, bbox } = u;
    const ratio = devicePixelRatio;
    const wide = Math.max(1, bbox.width / told.at.length - ratio);
    const colours = SOUNDS.map((kind) => colour(`--${kind}`));
    told.at.forEach((at, i) => {
      const of = told.sounds[i].reduce((sum, n) => sum + n, 0);
      let bottom = bbox.top + bbox.height;
      if (of) told.sounds[i].forEach((n, kind) => {
        const high = (n / of) * RIBBON * ratio;
        ctx.fillStyle = colours[kind];
        ctx.fillRect(u.valToPos(at, "x", true) - wide / 2, bottom -= high, wide, high);
      });
    });
    for (const at of told.spikes) {
      const i = told.at.indexOf(at);
      ctx.beginPath();
      ctx.arc(u.valToPos(at, "x", true), u.valToPos(told.n[i], "y", true), 5 * ratio, 0, 7);
      ctx.fillStyle = colour("--late");
      ctx.fill();
    }
    if (told.chosen !== null) {
      ctx.fillStyle = colour("--ink");
      ctx.fillRect(u.valToPos(told.chosen, "x", true) - ratio / 2, bbox.top, ratio, bbox.height);
    }
  };

  const point = (u) => {
    const line = document.getElementById("point");
    const i = u.cursor.idx;
    line.dataset.words ??= line.textContent;
    if (i === null || i === undefined) return void (line.textContent = line.dataset.words);
    const options = told.step > 3600 ? { dateStyle: "medium", timeZone: "UTC" } : { dateStyle: "medium", timeStyle: "short" };
    const at = new Intl.DateTimeFormat(undefined, options).format(new Date(told.at[i] * 1000));
    const parts = [`${at}: ${told.n[i]} posts`];
    if (told.usual[i] !== null) parts.push(`${told.usual[i]} usual`);
    parts.push(...SOUNDS.map((kind, k) => [told.sounds[i][k], kind]).filter(([n]) => n).map(([n, kind]) => `${n} ${kind}`));
    if (told.mean[i] !== null) parts.push(`mean ${told.mean[i].toFixed(2).replace("-", "−")}`);
    line.textContent = parts.join(", ");
  };

  const draw = () => {
    if (!place() || typeof uPlot === "undefined") return;
    told = JSON.parse(place().dataset.chart);
    if (plot) return plot.setData(columns());
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { stroke: colour("--grid"), width: 1 } };
    const options = {
      ...size(),
      legend: { show: false },
      padding: [12, 24, 0, 0],
      tzDate: told.step > 3600 ? (at) => uPlot.tzDate(new Date(at * 1000), "UTC") : undefined,
      scales: { x: { time: true }, y: { range: (u, low, high) => [-Math.max(high, 4) * 0.13, Math.max(high, 4) * 1.08] } },
      axes: [axis, { ...axis, size: 48, splits: (u, i, low, high) => steps(high) }],
      series: [
        {},
        { stroke: colour("--volume"), fill: colour("--volume-ground"), width: 2, points: { show: told.at.length < 40, size: 5 } },
        { stroke: colour("--usual"), width: 1.5, dash: [5, 4], points: { show: false } },
      ],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
      hooks: { draw: [ribbon], setCursor: [point] },
    };
    plot = new uPlot(options, columns(), place());
    plot.over.addEventListener("click", () => {
      const i = plot.cursor.idx;
      if (i !== null && i !== undefined) location.href = posts(told.at[i]);
    });
  };

  // whole numbers, five of them at most
  const steps = (high) => {
    const rough = high / 5;
    const ten = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
    const by = Math.max(1, [1, 2, 5, 10].map((n) => n * ten).find((n) => n >= rough));
    return Array.from({ length: Math.floor(high / by) + 1 }, (_, i) => i * by);
  };

  let open = false;
  document.addEventListener("htmx:before:swap", () => (open = document.getElementById("steps")?.open));
  document.addEventListener("htmx:after:swap", () => {
    const table = document.getElementById("steps");
    if (table) table.open = open;
    draw();
  });
  addEventListener("resize", () => plot?.setSize(size()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    plot?.destroy();
    plot = null;
    draw();
  });
  draw();
})();
