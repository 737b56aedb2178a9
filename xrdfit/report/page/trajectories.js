// Cells, fractions, quality and voltage of all scans, each in a figure of its own, the chosen scan marked.
const panels = [];

function phaseTraces(panel, strip, axis, place) {
  const flagged = COLUMNS.get("outcome").map((outcome) => outcome === "flagged");
  const yaxis = place ? `y${place + 1}` : "y";
  const traces = [];
  for (const name of strip.phases) {
    const phase = PHASES.get(name), column = `${name}_${panel.name}`, index = [...PHASES.keys()].indexOf(name);
    const absent = SCANS.map((_, row) => panel.name === "fraction" && isAbsent(name, row));
    const values = numbers(column).map((value, row) => (absent[row] ? NaN : value));
    const esd = numbers(`${column}_esd`) || values.map(() => NaN);
    const held = new Set(panel.name === "fraction" ? [] : phase.held);
    const say = (row) => `<b>${plain(name)}</b> ${plain(panel.label)} ${plain(shown(column, row))}<br>scan ${SCANS[row]} ${directionWord(row)}` +
      `${held.has(row) ? ", held" : ""}${flagged[row] ? ", flagged" : ""}${absent[row] ? ", absent: upper limit" : ""}`;
    const common = { type: "scatter", yaxis, x: axis.values, customdata: SCANS.map((_, row) => row), text: SCANS.map((_, row) => say(row)), hovertemplate: "%{text}<extra></extra>" };
    traces.push({
      ...common, name, mode: "lines+markers", y: values, line: { color: phase.color, width: 0.7 },
      marker: { color: phase.color, size: SCANS.length > CROWD ? 4 : 7, symbol: SCANS.map((_, row) => symbolOf(row, index) + (held.has(row) ? "-open" : "")) },
      error_y: { type: "data", array: esd.map((value) => (Number.isFinite(value) ? value : 0)), thickness: 1, width: 0, color: phase.color },
    });
    if (absent.some(Boolean)) {
      const limits = numbers(`${column}_upper95`).map((value, row) => (absent[row] ? value : NaN));
      traces.push({
        ...common, name: `${name} limit`, mode: "markers", y: limits, marker: { color: phase.color, size: 8, symbol: "line-ew-open", line: { width: 1.5 } },
        error_y: { type: "data", symmetric: false, array: limits.map(() => 0), arrayminus: limits.map((value) => value || 0), thickness: 1, width: 0, color: phase.color },
      });
    }
    if (flagged.some((is, row) => is && Number.isFinite(values[row]))) {
      traces.push({ ...common, name: `${name} flagged`, mode: "markers", hoverinfo: "skip", hovertemplate: undefined, y: values.map((value, row) => (flagged[row] ? value : NaN)), marker: { color: "#000", size: 8, symbol: "x-thin-open", line: { width: 1.2 } } });
    }
  }
  return traces;
}

// Dashed lines at the reference values; one beyond the axis is named at its edge.
function references(panel, strip, yref) {
  const shapes = [], notes = [];
  for (const name of strip.phases) {
    const phase = PHASES.get(name), value = phase.reference[panel.name];
    if (value === undefined) continue;
    if (value >= strip.low && value <= strip.high) {
      shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, yref, y0: value, y1: value, line: { color: phase.color, width: 1, dash: "dash" }, layer: "below" });
    } else {
      const above = value > strip.high;
      notes.push({ xref: "paper", x: 0, xanchor: "left", yref: `${yref} domain`, y: above ? 1 : 0, yanchor: above ? "top" : "bottom", showarrow: false, text: `${plain(name)} ref. ${value} ${above ? "↑" : "↓"}`, font: { size: 11, color: phase.color } });
    }
  }
  return { shapes, notes };
}

// Stretches of discharge, where the scans follow each other along the axis.
function dischargeBands(axis) {
  if (!["time", "scan"].includes(axis.name) || !COLUMNS.has("direction")) return [];
  const bands = [];
  const middle = (a, b) => (axis.values[a] + axis.values[b]) / 2;
  SCANS.forEach((_, row) => {
    if (directionWord(row) !== "discharge") return;
    const x0 = row ? middle(row - 1, row) : axis.values[row];
    const x1 = row + 1 < SCANS.length ? middle(row, row + 1) : axis.values[row];
    const last = bands[bands.length - 1];
    if (last && last.x1 === x0) last.x1 = x1;
    else bands.push({ type: "rect", xref: "x", yref: "paper", x0, x1, y0: 0, y1: 1, fillcolor: "rgba(60,60,90,0.08)", line: { width: 0 }, layer: "below" });
  });
  return bands;
}

function qualityPanel(axis) {
  const line = (name, label, mode, dash) => ({
    type: "scatter", mode, x: axis.values, y: numbers(name).map((value) => 100 * value), customdata: SCANS.map((_, row) => row), marker: { size: 4, color: "#333" },
    line: { color: "#333", width: 1, dash }, text: SCANS.map((scan, row) => `${label} ${shown(name, row)} %<br>scan ${scan}`), hovertemplate: "%{text}<extra></extra>",
  });
  return [line("r_exp", "R<sub>exp</sub>", "lines", "dot"), line("r_wp", "R<sub>wp</sub>", "lines+markers", "solid")];
}

