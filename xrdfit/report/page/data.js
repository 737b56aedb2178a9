// What the page holds: the table as the text of trajectories.csv, curves as packed floats.
const DATA = JSON.parse(document.getElementById("data").textContent);

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

function csvRows(text) {
  const rows = [];
  let row = [], field = "", quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const sign = text[i];
    if (quoted) {
      if (sign !== '"') field += sign;
      else if (text[i + 1] === '"') { field += sign; i += 1; }
      else quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === ",") { row.push(field); field = ""; }
    else if (sign === "\n") { row.push(field); rows.push(row); row = []; field = ""; }
    else field += sign;
  }
  return rows;
}

const [NAMES, ...ROWS] = csvRows(DATA.csv);
const COLUMNS = new Map(NAMES.map((name, place) => [name, ROWS.map((row) => row[place])]));
const PHASES = new Map(DATA.phases.map((phase) => [phase.name, phase]));
const SHOWN = new Map(Object.entries(DATA.shown));
const SCANS = COLUMNS.get("scan").map(Number);

// NaN where nothing was measured.
function numbers(name) {
  const texts = COLUMNS.get(name);
  return texts ? texts.map((text) => (text === "" ? NaN : Number(text))) : null;
}

function shown(name, row) {
  return SHOWN.has(name) ? SHOWN.get(name)[row] : "";
}

// Curves of a row of the table, or null if the page does not hold them.
const curvesOf = (() => {
  const fits = DATA.fits;
  if (!fits) return () => null;
  const packed = {};
  for (const name of ["observed", "calculated", "background", "sigma"]) packed[name] = new Float32Array(bytesOf(fits[name]));
  const twoTheta = new Float64Array(bytesOf(fits.two_theta));
  const begins = [0];
  for (const length of fits.lengths) begins.push(begins[begins.length - 1] + length);
  return (row) => {
    const place = fits.rows.indexOf(row);
    if (place < 0) return null;
    const [begin, end] = [begins[place], begins[place + 1]];
    const curves = { two_theta: fits.shared ? twoTheta : twoTheta.subarray(begin, end) };
    for (const name of Object.keys(packed)) curves[name] = packed[name].subarray(begin, end);
    return curves;
  };
})();

// Lines of a row of the table: [{phase, hkl, two_theta}].
const linesOf = (() => {
  const unpacked = DATA.lines.map((lines) => {
    const positions = new Float32Array(bytesOf(lines.two_theta));
    let begin = 0;
    const scans = lines.which.map((which) => {
      const hkl = which < 0 ? [] : lines.hkl[which];
      begin += hkl.length;
      return { phase: lines.phase, hkl, two_theta: positions.subarray(begin - hkl.length, begin) };
    });
    return scans;
  });
  return (row) => {
    const place = DATA.fits ? DATA.fits.rows.indexOf(row) : -1;
    return place < 0 ? [] : unpacked.map((scans) => scans[place]).filter((lines) => lines.hkl.length);
  };
})();

// The map's intensities, a row for each of its scans; NaN where there is none.
function mapRows() {
  const map = DATA.map;
  const codes = new Uint16Array(bytesOf(map.intensity));
  const width = map.two_theta.length;
  return map.rows.map((_, place) => Float32Array.from(codes.subarray(place * width, (place + 1) * width), (code) =>
    code === 65535 ? NaN : map.low + (code / 65534) ** 2 * (map.high - map.low)));
}

function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
