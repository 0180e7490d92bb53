(() => {
"use strict";

// Charts and what moves them. All text of the capture is in the HTML already; the data below are numbers.

const root = document.documentElement;
root.classList.add("js");
const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();

// --- numbers ---------------------------------------------------------------------------------------------------------

const pad = (number, digits) => String(Math.floor(number)).padStart(digits, "0");

// Differences to values.
const summed = (differences, unit) => {
  let sum = 0;
  return differences.map((difference) => (sum += difference) / unit);
};
const ms = (values) => values.map((value) => (value == null ? null : value / 1000));
const some = (values) => values.map((value) => value || null);

const trimmed = (value, digits) => String(+value.toFixed(digits));
const bits = (value) =>
  value >= 1e9 ? trimmed(value / 1e9, 2) + " Gbit/s" : value >= 1e6 ? trimmed(value / 1e6, 2) + " Mbit/s"
    : value >= 1e3 ? trimmed(value / 1e3, 1) + " kbit/s" : value + " bit/s";
const bytes = (value) => (value >= 1e6 ? trimmed(value / 1e6, 2) + " MB" : value >= 1e4 ? trimmed(value / 1e3, 1) + " kB" : value + " B");

// A moment on the axis: seconds, and with more than two minutes minutes as well.
const clock = (seconds, range, digits) => {
  const sign = seconds < 0 ? "-" : "";
  const at = Math.abs(seconds);
  if (range < 120) return sign + trimmed(at, digits);
  const text = pad((at / 60) % 60, at < 3600 ? 1 : 2) + ":" + pad(at % 60, 2) + (at % 1 > 1e-6 && range < 600 ? "." + pad((at % 1) * 10 + 1e-6, 1) : "");
  return sign + (at < 3600 ? text : Math.floor(at / 3600) + ":" + text);
};

// --- the sections and the time that their charts show ------------------------------------------------------------------

const groups = new Map();
const SHORTEST = 0.001;

class Group {
  constructor(element) {
    this.number = element.id.slice(1);
    const data = JSON.parse(document.getElementById(element.id + "-data").textContent);
    this.element = element;
    this.start = data.start;
    this.end = Math.max(data.end, SHORTEST);
    this.streams = new Map(data.streams.map((stream) => [stream.number, stream]));
    this.whole = [-this.end * 0.005, this.end * 1.005];
    this.range = this.whole;
    this.charts = new Map();
    this.tools = element.querySelector(".tools");
    this.tools.hidden = this.streams.size === 0;
    this.tell();
  }

  zoom(from, to) {
    const [first, last] = this.whole;
    const width = Math.min(Math.max(to - from, SHORTEST), last - first);
    const start = Math.min(Math.max(from, first), last - width);
    this.range = width < last - first ? [start, start + width] : this.whole;
    for (const chart of this.charts.values()) chart.setScale("x", { min: this.range[0], max: this.range[1] });
    this.tell();
  }

  move(what) {
    const [from, to] = this.range;
    const width = to - from;
    if (what === "reset") this.zoom(...this.whole);
    if (what === "in") this.zoom(from + width / 4, to - width / 4);
    if (what === "out") this.zoom(from - width / 2, to + width / 2);
    if (what === "left") this.zoom(from - width / 2, to - width / 2);
    if (what === "right") this.zoom(from + width / 2, to + width / 2);
  }

  // Shows a moment in all charts, and those of the stream that it is about.
  show(at, of) {
    const width = Math.min(this.end, Math.max(2, this.end / 50));
    this.zoom(at - width / 2, at + width / 2);
    const charts = this.element.querySelector(`.charts[data-of="${of}"]`) || this.element.querySelector(".charts");
    charts?.closest(".stream").scrollIntoView({ block: "start" });
    requestAnimationFrame(() => {
      for (const chart of this.charts.values()) chart.setCursor({ left: chart.valToPos(at, "x"), top: 10 }, false);
    });
  }

  tell() {
    const [from, to] = this.range;
    const text = (at) => clock(Math.min(Math.max(at, 0), this.end), this.end, 3);
    this.tools.querySelector(".range").textContent =
      (this.range === this.whole ? "all of " : "") + text(from) + " to " + text(to) + (this.end < 120 ? " s" : "");
  }

  utc(seconds) {
    const time = new Date(this.start + seconds * 1000);
    return Number.isNaN(time.getTime()) ? "" : " · " + time.toISOString().slice(11, 23) + " UTC";
  }
}

// --- charts ------------------------------------------------------------------------------------------------------------

const HEIGHT = 180;
const STEPS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120,
  300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800, 2592000, 31536000];
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000];
const fromZero = (_, __, high) => [0, high > 0 ? high * 1.08 : 1];
const around = (_, low, high) => {
  if (low == null) return [-1, 1];
  const room = (high - low) * 0.08 || Math.max(Math.abs(high) * 0.1, 0.001);
  return [low - room, high + room];
};

