// Choosing a scan, and what follows from it.
let waiting = false;

function choose(row) {
  if (!Number.isInteger(row) || row < 0 || row >= SCANS.length || row === state.row) return;
  state.row = row;
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; show(); });
}

function show() {
  const began = performance.now(), row = state.row;
  markTable();
  if (DATA.fits) {
    const slider = document.getElementById("slider");
    slider.value = row;
    slider.setAttribute("aria-valuetext", `scan ${SCANS[row]}`);
    const words = [`Scan ${SCANS[row]}`, shown("time_s", row) && `${shown("time_s", row)} h`, shown("voltage_V", row) && `${shown("voltage_V", row)} V`, COLUMNS.get("outcome")[row].replace("_", " ")];
    document.getElementById("where").textContent = words.filter(Boolean).join(" · ");
    drawFit();
    showValues();
    markMap();
    markPanels();
  }
  document.body.dataset.scan = SCANS[row];
  document.body.dataset.milliseconds = (performance.now() - began).toFixed(1);
}

function begin() {
  document.getElementById("save-table").addEventListener("click", () => save(DATA.part ? "trajectories_part.csv" : "trajectories.csv", DATA.csv));
  document.querySelectorAll("#table th[data-column] button").forEach((button) => button.addEventListener("click", () => sortBy(button.parentElement)));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-scan]");
    if (button) choose(SCANS.indexOf(Number(button.dataset.scan)));
    if (button && button.classList.contains("go") && DATA.fits) document.getElementById("series").scrollIntoView();
  });
  // Of a long series the page holds a part.
  for (const button of document.querySelectorAll("button.go")) {
    if (!SCANS.includes(Number(button.dataset.scan))) Object.assign(button, { disabled: true, title: "not on this page" });
  }
  if (!DATA.fits) return choose(0);
  const intensities = mapRows();
  const slider = document.getElementById("slider"), axes = document.getElementById("axis"), file = document.getElementById("save-fit");
  file.hidden = false;
  file.addEventListener("click", () => save(`fit_scan_${SCANS[state.row]}.csv`, fitCsv(state.row)));
  slider.max = SCANS.length - 1;
  slider.addEventListener("input", () => choose(Number(slider.value)));
  document.getElementById("previous").addEventListener("click", () => choose(state.row - 1));
  document.getElementById("next").addEventListener("click", () => choose(state.row + 1));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || event.target.matches("input, select, textarea, pre, #table")) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) { event.preventDefault(); choose(state.row + step); }
  });
  axes.append(...DATA.axes.map((axis) => new Option(axis.label, axis.name)));
  axes.addEventListener("change", () => { state.axis = axisNamed(axes.value); drawMap(intensities); drawPanels(); show(); });
  document.getElementById("scaling").addEventListener("change", (event) => { state.scaling = event.target.value; drawMap(intensities); });
  document.getElementById("difference").addEventListener("change", (event) => { state.difference = event.target.value; drawFit(); });
  const doubtful = DATA.fits.rows.find((row) => COLUMNS.get("outcome")[row] !== "converged");
  state.row = doubtful === undefined ? DATA.fits.rows[0] : doubtful;
  drawLegend();
  drawMap(intensities);
  makePanels();
  drawPanels();
  for (const { plot } of panels) plot.on("plotly_click", (event) => choose(event.points[0].customdata));
  show();
  document.getElementById("map").on("plotly_click", (event) => {
    const point = event.points[0];
    choose(point.data.type === "heatmap" ? drawn.scans[point.pointNumber[0]] : point.customdata);
  });
}

begin();
