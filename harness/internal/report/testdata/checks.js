// What the browser test asks the page.
const all = selector => [...document.querySelectorAll(selector)];
const one = selector => document.querySelector(selector);

// deadLinks lists links within the page that lead nowhere.
const deadLinks = () => all("a[href^='#']").map(a => a.getAttribute("href")).filter(h => !document.getElementById(h.slice(1)));

// rowsOf lists the rows of a model in all tables that have a column of models.
const rowsOf = model => all("main table").flatMap(table => {
  const column = [...table.tHead.rows[0].cells].findIndex(c => c.textContent === "model" || c.textContent === "series");
  return column < 0 ? [] : [...table.tBodies[0].rows].filter(row => row.cells[column].firstChild.textContent === model && row.checkVisibility());
});

// seriesShown lists the names of the series that figures show.
const seriesShown = () => all("g[data-series]").filter(g => getComputedStyle(g).display !== "none").map(g => g.dataset.series);

// numbersBelow lists the numbers of the column that a heading's button belongs to.
const numbersBelow = button => {
  const heading = button.closest("th");
  return [...heading.closest("table").tBodies[0].rows].map(row => row.cells[heading.cellIndex].dataset.number).filter(Boolean).map(Number);
};
const direction = numbers => {
  const ordered = sign => numbers.every((n, i) => i === 0 || sign * (n - numbers[i - 1]) >= 0);
  return numbers.length < 3 ? "too few" : ordered(1) ? "up" : ordered(-1) ? "down" : "not";
};

// outside lists elements that reach beyond a width.
const outside = (elements, width) => elements.filter(e => e.checkVisibility()).map(e => [e, e.getBoundingClientRect()])
  .filter(([, box]) => box.left < -0.5 || box.right > width + 0.5).map(([e, box]) => `${Math.round(box.left)} to ${Math.round(box.right)}: ${e.textContent.trim().slice(0, 80)}`);

// painted counts the coloured pixels of a canvas.
const painted = canvas => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let n = 0;
  for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3] > 0 && Math.max(...pixels.slice(i, i + 3)) - Math.min(...pixels.slice(i, i + 3)) > 40) n++;
  return n;
};

// faintWords lists visible words whose contrast with their background is below that of WCAG 2.2 AA.
const luminance = colour => {
  const [r, g, b] = colour.match(/[\d.]+/g).slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const opaque = colour => !/^rgba\(.*, 0\)$/.test(colour) && colour !== "transparent";
const behind = e => {
  for (; e; e = e.parentElement) if (opaque(getComputedStyle(e).backgroundColor)) return getComputedStyle(e).backgroundColor;
  return "rgb(255, 255, 255)";
};
const onBar = e => e instanceof SVGElement && /var\(--(paper|on-bar)/.test(e.getAttribute("style"));
const faintWords = () => all("body *").filter(e => !["SCRIPT", "STYLE"].includes(e.tagName) && e.checkVisibility() && !onBar(e) && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
  .map(e => {
    const style = getComputedStyle(e), colour = e instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [luminance(colour), luminance(behind(e))].sort((x, y) => y - x);
    return [e, (a + 0.05) / (b + 0.05), e instanceof SVGElement ? 3 : 4.5];
  })
  .filter(([, contrast, least]) => contrast < least).map(([e, contrast]) => `${contrast.toFixed(2)}: ${e.textContent.trim().slice(0, 80)}`);