// Points of a stream with a measure. Where nothing came for long the line breaks: it would tell of what was not. What is
// `held` is true of all of the time before its point.
const decoded = (points, name, held) => {
  const t = summed(points.t, 1e6);
  const steps = t.map((at, index) => (index > 0 ? at - t[index - 1] : 0));
  const usual = [...steps].sort((one, other) => one - other)[Math.floor(steps.length / 2)];
  const long = Math.max(0.5, usual * 5);
  const cut = (values, between) =>
    steps.some((step) => step > long) ? values.flatMap((value, index) => (steps[index] > long ? [...between(index), value] : [value])) : values;
  const [hi, lo, n] = [ms(points[name].hi), points[name].lo && ms(points[name].lo), summed(points.n, 1)];
  // From one end of the pause to the other it is one value, the longest, whatever came at once behind it.
  const measured = (values, longest) => cut(values, (index) => (held ? [longest[index], longest[index]] : [null]));
  return {
    t: cut(t, (index) => (held ? [t[index - 1] + 1e-6, t[index] - 1e-6] : [t[index] - 1e-6])),
    n: measured(n, n),
    measure: { hi: measured(hi, hi), lo: lo && measured(lo, hi) },
  };
};

// The range of a measure in each bucket: a line where it is one value, a band where there are several.
const ranged = (label, { hi, lo }, numbers) => {
  const text = (_, value, __, index) => {
    if (value == null) return "–";
    const low = lo?.[index];
    const frame = numbers?.[index];
    return (low != null && low !== value ? trimmed(low, 3) + " to " : "") + trimmed(value, 3) + " ms" + (frame ? " · frame " + frame : "");
  };
  const line = { label, stroke: colour("--chart-1"), width: 1.25, value: text, points: { show: false } };
  if (!lo) return { values: [hi], series: [{ ...line, points: { show: undefined } }] };
  const low = { label: "lowest", stroke: colour("--chart-1"), width: 0.75, points: { show: false }, class: "low" };
  return { values: [hi, lo], series: [line, low], bands: [{ series: [1, 2], fill: colour("--chart-1-fill") }] };
};

const bars = (label, name, text) => ({
  label, stroke: colour(name), fill: colour(name), width: 0, points: { show: false },
  paths: uPlot.paths.bars({ size: [0.7, 14, 1], align: 0 }), value: text,
});
const dots = (label, name, text) => ({
  label, stroke: colour(name), width: 0, paths: () => null, value: text,
  points: { show: true, size: 7, fill: colour(name), stroke: colour(name) },
});

const KINDS = [["key", "--chart-2"], ["I", "--chart-4"], ["P", "--chart-1"], ["B", "--chart-3"], ["other", "--chart-5"]];

