// One scan: its fit, its values, and both as files.
function unusedSpans(curves) {
  const spans = [], { two_theta: x, calculated } = curves, last = calculated.length - 1;
  let begin = -1;
  for (let i = 0; i <= last + 1; i += 1) {
    const unused = i <= last && Number.isNaN(calculated[i]);
    if (unused && begin < 0) begin = i;
    if (!unused && begin >= 0) { spans.push([x[Math.max(begin - 1, 0)], x[Math.min(i, last)]]); begin = -1; }
  }
  return spans;
}

function usedEnds({ two_theta: x, calculated }) {
  const first = calculated.findIndex(Number.isFinite), last = calculated.findLastIndex(Number.isFinite);
  const margin = 0.01 * (x[last] - x[first]);
  return [x[first] - margin, x[last] + margin];
}

function drawFit() {
  const row = state.row, curves = curvesOf(row);
  const plot = document.getElementById("fit"), none = document.getElementById("no-fit");
  document.getElementById("fit-title").textContent = `Fit of scan ${SCANS[row]}${shown("r_wp", row) ? `, R_wp = ${shown("r_wp", row)} %` : ""}`;
  document.getElementById("save-fit").disabled = !curves;
  plot.hidden = !curves;
  none.hidden = Boolean(curves);
  if (!curves) {
    none.textContent = shown("r_wp", row) ? `This page does not hold this fit: xrdfit plot fit RESULTS --scan ${SCANS[row]}` : "This scan could not be fitted: there is nothing to show.";
    return;
  }
  const { two_theta: x, observed, calculated, background, sigma } = curves;
  const weighted = state.difference === "sigma";
  const difference = observed.map((value, i) => (value - calculated[i]) / (weighted ? sigma[i] : 1));
  const hasCalculated = calculated.map((value) => (Number.isNaN(value) ? NaN : 0));
  const many = x.length > 2000;
  const count = Math.max(DATA.phases.length, 1), ticks = 0.035 * count;
  const traces = [
    { type: "scatter", mode: many ? "lines" : "markers", name: "observed", x, y: observed, marker: { symbol: "circle-open", size: 4, color: "#444", line: { width: 0.8 } }, line: { color: "#777", width: 0.8 }, hovertemplate: "%{x:.3f}°<br>observed %{y:.5~g}<extra></extra>" },
    { type: "scatter", mode: "lines", name: "calculated", x, y: calculated, line: { color: "#d95f02", width: 1.6 }, hovertemplate: "%{x:.3f}°<br>calculated %{y:.5~g}<extra></extra>" },
    { type: "scatter", mode: "lines", name: "background", x, y: background.map((value, i) => value + hasCalculated[i]), line: { color: "#00796b", width: 1.2, dash: "dash" }, hovertemplate: "%{x:.3f}°<br>background %{y:.5~g}<extra></extra>" },
    { type: "scatter", mode: "lines", name: "difference", x, y: difference, yaxis: "y3", line: { color: "#333", width: 0.9 }, showlegend: false, hovertemplate: "%{x:.3f}°<br>difference %{y:.3~g}<extra></extra>" },
    ...tickTraces(row, { xaxis: "x", yaxis: "y2" }).map((trace) => ({ ...trace, showlegend: false })),
  ];
  const grey = unusedSpans(curves).map(([x0, x1]) => ({ type: "rect", xref: "x", yref: "paper", x0, x1, y0: 0, y1: 1, fillcolor: "#e2e2e2", line: { width: 0 }, layer: "below" }));
  const levels = (weighted ? [-3, 0, 3] : [0]).map((y) => ({ type: "line", xref: "paper", x0: 0, x1: 1, yref: "y3", y0: y, y1: y, line: { color: "#888", width: 1, dash: y ? "dot" : "solid" }, layer: "below" }));
  const layout = layoutOf({
    margin: { l: 62, r: 10, t: 30, b: 44 }, uirevision: `fit ${state.difference}`, showlegend: true, legend: { orientation: "h", x: 0, y: 1.01, yanchor: "bottom", font: { size: 12 } },
    shapes: [...grey, ...levels], annotations: tickNames("y2"),
    xaxis: { ...AXIS, range: usedEnds(curves), title: { text: "2θ (°)", standoff: 6 }, anchor: "y3" },
    yaxis: { ...AXIS, domain: [0.27 + ticks, 1], title: { text: DATA.fits.counts ? "Intensity (counts)" : "Intensity (arb. units)", standoff: 4 } },
    yaxis2: { domain: [0.25, 0.25 + ticks], range: [0.5 - count, 0.5], visible: false, fixedrange: true },
    yaxis3: { ...AXIS, domain: [0, 0.23], nticks: 4, title: { text: weighted ? "(obs − calc)/σ" : "obs − calc", standoff: 4 } },
  });
  Plotly.react(plot, traces, layout, configFor(plot));
}

