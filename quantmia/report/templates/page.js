const specs = JSON.parse(document.getElementById("specs").textContent);
window.views = {};
for (const [id, spec] of Object.entries(specs)) {
  const place = document.getElementById(id);
  if (id === "front") {
    spec.config.legend.columns = Math.max(2, Math.floor(place.clientWidth / 170));
  }
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
    const rows = [...table.tBodies[0].rows].filter((row) => !row.classList.contains("behind"));
    const numbers = rows.every((row) => !Number.isNaN(Number(value(row))) || value(row) === "nan");
    rows.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (!numbers) return falling ? y.localeCompare(x) : x.localeCompare(y);
      if (x === "nan" || y === "nan") return (x === "nan") - (y === "nan");
      return falling ? y - x : x - y;
    });
    const behind = (row) => document.getElementById(
      row.querySelector(".opens")?.getAttribute("aria-controls"));
    table.tBodies[0].append(...rows.flatMap((row) => [row, behind(row)]).filter(Boolean));
  }));
}
for (const button of document.querySelectorAll(".opens")) {
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", open);
    document.getElementById(button.getAttribute("aria-controls")).hidden = !open;
  });
}
performance.mark("drawn");
document.body.dataset.ready = "true";
