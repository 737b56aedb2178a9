// What all figures have in common.
const CONFIG = {
  responsive: true,
  displaylogo: false,
  displayModeBar: true,
  showSendToCloud: false,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
  toImageButtonOptions: { format: "svg", filename: "xrdfit" },
};
const FONT = { family: "system-ui, 'DejaVu Sans', sans-serif", size: 12, color: "#1a1a1a" };
// Small figures have no buttons, which would hide what they show.
const SMALL = { ...CONFIG, displayModeBar: false };
const AXIS = { linecolor: "#444", linewidth: 1, mirror: true, ticks: "inside", ticklen: 4, gridcolor: "#eee", zeroline: false, exponentformat: "power" };
// Beyond so many scans points are drawn smaller.
const CROWD = 120;
const SYMBOLS = ["circle", "square", "diamond", "pentagon", "star", "hexagon"];
const state = { row: -1, axis: DATA.axes[0], scaling: "sqrt", difference: "sigma" };

function layoutOf(extra) {
  return { font: FONT, paper_bgcolor: "#fff", plot_bgcolor: "#fff", showlegend: false, hovermode: "closest", dragmode: "zoom", ...extra };
}

// Plotly reads tags in labels; names and messages are text.
function plain(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;");
}

function axisNamed(name) {
  return DATA.axes.find((axis) => axis.name === name);
}

function directionWord(row) {
  const directions = COLUMNS.get("direction");
  return directions ? { 1: "charge", "-1": "discharge", 0: "rest" }[directions[row]] || "" : "";
}

function symbolOf(row, phase) {
  const word = directionWord(row);
  if (word === "charge") return "triangle-up";
  if (word === "discharge") return "triangle-down";
  return COLUMNS.has("direction") ? "circle" : SYMBOLS[Math.max(phase, 0) % SYMBOLS.length];
}

function isAbsent(phase, row) {
  const present = COLUMNS.get(`${phase}_present`);
  return Boolean(present) && present[row] === "0";
}

// Buttons have no room beside a legend on a small screen.
function configFor(plot) {
  return plot.clientWidth < 600 ? SMALL : CONFIG;
}

// Names of the phases beside their rows of ticks.
function tickNames(yref) {
  return [...PHASES.values()].map((phase, place) => ({
    xref: "paper", x: 0, xanchor: "right", xshift: -4, yref, y: -place, yanchor: "middle", showarrow: false,
    text: plain(phase.name.length > 7 ? `${phase.name.slice(0, 6)}…` : phase.name), font: { color: phase.color, size: 11 },
  }));
}

// Ticks at the lines of each phase, one row a phase; those of an absent phase are faint.
function tickTraces(row, axes) {
  return linesOf(row).map((lines) => {
    const absent = isAbsent(lines.phase, row);
    const place = [...PHASES.keys()].indexOf(lines.phase);
    return {
      type: "scatter", mode: "markers", ...axes, name: lines.phase,
      x: lines.two_theta,
      y: Array(lines.hkl.length).fill(-place),
      text: lines.hkl.map((hkl) => `${plain(lines.phase)} (${hkl.join(" ")})${absent ? ", absent" : ""}`),
      hovertemplate: "%{text}<br>%{x:.3f}°<extra></extra>",
      marker: { symbol: "line-ns-open", size: 11, color: PHASES.get(lines.phase).color, opacity: absent ? 0.3 : 1, line: { width: 1.6 } },
    };
  });
}
