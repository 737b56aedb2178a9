// The map of all patterns with the voltage beside it, the chosen scan marked.
// What the map is made of: its axis, layout, traces, and the scan in each of its rows.
const drawn = {};

function mapAxis() {
  const axis = state.axis.name === "time" ? state.axis : axisNamed("scan");
  const ascending = DATA.map.rows.every((row, i, rows) => i === 0 || axis.values[row] > axis.values[rows[i - 1]]);
  return ascending ? axis : axisNamed("scan");
}

// Borders of the map's rows; where scans are missing a blank row lies between them.
function bordered(values) {
  const steps = values.slice(1).map((value, i) => value - values[i]);
  const usual = steps.length ? [...steps].sort((a, b) => a - b)[steps.length >> 1] : 1;
  const edges = [values[0] - usual / 2], rows = [0];
  steps.forEach((step, i) => {
    if (step < 1.8 * usual) edges.push(values[i] + step / 2);
    else { edges.push(values[i] + usual / 2, values[i + 1] - usual / 2); rows.push(-1); }
    rows.push(i + 1);
  });
  edges.push(values[values.length - 1] + usual / 2);
  return { edges, rows };
}

function scaled(value) {
  if (state.scaling === "linear") return value;
  const [low, high] = DATA.map.shown;
  const floor = low > 0 ? low / 2 : high / 1e4;
  return state.scaling === "log" ? Math.log10(Math.max(value, floor)) : Math.sqrt(Math.max(value - Math.min(low, 0), 0));
}

function colorTicks() {
  const [low, high] = DATA.map.shown;
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const [a, b] = [scaled(low), scaled(high)];
    const at = a + part * (b - a);
    if (state.scaling === "log") return 10 ** at;
    return state.scaling === "sqrt" ? at * at + Math.min(low, 0) : at;
  }).map((value) => Number(value.toPrecision(2)));
  return { tickvals: marks.map(scaled), ticktext: marks.map((value) => value.toLocaleString("en")) };
}

function drawMap(intensities) {
  const map = DATA.map, axis = mapAxis();
  const { edges, rows } = bordered(map.rows.map((row) => axis.values[row]));
  const scans = rows.map((place) => (place < 0 ? -1 : map.rows[place]));
  const blank = new Float32Array(map.two_theta.length).fill(NaN);
  const z = rows.map((place) => (place < 0 ? blank : intensities[place].map(scaled)));
  const words = scans.map((row) => (row < 0 ? "" : `scan ${SCANS[row]}`));
  const volts = numbers("voltage_V");
  const hasVolts = Boolean(volts) && volts.some(Number.isFinite);
  const narrow = document.getElementById("map").clientWidth < 600;
  const traces = [{
    type: "heatmap", x: map.two_theta, y: edges, z, zmin: scaled(map.shown[0]), zmax: scaled(map.shown[1]), colorscale: "Viridis",
    hoverongaps: false, showscale: !narrow, colorbar: { thickness: 10, len: 0.9, y: 0.45, outlinewidth: 0, title: { text: DATA.fits.counts ? "counts" : "intensity", side: "right" }, ...colorTicks() },
    customdata: rows.map((place) => (place < 0 ? blank : intensities[place])),
    text: words.map((word) => Array(map.two_theta.length).fill(word)),
    hovertemplate: "%{text}<br>%{x:.3f}°<br>intensity %{customdata:.4~g}<extra></extra>",
  }];
  if (hasVolts) {
    traces.push({
      type: "scatter", mode: "lines+markers", xaxis: "x2", yaxis: "y", x: volts, y: axis.values, customdata: SCANS.map((_, row) => row),
      line: { color: "#444", width: 1 }, marker: { color: "#444", size: SCANS.length > CROWD ? 3 : 5, symbol: SCANS.map((_, row) => symbolOf(row, 0)) },
      text: SCANS.map((scan, row) => `scan ${scan}<br>${shown("voltage_V", row)} V<br>${directionWord(row)}`),
      hovertemplate: "%{text}<extra></extra>",
    });
  }
  const count = Math.max(DATA.phases.length, 1);
  const layout = layoutOf({
    margin: { l: 52, r: narrow ? 8 : 20, t: narrow ? 8 : 30, b: 44 }, annotations: tickNames("y2"), uirevision: axis.name,
    xaxis: { ...AXIS, showgrid: false, range: [map.two_theta[0], map.two_theta[map.two_theta.length - 1]], domain: [0, hasVolts ? 0.76 : 1], title: { text: "2θ (°)", standoff: 6 }, anchor: "y" },
    yaxis: { ...AXIS, showgrid: false, domain: [0, 0.965 - 0.03 * count], range: [edges[0], edges[edges.length - 1]], title: { text: axis.label, standoff: 4 } },
    yaxis2: { domain: [0.975 - 0.03 * count, 1], range: [0.5 - count, 0.5], visible: false, fixedrange: true, anchor: "x" },
    ...(hasVolts ? { xaxis2: { ...AXIS, domain: [0.79, 1], title: { text: "E (V)", standoff: 6 }, anchor: "y", nticks: 4 } } : {}),
  });
  Object.assign(drawn, { axis, layout, traces, scans });
  layout.shapes = mapCursor();
  drawTicks();
}

// Ticks are part of the map's figure, and with them all of it is drawn again.
function drawTicks() {
  const plot = document.getElementById("map");
  Plotly.react(plot, [...drawn.traces, ...tickTraces(state.row, { xaxis: "x", yaxis: "y2" })], drawn.layout, configFor(plot));
}

function mapCursor() {
  const at = drawn.axis.values[state.row];
  const line = { type: "line", xref: "paper", x0: 0, x1: 1, yref: "y", y0: at, y1: at };
  return [{ ...line, line: { color: "#fff", width: 3.5 } }, { ...line, line: { color: "#c40d3c", width: 1.5 } }];
}

// While somebody steps through the scans only the line moves; the ticks follow at the first pause.
function markMap() {
  drawn.layout.shapes = mapCursor();
  Plotly.relayout("map", { shapes: drawn.layout.shapes });
  clearTimeout(drawn.waiting);
  drawn.waiting = setTimeout(drawTicks, 150);
}
