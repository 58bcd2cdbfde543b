// The panel that shows the samples behind a number: by block, as a distribution, and as ratios if it compares two cells.
"use strict";
const archbench = (() => {
  const make = (tag, attributes, ...children) => {
    const e = Object.assign(document.createElement(tag), attributes);
    e.append(...children);
    return e;
  };

  // Numbers for people, as in the tables.
  const prefixes = {
    decimal: [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"]],
    binary: [[2 ** 40, "Ti"], [2 ** 30, "Gi"], [2 ** 20, "Mi"], [2 ** 10, "Ki"], [1, ""]],
  };
  // digits writes a number without a unit.
  function digits(v, n) {
    const rounded = Number(v.toPrecision(n));
    return rounded !== 0 && Math.abs(rounded) < 1e-3 ? rounded.toExponential() : String(rounded);
  }
  const scaled = new Set(["s", "B", "FLOP", "token", "token/s"]);
  function format(v, unit) {
    if (v === null || v === undefined || !Number.isFinite(v)) return "–";
    if (!scaled.has(unit)) return digits(v, 4) + (unit && unit !== "1" ? " " + unit : "");
    const [factor, prefix] = prefixes[unit === "B" ? "binary" : "decimal"].find(([f]) => Math.abs(v) >= f) ?? [1, ""];
    return digits(v / factor, 4) + " " + prefix + unit;
  }

  // scaleOf returns what to divide values of a unit by, and what to call the result: 1e-3 and "ms".
  function scaleOf(values, unit) {
    const most = Math.max(...values.map(Math.abs).filter(Number.isFinite), 0);
    if (!scaled.has(unit) || most === 0) return [1, unit === "1" ? "" : unit];
    const [factor, prefix] = prefixes[unit === "B" ? "binary" : "decimal"].find(([f]) => most >= f) ?? [1, ""];
    return [factor, prefix + unit];
  }

  // choices lists what can be shown of cells: their quantities, then the metrics as they were measured.
  function choices(data, cells) {
    const list = [];
    for (const {quantity} of cells[0].derived ?? []) {
      const q = data.quantities[quantity];
      list.push({key: quantity, title: q.title, unit: q.unit, metric: q.metric, quantity});
    }
    for (const [metric, m] of Object.entries(cells[0].metrics ?? {})) {
      if (!list.some(c => c.metric === metric && c.unit === m.unit)) list.push({key: metric, title: data.titles[metric] ?? metric.replaceAll("_", " "), unit: m.unit, metric});
    }
    return list.filter(c => cells.every(cell => cell.metrics?.[c.metric]));
  }

  // samplesOf returns the samples of a cell as objects, in the order of measurement.
  function samplesOf(data, cell, choice) {
    const m = cell.metrics[choice.metric];
    const rule = choice.quantity && cell.derived.find(d => d.quantity === choice.quantity);
    const scale = m.unit === "s" ? 1e-9 : 1; // times are in nanoseconds
    const of = v => v === null ? v : !rule ? scale * v : rule.inverse ? rule.factor / (scale * v) : rule.factor * scale * v;
    const aside = new Set(m.aside);
    return m.value.map((value, i) => {
      const every = m.calls?.[i]?.length ? m.calls[i] : [value];
      const dropped = m.dropped?.[i] ?? 0;
      return {
        value: of(value), block: m.block?.[i] ?? (m.next ? i : 0), label: data.labels[m.label?.[i] ?? 0], attempt: m.attempt?.[i] ?? 0,
        calls: every.map(of), dropped, kept: m.calls?.[i]?.length > 0, counts: !aside.has(i), disturbed: m.disturbed?.[i] ?? "",
      };
    });
  }

  // spread places the calls of each sample in its block, or at its label, in their order.
  function spread(samples) {
    const labels = [...new Set(samples.map(s => s.label))];
    const labelled = labels.length > 1;
    const numeric = labelled && labels.every(l => l !== "" && Number.isFinite(Number(l)));
    const place = s => !labelled ? s.block : numeric ? Number(s.label) : labels.indexOf(s.label) + 1;
    const together = new Map();
    for (const s of samples) {
      const at = place(s);
      if (!together.has(at)) together.set(at, []);
      together.get(at).push(s);
    }
    const points = [];
    for (const [at, group] of [...together].sort(([a], [b]) => a - b)) {
      const n = group.reduce((sum, s) => sum + s.calls.length, 0);
      let i = 0;
      for (const s of group) {
        s.calls.forEach((y, round) => points.push({
          x: labelled && n === 1 ? at : at - 0.35 + 0.7 * (i++ + 0.5) / n, y, counts: s.counts && round >= s.dropped,
        }));
        s.x = labelled && n === 1 ? at : at - 0.35 + 0.7 * (i - s.calls.length / 2) / n;
      }
    }
    return {points, labelled, numeric};
  }

  // kindOf says along which axis samples lie, whether they are the course of one measurement, which is no distribution, and
  // whether they are too few to plot: one, or the parts of a sum.
  function kindOf(probe, shown) {
    const all = shown.map(s => spread(s.samples)), labelled = all.some(s => s.labelled);
    const numeric = labelled && all.every(s => s.numeric || !s.labelled);
    const axis = !labelled ? "block" : probe === "quality" ? "document" : numeric ? probe === "stream" ? "tokens read" : "step" : "part";
    const calls = Math.max(...shown.map(s => countingCalls(s.samples).length));
    return {axis, course: numeric && shown.every(s => s.samples.every(o => o.block === 0)), few: calls < 2 || axis === "part"};
  }

  const median = values => {
    const v = values.filter(Number.isFinite).sort((a, b) => a - b), half = v.length >> 1;
    return v.length === 0 ? NaN : v.length % 2 ? v[half] : (v[half - 1] + v[half]) / 2;
  };
  const countingCalls = samples => samples.filter(s => s.counts).flatMap(s => s.calls.slice(s.dropped));

  // The plots.
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dots = (label, stroke, size, fill) => ({label, stroke, paths: () => null, points: {show: true, size, stroke, fill: fill ?? stroke, width: size > 8 ? 2 : 1}});

  // whole are the values of the blocks of the ith cell, told apart without colour, too.
  const whole = (label, stroke, i) => dots(label, stroke, 9, i % 2 ? colour("--paper") : stroke);

  function plot(host, title, width, xLabel, series, columns, options = {}) {
    const axis = {stroke: colour("--faint"), grid: {stroke: colour("--grid"), width: 1}, ticks: {stroke: colour("--grid"), width: 1}, font: "12px system-ui, sans-serif"};
    const short = v => v === null ? "" : digits(v, 6);
    const [xScale, xUnit] = scaleOf(columns.flatMap(([x]) => x), options.xUnit);
    const [yScale, yUnit] = scaleOf(columns.flatMap(([, y]) => y), options.yUnit);
    const named = (words, unit) => unit ? `${words}, ${unit}` : words;
    const xWords = v => options.room ? String(Math.round(v)) : format(v * xScale, options.xUnit);
    const chart = new uPlot({
      title: named(title, yUnit), width, height: 250, padding: [8, 12, 0, 0],
      scales: {x: {time: false, range: (_, low, high) => [low - (options.room ?? 0), high + (options.room ?? 0)]}, y: {range: options.range}},
      axes: [
        {...axis, label: named(xLabel, xUnit), labelSize: 20, labelFont: axis.font, size: 34, values: (_, ticks) => ticks.map(v => options.room && !Number.isInteger(v) ? "" : short(v))},
        {...axis, size: 58, values: (_, ticks) => ticks.map(v => v === null ? "" : short(v))},
      ],
      series: [{label: xLabel, value: (_, v) => v === null ? "–" : xWords(v)}, ...series.map(s => ({spanGaps: true, value: (_, v) => v === null ? "–" : format(v * yScale, options.yUnit), ...s}))],
      cursor: {drag: {x: true, y: false}},
    }, uPlot.join(columns.map(([x, y]) => [x.map(v => v / xScale), y.map(v => v / yScale)])), host);
    chart.root.dataset.points = columns.reduce((n, [, y]) => n + y.filter(v => v !== null).length, 0);
    return chart;
  }

  const sorted = points => {
    const inOrder = points.filter(p => p.y !== null).sort((a, b) => a.x - b.x);
    return [inOrder.map(p => p.x), inOrder.map(p => p.y)];
  };

  // inTime plots every call in the order in which it was measured.
  function inTime(host, width, shown, choice, {axis}) {
    const series = [], columns = [], aside = [], disturbed = [];
    for (const [i, {name, samples, stroke}] of shown.entries()) {
      const s = spread(samples);
      const many = s.points.length > samples.length;
      series.push(dots(name, stroke, many ? 4 : 7, many ? "transparent" : stroke));
      columns.push(sorted(s.points.filter(p => p.counts)));
      if (many && axis === "block") {
        series.push(whole(name + ", value of the block", stroke, i));
        columns.push(sorted(samples.filter(s => s.counts).map(s => ({x: s.x, y: s.value}))));
      }
      aside.push(...s.points.filter(p => !p.counts));
      disturbed.push(...samples.filter(s => s.disturbed).map(s => ({x: s.x, y: s.value})));
    }
    if (aside.length > 0) {
      series.push(dots("does not count", colour("--faint"), 5, "transparent"));
      columns.push(sorted(aside));
    }
    if (disturbed.length > 0) {
      series.push(dots("disturbed", colour("--warn"), 14, "transparent"));
      columns.push(sorted(disturbed));
    }
    return plot(host, axis === "block" ? "Every call, in the order of measurement" : "Every sample", width, axis, series, columns, {yUnit: choice.unit, room: 0.3});
  }

  // cumulative plots the share of the values that are at most x.
  function cumulative(host, width, shown, choice) {
    const series = [], columns = [];
    for (const [i, {name, samples, stroke}] of shown.entries()) {
      const x = countingCalls(samples).filter(v => v !== null).sort((a, b) => a - b);
      const last = new Map(x.map((v, i) => [v, 100 * (i + 1) / x.length]));
      series.push({label: name, stroke, width: 2, dash: [[], [8, 3], [2, 3], [8, 3, 2, 3]][i % 4], paths: uPlot.paths.stepped({align: 1}), points: {show: false}});
      columns.push([[...last.keys()], [...last.values()]]);
    }
    return plot(host, "Share of the values up to x", width, choice.title, series, columns, {
      xUnit: choice.unit, yUnit: "%", range: [0, 102],
    });
  }

  // paired returns the ratios of two cells' calls of the same round and of their values in the same block, none if there are too
  // few blocks to compare.
  function paired([a, b]) {
    const other = new Map(b.samples.filter(s => s.counts).map(s => [s.block, s]));
    const rounds = [], blocks = [];
    for (const s of a.samples) {
      const o = other.get(s.block);
      if (!s.counts || !o || !(o.value > 0)) continue;
      blocks.push({x: s.block, y: s.value / o.value});
      const n = s.kept && s.calls.length === o.calls.length ? s.calls.length : 0;
      for (let i = Math.max(s.dropped, o.dropped); i < n; i++) {
        if (o.calls[i] > 0) rounds.push({x: s.block - 0.35 + 0.7 * (i + 0.5) / n, y: s.calls[i] / o.calls[i]});
      }
    }
    return blocks.length > 1 ? {rounds, blocks} : null;
  }

  function ratios(host, width, [a, b], {rounds, blocks}) {
    const of = `${a.name} / ${b.name}`;
    const series = [whole(of + " by block", colour("--ink"), 0), {label: "equal", stroke: colour("--warn"), width: 1, dash: [4, 4], points: {show: false}}];
    const columns = [sorted(blocks), [[blocks[0].x - 0.35, blocks.at(-1).x + 0.35], [1, 1]]];
    if (rounds.length > 0) {
      series.unshift(dots("by round", colour("--ink"), 4, "transparent"));
      columns.unshift(sorted(rounds));
    }
    return plot(host, "Ratios of the calls of the same round, and of the values of the same block", width, "block", series, columns, {room: 0.3});
  }

  // samplesTable lists the samples for those who cannot see the plots, and for copying.
  function samplesTable(shown, choice) {
    const headings = ["cell", "block", "attempt", "part", "value", "calls", "counts", "disturbed by"];
    const body = make("tbody", {});
    for (const {name, samples} of shown) {
      for (const s of samples) {
        const calls = s.kept ? `${s.calls.length - s.dropped} of ${s.calls.length}` : "1";
        const row = make("tr", {});
        for (const text of [name, s.block, s.attempt, s.label || "–", format(s.value, choice.unit), calls, s.counts ? "yes" : "no", s.disturbed || "–"]) {
          row.append(make("td", {}, String(text)));
        }
        body.append(row);
      }
    }
    const head = make("thead", {}, make("tr", {}, ...headings.map(h => make("th", {}, h))));
    return make("div", {className: "scroll"}, make("table", {className: "small"}, head, body));
  }

  function facts({name, samples}, choice) {
    const values = countingCalls(samples).filter(v => v !== null);
    const blocks = new Set(samples.filter(s => s.counts).map(s => s.block)).size;
    const disturbed = samples.filter(s => s.disturbed).length;
    const words = [
      `${samples.length} ${samples.length === 1 ? "sample" : "samples"}`, `${blocks} ${blocks === 1 ? "block" : "blocks"}`,
      ...(values.length > samples.length ? [`${values.length} calls`] : []),
      ...(values.length > 1 ? [`${values.length > samples.length ? "median of the calls" : "median"} ${format(median(values), choice.unit)}`, `from ${format(Math.min(...values), choice.unit)} to ${format(Math.max(...values), choice.unit)}`] : [format(values[0], choice.unit)]),
      ...(disturbed ? [`${disturbed} disturbed`] : []),
    ];
    return make("li", {}, make("b", {}, name), " " + words.join(" · "));
  }

  // titleOf names the number that was clicked, by the texts around it.
  function titleOf(link) {
    const entry = link.closest("td"), row = link.closest("tr"), table = link.closest("table");
    if (!entry || link.textContent === link.dataset.cells) return {texts: []};
    const heading = table.tHead.rows[0].cells[entry.cellIndex];
    let before = table.closest(".scroll");
    while (before && before.tagName !== "H3") before = before.previousElementSibling;
    const keys = [...row.cells].filter(c => c.classList.contains("key") && c !== entry).map(c => c.firstChild?.textContent ?? "");
    const texts = [before?.textContent, ...keys, heading.textContent].filter(Boolean);
    const value = (link.querySelector(".value") ?? link).textContent.trim();
    return {title: texts.join(" · "), value, texts, of: heading.dataset.of};
  }

  // mostCells is how many cells one plot can show.
  const mostCells = 6;

  function show(data, link) {
    const panel = document.getElementById("panel");
    const ids = link.dataset.cells.split(" ");
    const cells = ids.map(id => ({id, ...data.cells[id]})).filter(c => c.model);
    const words = c => `${c.model} · ${c.probe} · ${c.point}`;
    const {title = words(cells[0]), value = "", texts, of} = titleOf(link);
    const close = make("button", {type: "button", className: "close", ariaLabel: "Close"}, "✕");
    close.addEventListener("click", () => panel.close());
    panel.redraw = null;
    panel.replaceChildren(make("header", {}, make("div", {}, make("h2", {id: "panel-title", tabIndex: -1, autofocus: true}, title), make("p", {className: "value"}, value)), close));
    if (cells.length > mostCells || choices(data, cells).length === 0) list(data, panel, cells, words);
    else draw(data, panel, cells, texts, of);
    if (!panel.open) panel.showModal();
    panel.redraw?.();
  }

  // list offers the cells of a number that comes from many, or says that a cell has no samples.
  function list(data, panel, cells, words) {
    panel.append(make("ul", {className: "cells"}, ...cells.map(c => {
      const link = make("a", {href: "#cell-" + c.id}, words(c));
      link.dataset.cells = c.id;
      const measured = choices(data, [c]).length > 0;
      return make("li", {}, measured && cells.length > 1 ? link : words(c), measured ? "" : ": no samples");
    })));
  }

  function draw(data, panel, cells, texts, of) {
    const options = choices(data, cells);
    const first = options.find(o => texts.some(t => t.startsWith(o.title))) ?? options.find(o => o.key === of) ?? options[0];
    const select = make("select", {ariaLabel: "Quantity"}, ...options.map(o => make("option", {value: o.key, selected: o === first}, o.title)));
    const host = make("div", {className: "plots"}), list = make("ul", {className: "facts"});
    const table = make("details", {}, make("summary", {}, "Samples as a table"));
    const names = cells.map(c => c.model);
    const distinct = new Set(names).size === names.length;
    const styles = cells.map(c => data.models.find(m => m.name === c.model)?.style ?? 0);
    const apart = new Set(styles).size === styles.length;

    panel.redraw = () => {
      const choice = options.find(o => o.key === select.value);
      const shown = cells.map((c, i) => ({
        name: distinct ? c.model : `${c.model} ${c.point}`, stroke: colour(`--c${(apart ? styles[i] : i) % 7}`), samples: samplesOf(data, c, choice),
      }));
      list.replaceChildren(...shown.map(s => facts(s, choice)));
      table.replaceChildren(table.firstChild, samplesTable(shown, choice));
      host.replaceChildren();
      const kind = kindOf(cells[0].probe, shown);
      table.open = kind.few;
      if (kind.few) return;
      const pairs = shown.length === 2 && kind.axis === "block" ? paired(shown) : null;
      const width = Math.max(260, host.clientWidth);
      inTime(host, width, shown, choice, kind);
      if (!kind.course) cumulative(host, width, shown, choice);
      if (pairs) ratios(host, width, shown, pairs);
    };
    select.addEventListener("change", panel.redraw);
    const sources = cells.map(c => make("li", {}, `${c.model} · ${c.probe} · ${c.point}: `, make("code", {}, `archbench show ${c.id}`)));
    panel.append(...(options.length > 1 ? [make("label", {className: "choice"}, "Shown: ", select)] : []), list, host, table,
      make("ul", {className: "sources"}, ...sources));
  }

  const redraw = () => {
    const panel = document.getElementById("panel");
    if (panel.open) panel.redraw?.();
  };
  addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  document.getElementById("panel").addEventListener("click", event => {
    if (event.target === event.currentTarget) event.currentTarget.close(); // beside the panel
  });
  return {show};
})();