const MAKERS = {
  delta({ packets }) {
    const { t, n, measure } = decoded(packets, "delta", true);
    const made = ranged("delta", measure, n);
    // A delta is true of the time before its packet: a step up where the packet before came, and down where this one did.
    for (const series of made.series) series.paths = uPlot.paths.stepped({ align: -1 });
    return { t, ...made, y: fromZero };
  },
  jitter({ packets }) {
    const { t, measure } = decoded(packets, "jitter");
    return { t, ...ranged("jitter", measure), y: fromZero };
  },
  skew({ packets }) {
    const { t, measure } = decoded(packets, "skew");
    return { t, ...ranged("skew", measure), y: around };
  },
  // The highest lateness, without the drift, is as much above the earliest frame as is needed of buffer.
  playout({ packets, playout }) {
    const { t, measure } = decoded(packets, "skew");
    const level = measure.hi.map((value, index) => (value == null ? null : value - (playout.drift * (t[index] - t[0])) / 1e3));
    const base = level.reduce((most, value) => (value == null ? most : Math.max(most, value)), -Infinity) - playout.needed;
    const late = level.map((value) => (value == null ? null : Math.max(0, value - base)));
    // A player that stood still is behind by then: it stands still again only for what is later yet.
    let shown = playout.buffer;
    const stalls = late.map((value) => (value != null && value > shown + 0.001 ? (shown = value) : null));
    const text = (_, value) => (value == null ? "–" : trimmed(value, 3) + " ms");
    const line = { label: "late", stroke: colour("--chart-1"), width: 1.25, value: text, points: { show: false } };
    const buffer = { label: "buffer", stroke: colour("--quiet"), dash: [6, 4], width: 1.25, value: text, points: { show: false } };
    return { t, values: [late, t.map(() => playout.buffer), stalls], series: [line, buffer, dots("stall", "--bad", text)], y: fromZero };
  },
  bitrate({ rate }) {
    const series = {
      label: "bitrate", stroke: colour("--chart-1"), fill: colour("--chart-1-fill"), width: 1.25, points: { show: false },
      paths: uPlot.paths.stepped({ align: 1 }), value: (_, value) => (value == null ? "–" : bits(value) + " over " + rate.width + " s"),
    };
    return { t: summed(rate.t, 1e6), values: [rate.bits], series: [series], y: fromZero, unit: bits };
  },
  frames({ frames }) {
    const numbers = summed(frames.n, 1);
    const shown = KINDS.map((kind, index) => [kind, frames.bytes[index]]).filter(([, sizes]) => sizes.length);
    const text = (_, value, __, index) => (value == null ? "–" : bytes(value) + " · frame " + numbers[index]);
    const series = shown.map(([[label, name]]) => bars(shown.length === 1 && label === "other" ? "size" : label, name, text));
    if (frames.bytes[0].length) {
      const few = (chart, place, first, last) => chart.data[place].slice(first, last + 1).filter((size) => size != null).length < 200;
      series[0].points = { show: few, size: 6, fill: colour("--chart-2"), stroke: colour("--chart-2") };
    }
    // The large ones first, for the small ones to stand before them.
    return { t: summed(frames.t, 1e6), values: shown.map(([, sizes]) => sizes), series, y: fromZero, unit: bytes, incomplete: frames.incomplete };
  },
  gaps({ gaps }) {
    const numbers = summed(gaps.n, 1);
    const text = (_, value, __, index) => (value == null ? "–" : value + (numbers[index] ? " · frame " + numbers[index] : ""));
    const all = [[gaps.skipped, bars("skipped", "--bad", text)], [gaps.reordered, dots("reordered", "--chart-4", text)],
      [gaps.duplicates, dots("duplicates", "--chart-3", text)], [gaps.restarts, dots("restarts", "--chart-2", text)]];
    const shown = all.filter(([values]) => values.some((value) => value));
    const values = shown.map(([values]) => some(values));
    return { t: summed(gaps.t, 1e6), values, series: shown.map(([, series]) => series), y: fromZero, whole: true };
  },
  offset({ offsets }) {
    const { t, n, measure } = decoded(offsets, "offset");
    const made = ranged("offset", measure, n);
    made.series[0].points = { show: true, size: 6, fill: colour("--chart-1"), stroke: colour("--chart-1") };
    return { t, ...made, y: around };
  },
};

// Lines where sequence numbers are missing, and ticks below frames that are not complete.
const marks = (chart, times, made) => {
  const { ctx, bbox } = chart;
  const [from, to] = [chart.scales.x.min, chart.scales.x.max];
  const inside = (at) => at >= from && at <= to;
  const scale = devicePixelRatio || 1;
  ctx.save();
  ctx.fillStyle = colour("--gap");
  for (const at of times) if (inside(at)) ctx.fillRect(chart.valToPos(at, "x", true) - scale, bbox.top, 2 * scale, bbox.height);
  ctx.fillStyle = colour("--bad");
  (made.incomplete || []).forEach((count, index) => {
    const at = chart.data[0][index];
    if (count && inside(at)) ctx.fillRect(chart.valToPos(at, "x", true) - scale, bbox.top + bbox.height - 6 * scale, 2 * scale, 6 * scale);
  });
  ctx.restore();
};

