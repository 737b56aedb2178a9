// The table: sorted by a heading, one row marked.
function sortBy(head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  const texts = COLUMNS.get(head.dataset.column);
  const numeric = texts.every((text) => text === "" || Number.isFinite(Number(text)));
  const body = document.querySelector("#table tbody");
  const order = [...body.rows].sort((one, other) => {
    const [a, b] = [texts[one.dataset.row], texts[other.dataset.row]];
    if (a === "" || b === "") return (a === "") - (b === "");
    const sign = numeric ? Number(a) - Number(b) : a.localeCompare(b);
    return (down ? -sign : sign) || one.dataset.row - other.dataset.row;
  });
  for (const other of document.querySelectorAll("#table th[data-column]")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  body.append(...order);
}

function markTable() {
  const scroll = document.getElementById("table");
  const before = scroll.querySelector("tr[aria-current]");
  if (before) before.removeAttribute("aria-current");
  const row = scroll.querySelector(`tr[data-row="${state.row}"]`);
  row.setAttribute("aria-current", "true");
  const head = scroll.querySelector("thead").offsetHeight;
  if (row.offsetTop - head < scroll.scrollTop) scroll.scrollTop = row.offsetTop - head;
  else if (row.offsetTop + row.offsetHeight > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = row.offsetTop + row.offsetHeight - scroll.clientHeight;
}
