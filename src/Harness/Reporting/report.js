// What a report does when it is used: values under the pointer, switching series, choosing charts, and tables that filter, sort and save.
"use strict";

const tip = document.getElementById("tip");

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function short(number) {
  const size = Math.abs(number);
  if (Number.isInteger(number) && size < 1e7) return number.toLocaleString("en-US");
  return size !== 0 && (size < 1e-4 || size >= 1e7) ? number.toExponential(3) : String(Number(number.toPrecision(4)));
}

function showTip(text, event) {
  tip.textContent = text;
  tip.hidden = false;
  const left = Math.min(event.clientX + 14, document.documentElement.clientWidth - tip.offsetWidth - 6);
  const below = event.clientY + 18;
  tip.style.left = `${Math.max(left, 4)}px`;
  tip.style.top = `${below + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : below}px`;
}

// The drawings' own titles would appear as a second tip, late.
for (const title of document.querySelectorAll(".chart title")) {
  title.parentNode.setAttribute("data-tip", title.textContent);
  title.remove();
}

// A finger comes down and does not move.
const pointing = ["pointermove", "pointerdown"];

pointing.forEach(kind => document.addEventListener(kind, event => {
  const holder = event.target.closest?.("[data-tip]");
  if (holder) showTip(holder.getAttribute("data-tip"), event);
  else if (!event.target.closest?.(".chart.lines")) tip.hidden = true;
}));

function followPoints(chart) {
  const series = [...chart.querySelectorAll(".series")].map(group => ({
    group,
    points: group.dataset.points.split(";").filter(Boolean).map(point => point.split(" ").map(Number)),
    places: group.dataset.places.split(";").filter(Boolean).map(place => place.split(" ").map(Number)),
  }));
  const near = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  near.setAttribute("class", "near");
  near.setAttribute("r", "6");
  near.setAttribute("visibility", "hidden");
  chart.append(near);
  const hide = () => near.setAttribute("visibility", "hidden");
  const show = ({ group, points, places }, i, event) => {
    const [x, y, low, high] = points[i];
    const range = low === undefined ? "" : ` (${short(low)} to ${short(high)})`;
    showTip(`${group.dataset.name}\n${chart.dataset.x}: ${short(x)}\n${chart.dataset.y}: ${short(y)}${range}`, event);
    near.setAttribute("cx", places[i][0]);
    near.setAttribute("cy", places[i][1]);
    near.setAttribute("visibility", "visible");
  };
  pointing.forEach(kind => chart.addEventListener(kind, event => {
    if (event.target.closest("[data-tip]")) return hide();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
    let best = null;
    for (const line of series) {
      if (line.group.classList.contains("off")) continue;
      line.places.forEach(([x, y], i) => {
        const distance = Math.hypot(x - at.x, y - at.y);
        if (distance < 30 && (!best || distance < best.distance)) best = { distance, line, i };
      });
    }
    if (best) return show(best.line, best.i, event);
    tip.hidden = true;
    hide();
  }));
  const leave = () => { hide(); tip.hidden = true; };
  chart.addEventListener("pointerleave", leave);

  // Without a mouse: the arrow keys walk along the line of the name that has the focus.
  for (const key of chart.querySelectorAll(".key")) {
    const line = series.find(candidate => candidate.group.dataset.name === key.dataset.name);
    let at = -1;
    key.addEventListener("keydown", event => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step || !line?.places.length || line.group.classList.contains("off")) return;
      event.preventDefault();
      at = Math.min(Math.max(at + step, 0), line.places.length - 1);
      const place = new DOMPoint(...line.places[at]).matrixTransform(chart.getScreenCTM());
      show(line, at, { clientX: place.x, clientY: place.y });
    });
    key.addEventListener("blur", () => { at = -1; leave(); });
  }
}

