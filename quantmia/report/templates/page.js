const specs = JSON.parse(document.getElementById("specs").textContent);
window.views = {};
for (const [id, spec] of Object.entries(specs)) {
  const place = document.getElementById(id);
  try {
    const made = await window.vegaEmbed(place, spec, {renderer: "svg", actions: false});
    window.views[id] = made.view;
    const svg = place.querySelector("svg");
    svg.setAttribute("role", "img");
    for (const each of svg.children) each.setAttribute("aria-hidden", "true");
    svg.setAttribute("aria-label", document.getElementById("h-" + id).textContent);
  } catch (error) {
    place.textContent = "This chart could not be drawn: " + error;
    throw error;
  }
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const falling = head.getAttribute("aria-sort") !== "descending";
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const value = (row) => row.cells[column].dataset.value;
    const rows = [...table.tBodies[0].rows];
    const numbers = rows.every((row) => !Number.isNaN(Number(value(row))) || value(row) === "nan");
    rows.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (!numbers) return falling ? y.localeCompare(x) : x.localeCompare(y);
      if (x === "nan" || y === "nan") return (x === "nan") - (y === "nan");
      return falling ? y - x : x - y;
    });
    table.tBodies[0].append(...rows);
  }));
}
performance.mark("drawn");
document.body.dataset.ready = "true";