function cell(kind, text, scope) {
  const made = document.createElement(kind);
  made.textContent = text;
  if (scope) made.scope = scope;
  return made;
}

function wordsFor(quantity) {
  const axis = /^x_(a|b|c|volume)(_|$)/.exec(quantity);
  if (axis) return `x from ${axis[1] === "volume" ? "V" : axis[1]}`;
  const known = { volume: "V", soc: "state of charge", soc_low: "lowest state of charge", soc_high: "highest state of charge", x_disagreement: "x: disagreement of axes", alpha: "α", beta: "β", gamma: "γ", r_wp: "R_wp", r_exp: "R_exp", gof: "GoF", durbin_watson: "Durbin-Watson", lorentz_size: "Lorentzian width", time_s: "time", nfev: "evaluations" };
  return known[quantity] || quantity.replace(/_(V|mA|mAh|mAh_g|nm|s)$/, "").replace(/_/g, " ");
}

function unitOf(column) {
  if (column === "r_wp" || column === "r_exp") return "%";
  if (column === "time_s") return "h";
  return (DATA.units[column] || "").replace("^3", "³").replace("intensity deg", "intensity · deg").replace(/^deg$/, "°");
}

function valueTable(caption, heads, rows) {
  const table = document.createElement("table"), head = document.createElement("tr");
  table.append(Object.assign(document.createElement("caption"), { textContent: caption }));
  if (heads.length) {
    head.append(cell("td", ""));
    for (const { name, color } of heads) { const made = cell("th", name, "col"); made.style.color = color; head.append(made); }
    table.append(head);
  }
  for (const [label, ...values] of rows) {
    const line = document.createElement("tr");
    line.append(cell("th", label, "row"), ...values.map((value) => cell("td", value)));
    table.append(line);
  }
  return table;
}

function showValues() {
  const row = state.row, byQuantity = new Map(), general = [];
  const phases = [...PHASES.values()].sort((a, b) => b.name.length - a.name.length);
  for (const name of NAMES) {
    if (!SHOWN.has(name) || name === "scan") continue;
    const phase = phases.find((one) => name.startsWith(`${one.name}_`));
    const text = shown(name, row);
    if (!phase) {
      if (name === "direction" && text !== "") general.push(["direction", directionWord(row)]);
      else if (text !== "") general.push([`${wordsFor(name)}${unitOf(name) ? ` (${unitOf(name)})` : ""}`, text]);
      continue;
    }
    const quantity = name.slice(phase.name.length + 1);
    if (!byQuantity.has(quantity)) byQuantity.set(quantity, { unit: unitOf(name), texts: new Map() });
    byQuantity.get(quantity).texts.set(phase.name, quantity === "present" ? { 1: "yes", 0: "no" }[text] || "" : text);
  }
  const rows = [];
  for (const [quantity, { unit, texts }] of byQuantity) {
    const values = DATA.phases.map((phase) => texts.get(phase.name) || "");
    if (values.some((value) => value !== "")) rows.push([`${wordsFor(quantity)}${unit ? ` (${unit})` : ""}`, ...values]);
  }
  const third = (list, part) => list.slice(Math.ceil((part * list.length) / 2), Math.ceil(((part + 1) * list.length) / 2));
  const tables = [0, 1].filter((part) => third(rows, part).length).map((part) => valueTable(part ? "Phases, continued" : "Phases", DATA.phases, third(rows, part)));
  tables.push(...[0, 1].filter((part) => third(general, part).length).map((part) => valueTable(part ? "Scan, continued" : "Scan", [], third(general, part))));
  document.getElementById("scan").replaceChildren(...tables);
  document.getElementById("scan-title").textContent = `Values of scan ${SCANS[row]}`;
  const said = document.getElementById("said"), message = DATA.messages[SCANS[row]];
  said.hidden = !message;
  said.textContent = message ? `${COLUMNS.get("outcome")[row]}: ${message}` : "";
}

function fitCsv(row) {
  const { two_theta: x, observed, calculated, background, sigma } = curvesOf(row);
  const digits = (value, most) => (Number.isFinite(value) ? String(Number(value.toPrecision(most))) : "");
  const lines = ["two_theta,observed,calculated,background,difference,sigma,used"];
  for (let i = 0; i < x.length; i += 1) {
    const used = Number.isFinite(calculated[i]);
    lines.push([digits(x[i], 10), ...[observed[i], calculated[i], used ? background[i] : NaN, observed[i] - calculated[i], sigma[i]].map((value) => digits(value, 7)), used ? 1 : 0].join(","));
  }
  return `${lines.join("\n")}\n`;
}
