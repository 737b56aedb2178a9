"use strict";
// Whatever comes from the series is put in as text, never as HTML.
const byId = (id) => document.getElementById(id);
const EVERY_MS = 1000, MOST_POINTS = 1500, MOST_ROWS = 160;
const view = { revision: 0, about: null, series: {}, fractions: {}, map: [], alarms: [], skew: 0, state: null };

function say(id, text) { const place = byId(id); if (place.textContent !== text) place.textContent = text; }

function made(tag, parent, text, name) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  parent.append(element);
  return element;
}

function span(seconds) {
  if (seconds < 90) return `${Math.max(0, seconds).toFixed(0)} s`;
  return seconds < 5400 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function short(value) { return value >= 10 ? value.toFixed(0) : value.toFixed(1); }

function clock(when) { return new Date(1000 * when).toTimeString().slice(0, 8); }

async function ask() {
  let wait = EVERY_MS;
  try {
    const answer = await fetch(`state?since=${view.revision}`, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    take(await answer.json());
  } catch (error) {
    mark("no connection: the watch has ended, or begun again under another address", "lost");
    wait = 3 * EVERY_MS;
  }
  setTimeout(ask, wait);
}

function take(state) {
  const changed = state.revision !== view.revision;
  view.revision = state.revision;
  view.skew = state.now - Date.now() / 1000;
  view.state = state;
  view.fractions = state.fractions;
  if (state.whole) {
    view.about = state.about;
    Object.assign(view, { series: state.series, map: state.map, alarms: state.alarms });
    begin();
  } else {
    for (const [name, points] of Object.entries(state.series)) view.series[name].push(...points);
    view.map.push(...state.map);
    view.alarms.push(...state.alarms);
    // A whole state comes with few points again.
    if (Object.values(view.series).some((points) => points.length > MOST_POINTS)) view.revision = 0;
  }
  view.map.splice(0, view.map.length - MOST_ROWS);
  stand();
  if (changed) { alarms(); draw(); }
  document.body.dataset.scans = state.scans;
}

function mark(text, name) { say("mark", text); byId("mark").className = `mark ${name}`; }

function stand() {
  const state = view.state, last = state.last;
  if (state.phase === "done") mark("final pass done: the results directory has the last word", "done");
  else if (state.phase === "final") mark("provisional · final pass at work", "");
  else mark("provisional", "");
  say("last", last ? last.source : "none yet");
  say("scans", String(state.scans));
  say("backlog", state.waiting ? `${state.backlog} (${state.waiting} being written)` : String(state.backlog));
  byId("backlog").parentElement.className = state.backlog >= 5 ? "bad" : "";
  say("rate", state.rate === null ? "–" : state.rate >= 0.1 ? `${short(state.rate)} /s` : `${short(3600 * state.rate)} /h`);
  const outcome = last && last.outcome !== "converged" ? ` · ${last.outcome.replace("_", " ")}` : "";
  say("quality", last ? (last.r_wp === null ? "–" : `${(100 * last.r_wp).toFixed(2)} %`) + outcome : "–");
  age();
}

function age() {
  const state = view.state;
  if (state) say("age", state.last ? `${span(Date.now() / 1000 + view.skew - state.last.when)} ago` : "–");
}

function begin() {
  const { title, phases } = view.about;
  say("title", title);
  document.title = `${title} · xrdfit watch`;
  byId("legend").replaceChildren();
  for (const phase of phases) {
    const entry = made("li", byId("legend"));
    made("span", entry, "", "swatch").style.backgroundColor = phase.color;
    made("span", entry, phase.name);
  }
  byId("panels").replaceChildren();
  const cell = [...new Set(phases.flatMap((phase) => phase.cell))];
  const unit = (name) => (["alpha", "beta", "gamma"].includes(name) ? "deg" : "Å");
  const panels = cell.flatMap((name) => phases.filter((phase) => phase.cell.includes(name)).map((phase) => panel(`${phase.name} ${name}`, unit(name), [[`${phase.name}_${name}`, phase.color]])));
  panels.push(...phases.map((phase) => panel(`${phase.name} V`, "Å³", [[`${phase.name}_volume`, phase.color]])));
  panels.push({ ...panel("Fraction", "", phases.map((phase) => [phase.name, phase.color])), fraction: true });
  panels.push(panel("R_wp", "%", [["r_wp", "#1a1a1a"]], 100));
  view.panels = panels;
}

function panel(title, unit, curves, factor = 1) {
  const box = made("div", byId("panels"), undefined, "box");
  const head = made("h3", box, title);
  const canvas = made("canvas", box);
  canvas.setAttribute("role", "img");
  return { title, unit, curves, factor, head, canvas };
}

function alarms() {
  byId("quiet").hidden = view.alarms.length > 0;
  const troubled = Object.entries(view.state.troubled).map(([source, found]) => ({ code: "W424", what: "a file that cannot be read", source, found }));
  const list = byId("alarms");
  list.replaceChildren();
  for (const alarm of [...troubled, ...view.alarms.slice(-100).reverse()]) {
    const entry = made("li", list, undefined, alarm.todo === "nothing" ? "over" : "");
    made("span", entry, alarm.code, "code");
    const when = alarm.when ? `${clock(alarm.when)} · ` : "";
    made("span", entry, `${when}${alarm.what} · ${alarm.source} · ${alarm.found}`);
  }
  byId("quiet").hidden = list.children.length > 0;
}

// A canvas in the pixels of this screen, cleared, and its size in CSS pixels.
function sheet(canvas) {
  const width = canvas.clientWidth, height = canvas.clientHeight, ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "12px system-ui, 'DejaVu Sans', sans-serif";
  pen.fillStyle = "#555";
  pen.strokeStyle = "#c9c9c9";
  return { pen, width, height };
}

function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k += 1) found.push(k * step);
  return { found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

function draw() {
  drawMap();
  for (const each of view.panels) drawPanel(each);
}

// From white over blue to near black: lightness alone tells, whatever colours a reader sees.
function shade(part) {
  const stops = [[255, 255, 255], [158, 202, 225], [49, 130, 189], [8, 48, 107], [4, 16, 40]];
  const place = Math.min(Math.max(part, 0), 1) * (stops.length - 1), low = Math.min(Math.floor(place), stops.length - 2);
  return stops[low].map((value, i) => Math.round(value + (place - low) * (stops[low + 1][i] - value)));
}

function drawMap() {
  const { pen, width, height } = sheet(byId("map"));
  const rows = view.map, bottom = height - 34, left = 8;
  if (!rows.length) return;
  const values = rows.flatMap((row) => row[1]).filter((value) => value !== null).sort((a, b) => a - b);
  const low = values[Math.floor(0.02 * values.length)], high = values[Math.floor(0.998 * values.length)];
  const columns = rows[0][1].length, image = new ImageData(columns, rows.length);
  rows.forEach((row, y) => row[1].forEach((value, x) => {
    const color = value === null ? [244, 245, 247] : shade((value - low) / (high - low || 1));
    image.data.set([...color, 255], 4 * (y * columns + x));
  }));
  const small = document.createElement("canvas");
  small.width = columns;
  small.height = rows.length;
  small.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = false;
  const tall = Math.min(bottom - 4, 12 * rows.length);
  pen.drawImage(small, left, bottom - tall, width - 2 * left, tall);
  pen.strokeRect(left, bottom - tall, width - 2 * left, tall);
  const [first, last] = view.about.span;
  const { found, digits } = ticks(first, last, Math.max(3, width / 110));
  pen.textAlign = "center";
  for (const angle of found) pen.fillText(angle.toFixed(digits), left + (angle - first) / (last - first) * (width - 2 * left), bottom + 14);
  pen.fillText("2θ (deg)", width / 2, bottom + 29);
  say("map-title", rows.length > 1 ? `Last ${rows.length} scans, ${rows[0][0]} to ${rows[rows.length - 1][0]} (bottom)` : rows[0][0]);
}

function drawPanel(each) {
  const { pen, width, height } = sheet(each.canvas);
  let share = false;
  const curves = each.curves.map(([name, color]) => {
    if (!each.fraction) return [view.series[name] || [], color];
    if (view.fractions[name]) return [view.fractions[name], color];
    share = true;
    return [view.series[`${name}_apparent_share`] || [], color];
  });
  if (each.fraction) each.head.textContent = share ? "Share of the lines' intensity" : "Mole fraction";
  const left = 58, right = width - 10, top = 8, bottom = height - 32, factor = each.factor;
  const all = curves.flatMap(([points]) => points);
  const newest = curves.map(([points]) => points[points.length - 1]).filter(Boolean).map(([, y, e]) => inWords(factor * y, e === null ? null : factor * e)).join(" · ");
  each.head.textContent = (each.fraction ? each.head.textContent : each.title) + (newest ? `: ${newest} ${each.unit}` : "");
  each.canvas.setAttribute("aria-label", each.head.textContent);
  if (!all.length) { pen.fillText("nothing yet", left, height / 2); return; }
  const span = limits(all, each.fraction ? [0, 1] : null, factor);
  const x1 = Math.max(view.state.scans - 1, 1), toX = (x) => left + (x / x1) * (right - left);
  const toY = (y) => bottom - ((y - span[0]) / (span[1] - span[0])) * (bottom - top);
  pen.lineWidth = 1;
  pen.strokeRect(left, top, right - left, bottom - top);
  const side = ticks(span[0], span[1], 6), below = ticks(0, x1, Math.max(2, width / 70));
  pen.textAlign = "right";
  for (const y of side.found) { pen.fillText(y.toFixed(side.digits), left - 5, toY(y) + 4); line(pen, left, toY(y), left + 4, toY(y)); }
  pen.textAlign = "center";
  for (const x of below.found.filter(Number.isInteger)) { pen.fillText(String(x), toX(x), bottom + 15); line(pen, toX(x), bottom, toX(x), bottom - 4); }
  pen.fillText("scan", (left + right) / 2, bottom + 28);
  pen.save();
  pen.beginPath();
  pen.rect(left, top, right - left, bottom - top);
  pen.clip();
  for (const [points, color] of curves) {
    pen.strokeStyle = pen.fillStyle = color;
    pen.globalAlpha = 0.35;
    for (const [x, y, e] of points) if (e !== null) line(pen, toX(x), toY(factor * (y - e)), toX(x), toY(factor * (y + e)));
    pen.globalAlpha = 1;
    const radius = points.length > 200 ? 1.4 : 2.2;
    for (const [x, y] of points) { pen.beginPath(); pen.arc(toX(x), toY(factor * y), radius, 0, 7); pen.fill(); }
    // What lies beyond stands at the edge, hollow.
    for (const [x, y] of points) {
      const edge = factor * y > span[1] ? top + 5 : factor * y < span[0] ? bottom - 5 : null;
      if (edge !== null) { pen.beginPath(); pen.arc(toX(x), edge, 3.5, 0, 7); pen.stroke(); }
    }
  }
  pen.restore();
}

function line(pen, x0, y0, x1, y1) { pen.beginPath(); pen.moveTo(x0, y0); pen.lineTo(x1, y1); pen.stroke(); }

// Where most points are: one scan far off must not press all others into a line.
function limits(points, least, factor) {
  const values = points.map(([, y]) => factor * y).sort((a, b) => a - b), n = values.length;
  let low = values[Math.floor(0.02 * (n - 1))], high = values[Math.floor(0.98 * (n - 1))];
  const errors = points.map(([, , e]) => e).filter((e) => e !== null).sort((a, b) => a - b);
  const around = Math.max(0.12 * (high - low), errors.length ? 1.5 * factor * errors[errors.length >> 1] : 0, 1e-6 * Math.abs(high), 1e-12);
  low -= around;
  high += around;
  return least ? [Math.min(low, least[0] - 0.03), Math.max(high, least[1] + 0.03)] : [low, high];
}

// 10.3290(7): one standard deviation in units of the last digit.
function inWords(value, esd) {
  if (esd === null || !(esd > 0)) return String(Number(value.toPrecision(5)));
  let digits = Math.max(0, -Math.floor(Math.log10(esd)));
  if (Number((esd * 10 ** digits).toFixed(0)) < 2) digits += 1;
  return `${value.toFixed(digits)}(${(esd * 10 ** digits).toFixed(0)})`;
}

setInterval(age, 1000);
window.addEventListener("resize", () => { if (view.about) draw(); });
ask();