// A click hides or shows a series, a double click shows it alone, or all again; the others fade while a name is pointed at.
function switchSeries(chart) {
  const keys = [...chart.querySelectorAll(".key")];
  const groups = [...chart.querySelectorAll(".series")];
  const isOff = key => key.classList.contains("off");
  const set = (key, off) => {
    key.classList.toggle("off", off);
    key.setAttribute("aria-pressed", String(!off));
    for (const group of groups) {
      if (group.dataset.name === key.dataset.name) group.classList.toggle("off", off);
    }
  };
  for (const key of keys) {
    key.setAttribute("role", "button");
    key.setAttribute("tabindex", "0");
    set(key, false);
    const stress = on => () => {
      chart.classList.toggle("one", on && !isOff(key));
      groups.forEach(group => group.classList.toggle("this", group.dataset.name === key.dataset.name));
    };
    for (const kind of ["pointerenter", "focus"]) key.addEventListener(kind, stress(true));
    for (const kind of ["pointerleave", "blur", "click"]) key.addEventListener(kind, stress(false));
    key.addEventListener("click", () => set(key, !isOff(key)));
    key.addEventListener("dblclick", () => {
      const alone = keys.every(other => other === key || isOff(other));
      keys.forEach(other => set(other, !alone && other !== key));
    });
    key.addEventListener("keydown", event => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      set(key, !isOff(key));
    });
  }
}

// A list for every facet in which the charts of a section differ. At first all are shown, or when they are many those of the first values.
function chooseFigures(box) {
  const most = 4;
  const figures = [...box.querySelectorAll("figure[data-facets]")].map(figure => ({ figure, facets: JSON.parse(figure.dataset.facets) }));
  if (figures.length < 2) return;
  const lists = Object.keys(figures[0].facets).map(facet => {
    const values = [...new Set(figures.map(entry => entry.facets[facet]))];
    const list = element("select", {}, element("option", { value: "all", textContent: `all ${values.length}` }),
      ...values.map((value, i) => element("option", { value: String(i), textContent: value === "" ? "–" : value })));
    return { facet, values, list };
  });
  const shown = () => figures.filter(entry => lists.every(({ facet, values, list }) => list.value === "all" || values[list.value] === entry.facets[facet]));
  // Which of the parts that the lines of one chart were dealt to comes last: they belong together.
  const last = list => list.facet === "lines";
  for (const { values, list } of [...lists].sort((a, b) => last(a) - last(b) || b.values.length - a.values.length)) {
    if (shown().length > most && values.length > 1) list.value = "0";
  }
  const none = element("p", { textContent: "No chart has all of this: choose “all” somewhere.", hidden: true });
  const update = () => {
    const chosen = new Set(shown());
    figures.forEach(entry => { entry.figure.hidden = !chosen.has(entry); });
    none.hidden = chosen.size > 0;
  };
  lists.forEach(({ list }) => list.addEventListener("change", update));
  box.before(element("div", { className: "choices" }, ...lists.map(({ facet, list }) => element("label", {}, facet, list))), none);
  update();
}

