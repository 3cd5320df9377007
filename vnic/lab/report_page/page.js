"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  // Columns with a list of distinct values: 10,000 points share most of theirs.
  const columns = data.columns.map((column) => column.index.map((place) => column.values[place]));
  const count = columns.length ? columns[0].length : 0;
  const points = Array.from({ length: count }, (_, row) =>
    Object.fromEntries(data.columns.map((column, place) => [column.name, columns[place][row]])));
  const form = document.getElementById("filters");
  const status = document.getElementById("status");
  const body = document.querySelector("#points tbody");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let views = [];

  function chosen() {
    const wanted = Array.from(form.querySelectorAll("select"))
      .filter((select) => select.value !== "")
      .map((select) => [select.name, data.choices[select.name][Number(select.value)]]);
    return points.filter((point) => wanted.every(([name, value]) => point[name] === value));
  }

  function cell(value, text) {
    const made = document.createElement("td");
    made.textContent = value === null ? "–" : typeof value === "number" ? String(+value.toPrecision(5)) : String(value);
    if (text) made.className = "text";
    return made;
  }

  function table(rows) {
    const shown = rows.slice(0, data.mostRows);
    body.replaceChildren(...shown.map((point) => {
      const line = document.createElement("tr");
      line.append(...data.table.map((name) => cell(point[name], data.text.includes(name))));
      return line;
    }));
    const cut = rows.length > shown.length ? `; the table shows the first ${shown.length}` : "";
    status.textContent = `${rows.length} of ${points.length} points${cut}`;
  }

  function update() {
    const rows = chosen();
    table(rows);
    for (const { view, source } of views) {
      if (source === "points") view.data("points", rows).runAsync();
    }
  }

  async function draw() {
    views.forEach(({ view }) => view.finalize());
    const rows = chosen();
    const ink = dark.matches ? "#e6e8eb" : "#1b1f24", grid = dark.matches ? "#414a54" : "#dfe3e8";
    const config = {
      background: "transparent", view: { stroke: null }, font: "system-ui, sans-serif",
      axis: { labelColor: ink, titleColor: ink, gridColor: grid, domainColor: ink, tickColor: ink,
        labelFontSize: 12, titleFontSize: 12 },
      axisX: { labelAngle: 0, labelOverlap: true },
      legend: { labelColor: ink, titleColor: ink, orient: "bottom", labelFontSize: 12, titleFontSize: 12,
        labelLimit: 260 },
      mark: { color: dark.matches ? "#8ab4f8" : "#0b57d0" },
      range: { category: dark.matches
        ? ["#8ab4f8", "#f28b82", "#81c995", "#fdd663", "#d7aefb", "#78d9ec", "#fcad70", "#e6e8eb"]
        : ["#0b57d0", "#b3261e", "#146c2e", "#b06000", "#7b1fa2", "#00677d", "#8d4a00", "#1b1f24"] },
    };
    views = await Promise.all(data.charts.map(async (chart, place) => {
      const spec = { ...chart.spec, config, datasets: { [chart.source]: chart.source === "points" ? rows : data.curves } };
      const { view } = await vegaEmbed(`#chart-${place}`, spec, { renderer: "svg", actions: false, ast: false });
      return { view, source: chart.source };
    }));
    window.reportViews = views;
    document.documentElement.dataset.drawn = String(views.length);
  }

  form.addEventListener("change", update);
  form.addEventListener("reset", () => window.setTimeout(update));
  form.addEventListener("submit", (event) => event.preventDefault());
  dark.addEventListener("change", draw);
  table(points);
  draw();
})();
