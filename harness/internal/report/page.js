// The page's navigation, filter and sorting. Without this script everything can still be read.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("samples").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, attributes, ...children) => {
    const e = Object.assign(document.createElement(tag), attributes);
    e.append(...children);
    return e;
  };

  // A link into a folded part opens it.
  function reveal() {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let d = target.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  reveal();

  // On paper everything is unfolded but the tables behind figures.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details.part:not([open])");
    for (const d of folded) d.open = true;
  });
  addEventListener("afterprint", () => {
    for (const d of folded) d.open = false;
  });

  // A click on a number opens its samples instead of its row in the list of cells.
  document.addEventListener("click", event => {
    const link = event.target.closest("a[data-cells]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    archbench.show(data, link);
  });

  // Sorting: a column's heading sorts up, then down, then as it was. Missing values are last.
  const numberOf = cell => cell.dataset.number === undefined ? NaN : Number(cell.dataset.number);
  function compare(a, b) {
    const x = numberOf(a), y = numberOf(b);
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return Number.isNaN(x) ? a.textContent.localeCompare(b.textContent, "en", {numeric: true}) : x - y;
  }
  const missing = cell => cell.classList.contains("na") || cell.textContent === "–";
  function sortable(table) {
    const body = table.tBodies[0], before = [...body.rows];
    all("thead th", table).forEach((heading, column, headings) => {
      const button = make("button", {type: "button"}, ...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const next = {ascending: "descending", descending: ""}[heading.ariaSort ?? ""] ?? "ascending";
        headings.forEach(h => h.removeAttribute("aria-sort"));
        const sign = next === "descending" ? -1 : 1;
        const rows = before.slice();
        if (next) {
          heading.setAttribute("aria-sort", next);
          rows.sort((a, b) => {
            const x = a.cells[column], y = b.cells[column];
            return missing(x) - missing(y) || sign * compare(x, y);
          });
        }
        body.append(...rows);
      });
    });
  }
  all("main table:not(.matrix table)").filter(t => t.tBodies[0].rows.length > 1).forEach(sortable);

  // The filter hides the rows and the parts of figures that belong to other models and precisions.
  const families = [...new Set(data.models.map(m => m.family))];
  const precisions = [...new Set(data.models.map(m => m.precision))];
  const chosen = new Set(data.models);

  // modelsOf returns the models that a text names: one model, a family, or either before a remark as in "bk: N^1.0".
  const names = [...new Set(data.models.flatMap(m => [m.name, m.family]))].sort((a, b) => b.length - a.length);
  function modelsOf(text, precision) {
    const name = names.find(n => text === n || text.startsWith(n) && /^[:,( ]/.test(text.slice(n.length)));
    return data.models.filter(m => m.name === name || m.family === name && (!precision || m.precision === precision));
  }
  const hidden = models => models.length > 0 && !models.some(m => chosen.has(m));
  const column = (table, name) => all("thead th", table).findIndex(h => h.textContent === name);

  function apply() {
    for (const table of all("main table")) {
      all("thead th", table).forEach((heading, i) => {
        const away = hidden(data.models.filter(m => [m.name, m.family].includes(heading.textContent)));
        for (const row of table.rows) row.cells[i].hidden = away;
      });
      const model = Math.max(column(table, "model"), column(table, "series")), precision = column(table, "precision");
      if (model < 0) continue;
      for (const row of table.tBodies[0].rows) {
        row.hidden = hidden(modelsOf(row.cells[model].firstChild?.textContent ?? "", row.cells[precision]?.textContent));
      }
    }
    for (const series of all("g[data-series]")) series.style.display = hidden(modelsOf(series.dataset.series)) ? "none" : "";
  }

  // A series under the pointer stands out from the others in its figure.
  for (const figure of all("figure")) {
    const groups = all("g[data-series]", figure);
    const dim = others => groups.forEach(g => g.classList.toggle("dim", others(g.dataset.series)));
    figure.addEventListener("pointerover", event => {
      const under = event.target.closest("g[data-series]")?.dataset.series;
      dim(name => under !== undefined && name !== under);
    });
    figure.addEventListener("pointerleave", () => dim(() => false));
  }

  function choices(title, values, of) {
    const box = make("fieldset", {}, make("legend", {}, title));
    for (const value of values) {
      const input = make("input", {type: "checkbox", checked: true, value});
      input.addEventListener("change", change);
      box.append(make("label", {}, input, value));
    }
    return {box, allows: m => all("input:checked", box).some(i => i.value === of(m)), all: () => all("input", box)};
  }
  const byModel = choices("Models", families, m => m.family), byPrecision = choices("Precisions", precisions, m => m.precision);
  const summary = make("summary", {}, "Filter");
  const reset = make("button", {type: "button"}, "Show all");
  reset.addEventListener("click", () => {
    for (const input of [...byModel.all(), ...byPrecision.all()]) input.checked = true;
    change();
  });
  function change() {
    for (const m of data.models) byModel.allows(m) && byPrecision.allows(m) ? chosen.add(m) : chosen.delete(m);
    summary.textContent = chosen.size === data.models.length ? "Filter" : `Filter: ${chosen.size} of ${data.models.length}`;
    apply();
  }
  const filter = make("details", {className: "filter"}, summary, make("div", {}, byModel.box, ...(precisions.length > 1 ? [byPrecision.box] : []), reset));
  document.addEventListener("click", event => {
    if (!filter.contains(event.target)) filter.open = false;
  });
  filter.addEventListener("keydown", event => {
    if (event.key === "Escape") {
      filter.open = false;
      summary.focus();
    }
  });

  const unfold = make("button", {type: "button"}, "Open all");
  unfold.addEventListener("click", () => {
    const parts = all("details.part"), open = parts.some(d => !d.open);
    for (const d of parts) d.open = open;
    unfold.textContent = open ? "Close all" : "Open all";
  });
  document.getElementById("tools").append(...(data.models.length > 1 ? [filter] : []), unfold);

  // The files beside the page may be missing where only the page was passed on, so links to them save what the page holds.
  const save = (name, type, text) => {
    const url = URL.createObjectURL(new Blob([text], {type}));
    make("a", {href: url, download: name}).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  for (const figure of all("figure")) {
    const link = figure.querySelector("a[href$='.svg']");
    link?.addEventListener("click", event => {
      event.preventDefault();
      save(link.getAttribute("href").split("/").pop(), "image/svg+xml", figure.querySelector("svg").outerHTML);
    });
  }
})();