const draw = (plot) => {
  const holder = plot.closest(".charts");
  const group = groups.get(holder.dataset.section);
  const stream = group.streams.get(+holder.dataset.stream);
  const made = MAKERS[plot.dataset.chart](stream);
  const gaps = stream.gaps && plot.dataset.chart !== "gaps"
    ? summed(stream.gaps.t, 1e6).filter((_, index) => stream.gaps.skipped[index]) : [];
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { stroke: colour("--grid"), width: 1, size: 4 }, font: "12px system-ui, sans-serif" };
  const options = {
    width: plot.clientWidth, height: HEIGHT,
    padding: [8, 10, 0, 0],
    scales: { x: { time: false, range: () => group.range }, y: { range: made.y } },
    axes: [
      { ...axis, incrs: STEPS, space: 64, size: 28, values: (chart, splits) => splits.map((at) => clock(at, group.end, 4)) },
      { ...axis, size: 72, space: 32, incrs: made.whole && WHOLE, values: made.unit && ((_, splits) => splits.map((value) => made.unit(value))) },
    ],
    series: [
      { label: "at", value: (_, at) => (at == null ? "–" : trimmed(at, 6) + " s" + group.utc(at)) },
      ...made.series,
    ],
    bands: made.bands,
    legend: { markers: { width: 0, fill: (chart, index) => chart.series[index].stroke?.(chart, index) } },
    cursor: {
      y: false,
      points: { size: 6 },
      drag: { x: true, y: false, setScale: false },
      sync: { key: "section" + group.number, scales: ["x", null], setSeries: false, filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
      bind: { dblclick: () => () => group.zoom(...group.whole) },
    },
    hooks: {
      draw: [(chart) => marks(chart, gaps, made)],
      setSelect: [(chart) => {
        const { left, width } = chart.select;
        if (width > 3) group.zoom(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"));
        chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
    },
  };
  group.charts.get(plot)?.destroy();
  group.charts.set(plot, new uPlot(options, [made.t, ...made.values], plot));
};

// A chart is drawn when it comes near.
const drawn = () => [...groups.values()].flatMap((group) => [...group.charts.keys()]);
const near = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    near.unobserve(entry.target);
    draw(entry.target);
    sizes.observe(entry.target);
  }
}, { rootMargin: "400px" });
const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const chart = groups.get(target.closest(".charts").dataset.section).charts.get(target);
    if (chart && target.clientWidth > 0 && chart.width !== target.clientWidth) chart.setSize({ width: target.clientWidth, height: HEIGHT });
  }
});

for (const element of document.querySelectorAll("section.capture")) {
  const group = new Group(element);
  groups.set(group.number, group);
  group.tools.addEventListener("click", (event) => group.move(event.target.dataset.do));
}
for (const plot of document.querySelectorAll(".plot")) near.observe(plot);
addEventListener("beforeprint", () => {
  for (const plot of document.querySelectorAll(".plot")) if (!plot.firstChild) draw(plot);
});

// --- times that lead to the charts -------------------------------------------------------------------------------------

const follow = (target) => {
  const time = target.closest?.(".goto");
  if (!time) return false;
  groups.get(time.closest("section.capture").id.slice(1)).show(+time.dataset.t, time.closest("[data-of]")?.dataset.of);
  return true;
};
for (const time of document.querySelectorAll(".goto")) {
  time.tabIndex = 0;
  time.setAttribute("role", "button");
}
document.addEventListener("click", (event) => follow(event.target));
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && follow(event.target)) event.preventDefault();
});

// --- dark and light ----------------------------------------------------------------------------------------------------

const button = document.querySelector("button.theme");
const system = matchMedia("(prefers-color-scheme: dark)");
const remembered = () => {
  try { return localStorage.getItem("rtsp-rec-theme"); } catch { return null; }
};
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
const themed = () => {
  button.textContent = isDark() ? "Light" : "Dark";
  button.title = "Show the page " + (isDark() ? "light" : "dark");
  drawn().forEach(draw);
};
button.hidden = false;
if (["dark", "light"].includes(remembered())) root.dataset.theme = remembered();
button.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try { localStorage.setItem("rtsp-rec-theme", root.dataset.theme); } catch { /* the page of a file may keep nothing */ }
  themed();
});
system.addEventListener("change", themed);
themed();
performance.mark("ready");
})();