// What a long table holds is packed.
async function textOf(script) {
  if (script.type === "application/json") return script.textContent;
  const bytes = Uint8Array.from(atob(script.textContent), character => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

const isNumber = text => text !== "" && !Number.isNaN(Number(text));

// A column is the list of its texts, or of its different texts and for each row the place of its text among them.
function columnOf(name, cells) {
  const { values, at } = Array.isArray(cells) ? { values: cells, at: null } : cells;
  return {
    name, values,
    numeric: values.some(isNumber) && values.every(text => text === "" || isNumber(text)),
    of: (list, row) => list[at ? at[row] : row],
  };
}

function matcher(filter) {
  const compared = /^(>=|<=|>|<|=)\s*(.+)$/.exec(filter);
  if (!compared) {
    const wanted = filter.toLowerCase();
    return text => text.toLowerCase().includes(wanted);
  }
  const [, sign, value] = compared;
  if (!isNumber(value)) return text => sign === "=" && text === value;
  const number = Number(value);
  const fits = { ">=": n => n >= number, "<=": n => n <= number, ">": n => n > number, "<": n => n < number, "=": n => n === number }[sign];
  return text => isNumber(text) && fits(Number(text));
}

// A long text may break where the parts of names end, too.
const breakable = text => text.match(/[^,+:]+[,+:]*|[,+:]+/g).flatMap(part => [part, element("wbr")]);

const csvField = text => /[",\r\n]|^ | $/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
const counted = number => number.toLocaleString("en-US");

async function liveTable(box) {
  const step = 100;
  const data = JSON.parse(await textOf(box.querySelector("script")));
  const columns = data.columns.map((name, i) => columnOf(name, data.cells[i]));
  const rows = Array.from({ length: data.rows }, (_, row) => row);
  const textAt = (column, row) => column.of(column.values, row);
  const withFilters = box.classList.contains("filters");
  const filters = columns.map(() => "");
  let limit = withFilters ? step : Infinity;
  let order = null;
  let shown = rows;

  const body = element("tbody");
  const count = element("span", { className: "count", role: "status" });
  const save = element("button", { className: "save", type: "button", textContent: "Save CSV" });
  const more = element("button", { className: "more", type: "button", textContent: `Show ${step} more` });
  const heads = columns.map((column, i) => {
    const button = element("button", { type: "button", textContent: column.name });
    button.addEventListener("click", () => {
      order = { column, down: order?.column === column && !order.down };
      heads.forEach((head, at) => {
        if (at === i) head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      update();
    });
    return element("th", { className: column.numeric ? "number" : "", scope: "col" }, button);
  });
  const inputs = columns.map((column, i) => {
    const input = element("input", { type: "search", placeholder: column.numeric ? ">= 1" : "filter", ariaLabel: `filter ${column.name}` });
    input.addEventListener("input", () => {
      filters[i] = input.value.trim();
      limit = step;
      update();
    });
    return element("th", {}, input);
  });

  function cellOf(column, row) {
    const text = textAt(column, row);
    const number = column.numeric && text !== "" && !Number.isInteger(Number(text));
    const kind = column.numeric ? "number" : text.length > 40 && text.includes(" ") ? "long" : text.length > 24 ? "name" : "";
    const cell = element("td", { className: kind }, ...kind === "name" || kind === "long" ? breakable(text) : [number ? short(Number(text)) : text]);
    if (number) cell.title = text;
    return cell;
  }

  function update() {
    // Each different text is looked at once, not each row.
    const tests = filters.flatMap((filter, i) => filter === "" ? [] : [{ column: columns[i], fits: columns[i].values.map(matcher(filter)) }]);
    shown = rows.filter(row => tests.every(({ column, fits }) => column.of(fits, row)));
    if (order) {
      const { column, down } = order;
      const keys = column.numeric ? column.values.map(Number) : column.values;
      // Empty cells stay at the end either way.
      const compare = (a, b) => a < b ? -1 : a > b ? 1 : 0;
      shown.sort((a, b) => (textAt(column, a) === "") - (textAt(column, b) === "") || (down ? -1 : 1) * compare(column.of(keys, a), column.of(keys, b)));
    }
    body.replaceChildren(...shown.slice(0, limit).map(row => {
      const line = element("tr", {}, ...columns.map(column => cellOf(column, row)));
      if (box.dataset.name === "environment" && columns.slice(2).some(column => textAt(column, row) !== textAt(columns[1], row))) line.className = "differs";
      return line;
    }));
    const hidden = Math.max(shown.length - limit, 0);
    count.textContent = !withFilters ? "" : `${counted(shown.length)} of ${counted(rows.length)} rows${hidden ? `, the first ${limit} of them below` : ""}`;
    more.hidden = hidden === 0;
  }

  more.addEventListener("click", () => { limit += step; update(); });
  save.addEventListener("click", () => {
    const line = texts => `${texts.map(csvField).join(",")}\n`;
    const text = line(data.columns) + shown.map(row => line(columns.map(column => textAt(column, row)))).join("");
    const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: `${box.dataset.name}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });

  const top = element("div", { className: "tools" });
  top.append(box.querySelector(".caption"), save, count);
  const head = element("thead", {}, element("tr", {}, ...heads));
  if (withFilters) head.append(element("tr", { className: "filters" }, ...inputs));
  box.append(top, element("div", { className: "scroll", tabIndex: 0 }, element("table", {}, head, body)), more);
  update();
}

document.querySelectorAll(".chart.lines").forEach(followPoints);
document.querySelectorAll(".chart").forEach(switchSeries);
document.querySelectorAll(".figures").forEach(chooseFigures);
document.querySelectorAll(".table").forEach(liveTable);