function voltagePanel(axis) {
  return [{
    type: "scatter", mode: "lines+markers", x: axis.values, y: numbers("voltage_V"), customdata: SCANS.map((_, row) => row), line: { color: "#444", width: 1 },
    marker: { size: SCANS.length > CROWD ? 4 : 6, color: "#444", symbol: SCANS.map((_, row) => symbolOf(row, 0)) },
    text: SCANS.map((scan, row) => `${shown("voltage_V", row)} V<br>scan ${scan} ${directionWord(row)}`), hovertemplate: "%{text}<extra></extra>",
  }];
}

function panelBox(id, label, height) {
  const box = document.createElement("div"), head = document.createElement("h4"), plot = document.createElement("div");
  box.className = "box";
  head.textContent = label;
  plot.id = id;
  plot.className = "plot";
  plot.setAttribute("role", "group");
  plot.setAttribute("aria-label", `${label} of all scans; the numbers are in the table`);
  plot.style.height = `${height}px`;
  box.append(head, plot);
  document.getElementById("panels").append(box);
  return plot;
}

function drawPanel({ plot, panel, traces }, bands) {
  const axis = state.axis, strips = panel.strips;
  const shapes = [...bands], annotations = [], layout = {};
  strips.forEach((strip, place) => {
    const key = place ? `yaxis${place + 1}` : "yaxis", yref = place ? `y${place + 1}` : "y";
    const top = 1 - place / strips.length, bottom = 1 - (place + 1) / strips.length;
    const range = strip.low === undefined ? {} : { range: [strip.low, strip.high] };
    layout[key] = { ...AXIS, domain: [bottom ? bottom + 0.02 : 0, top < 1 ? top - 0.02 : 1], nticks: 5, automargin: false, ...range, ...(strip.zero ? { rangemode: "tozero" } : {}) };
    const { shapes: dashed, notes } = references(panel, strip, yref);
    shapes.push(...dashed);
    annotations.push(...notes);
    const names = strip.phases.map((name) => `<span style="color:${PHASES.get(name).color}">${plain(name)}</span>`);
    annotations.push({ xref: "paper", x: 1, xanchor: "left", yref: `${yref} domain`, y: 0.5, yanchor: "middle", textangle: 90, showarrow: false, text: names.join("  "), font: { size: 12 } });
  });
  layout.xaxis = { ...AXIS, title: { text: axis.label, standoff: 5 }, anchor: strips.length > 1 ? `y${strips.length}` : "y" };
  const full = layoutOf({ ...layout, annotations, shapes, margin: { l: 62, r: strips.some((strip) => strip.phases.length) ? 26 : 12, t: 4, b: 42 }, uirevision: axis.name });
  Plotly.react(plot, traces(panel, axis), full, SMALL);
  return shapes;
}

// All boxes come before the first figure: their widths depend on how many there are.
function makePanels() {
  const volts = numbers("voltage_V");
  const cells = (panel, axis) => panel.strips.flatMap((strip, place) => phaseTraces(panel, strip, axis, place));
  const wanted = DATA.panels.map((panel) => [panel, cells]);
  wanted.push([{ name: "quality", label: "R_wp and, dotted, R_exp (%)", strips: [{ phases: [], zero: true }] }, (_, axis) => qualityPanel(axis)]);
  if (volts && volts.some(Number.isFinite)) wanted.push([{ name: "voltage", label: "Voltage (V)", strips: [{ phases: [] }] }, (_, axis) => voltagePanel(axis)]);
  for (const [panel, traces] of wanted) {
    const plot = panelBox(`panel-${panel.name}`, panel.label, 65 + Math.max(150, 105 * panel.strips.length));
    panels.push({ plot, panel, traces, shapes: [] });
  }
}

function drawPanels() {
  const bands = dischargeBands(state.axis);
  for (const entry of panels) entry.shapes = drawPanel(entry, bands);
}

function markPanels() {
  const at = state.axis.values[state.row];
  for (const { plot, shapes } of panels) {
    const cursor = at === null ? [] : [{ type: "line", xref: "x", x0: at, x1: at, yref: "paper", y0: 0, y1: 1, line: { color: "#c40d3c", width: 1.5 } }];
    Plotly.relayout(plot, { shapes: [...shapes, ...cursor] });
  }
}

function drawLegend() {
  const entries = DATA.phases.map((phase, place) => [COLUMNS.has("direction") ? "■" : { circle: "●", square: "■", diamond: "◆" }[SYMBOLS[place]] || "★", phase.color, phase.name]);
  if (COLUMNS.has("direction")) entries.push(["▲", "#444", "charge"], ["▼", "#444", "discharge (shaded)"], ["●", "#444", "rest"]);
  if (COLUMNS.get("outcome").includes("flagged")) entries.push(["×", "#000", "flagged"]);
  if (DATA.phases.some((phase) => phase.held.length)) entries.push(["○", "#444", "hollow: held, not refined"]);
  if (DATA.panels.some((panel) => panel.name === "fraction")) entries.push(["⊤", "#444", "upper limit (95 %), phase absent"]);
  const sources = new Set(DATA.phases.filter((phase) => Object.keys(phase.reference).length).map((phase) => phase.source));
  if (sources.size) entries.push(["- -", "#444", `reference: ${[...sources].join(", ")}`]);
  entries.push(["│", "#444", "bars: one standard deviation"]);
  const list = document.getElementById("legend");
  for (const [sign, color, words] of entries) {
    const entry = document.createElement("li"), swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.color = color;
    swatch.setAttribute("aria-hidden", "true");
    swatch.textContent = sign;
    entry.append(swatch, ` ${words}`);
    list.append(entry);
  }
}
