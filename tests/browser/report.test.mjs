// Reports in a real browser: `FLGPU=path/to/flgpu npm test`, with Chromium at /usr/bin/chromium or at $CHROMIUM.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import * as made from "./results.mjs";

const flgpu = resolve(process.env.FLGPU ?? "flgpu");
const repository = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const work = mkdtempSync(join(tmpdir(), "flgpu-browser-"));
const one = join(work, "fast");
const two = join(work, "slow");
let browser;
let written;

function report(folders, page) {
  execFileSync(flgpu, ["report", ...folders, "--out", page], { stdio: ["ignore", "ignore", "inherit"] });
  return page;
}

before(async () => {
  written = made.writeFolder(one);
  made.writeFolder(two, 3);
  report([one], join(one, "report.html"));
  report([one, two], join(work, "both", "report.html"));
  report([join(repository, "results/quickstart")], join(work, "quickstart", "report.html"));
  report([join(repository, "results/catalogue/iid"), join(repository, "results/catalogue/dirichlet")], join(work, "catalogue", "report.html"));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
      "--disable-sync",
    ],
  });
});

after(async () => {
  await browser?.close();
  rmSync(work, { recursive: true });
});

/** Opens a file in a context of its own and runs `use`; fails on any error of the page and on any request but that for the file. */
async function open(path, use, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const troubles = [];
  const requests = [];
  context.on("request", request => requests.push(request.url()));
  const page = await context.newPage();
  page.on("console", message => { if (["error", "warning"].includes(message.type())) troubles.push(message.text()); });
  page.on("pageerror", error => troubles.push(error.message));
  const url = pathToFileURL(path).href;
  await page.goto(url);
  if (path.endsWith(".html")) await page.waitForFunction(() => [...document.querySelectorAll(".table")].every(box => box.querySelector("tbody")));
  await use(page, context);
  await context.close();
  assert.deepEqual(troubles, []);
  assert.deepEqual(requests.filter(request => request !== url && !request.startsWith("data:") && !request.startsWith("blob:")), []);
}

/** The series of the charts of a section: {title of the chart, subtitle, name, points}. */
const seriesOf = (page, section) => page.$$eval(`#${section} .chart.lines .series`, groups => groups.map(group => ({
  title: group.ownerSVGElement.querySelector(".title").textContent,
  chart: [...group.ownerSVGElement.querySelectorAll("text")].slice(0, 3).map(text => text.textContent).join(" "),
  name: group.dataset.name,
  points: group.dataset.points.split(";").map(point => point.split(" ").map(Number)),
})));

const tableOf = (page, selector) => page.$eval(selector, box => ({
  columns: [...box.querySelectorAll("thead tr:first-child th")].map(head => head.textContent),
  rows: [...box.querySelectorAll("tbody tr")].map(row => [...row.cells].map(cell => cell.title || cell.textContent)),
}));

const chooseAll = page => page.$$eval(".choices select", lists => lists.forEach(list => {
  list.value = "all";
  list.dispatchEvent(new Event("change"));
}));

function close(actual, expected, message) {
  assert.ok(Math.abs(actual - expected) <= 1e-12 * Math.max(Math.abs(expected), 1), `${message}: ${actual} instead of ${expected}`);
}

/** Texts of drawings that overlap or leave their drawing, blocks that overlap, and whether the page is wider than the window. */
const collisions = page => page.evaluate(() => {
  const found = [];
  const slack = 1;
  const visible = element => element.getClientRects().length > 0;
  const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack;
  const among = (elements, where) => {
    const boxes = elements.filter(visible).map(element => ({ box: element.getBoundingClientRect(), text: element.textContent.slice(0, 40) }));
    for (let i = 0; i < boxes.length; i++) {
      for (let j = i + 1; j < boxes.length; j++) {
        if (overlap(boxes[i].box, boxes[j].box)) found.push(`${where}: "${boxes[i].text}" and "${boxes[j].text}"`);
      }
    }
  };
  let texts = 0;
  for (const chart of [...document.querySelectorAll(".chart")].filter(visible)) {
    const title = chart.querySelector(".title").textContent;
    const all = [...chart.querySelectorAll("text")];
    texts += all.length;
    among(all, title);
    // Lines, bars and marks stay within the axes, clear of labels and legend.
    for (const series of [...chart.querySelectorAll(".series")].filter(visible)) {
      const drawn = [...series.querySelectorAll("path, rect")].filter(visible).map(part => part.getBoundingClientRect());
      for (const text of all) {
        if (drawn.some(box => overlap(box, text.getBoundingClientRect()))) found.push(`${title}: "${series.dataset.name}" covers "${text.textContent}"`);
      }
    }
    if (!chart.querySelector(".marker, .cell, .bar")) found.push(`${title}: nothing is drawn`);
    const frame = chart.getBoundingClientRect();
    for (const text of all) {
      const box = text.getBoundingClientRect();
      if (box.left < frame.left - slack || box.right > frame.right + slack || box.top < frame.top - slack || box.bottom > frame.bottom + slack) {
        found.push(`${title}: "${text.textContent}" leaves the drawing`);
      }
    }
  }
  document.querySelectorAll("header, nav, main, section, .figures, figure, .table, .table .tools, .choices").forEach(parent =>
    among([...parent.children].filter(child => child.tagName !== "SCRIPT"), parent.id || parent.className || parent.tagName));
  if (document.documentElement.scrollWidth > innerWidth) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
  return { found, texts };
});

async function saved(page, selector) {
  const download = page.waitForEvent("download");
  await page.click(`${selector} button.save`);
  const file = await download;
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), "utf8") };
}

test("every section that has data is there, in order, and linked", () => open(join(one, "report.html"), async page => {
  const sections = await page.$$eval("main section", all => all.map(section => section.id));
  assert.deepEqual(sections, [
    "growth-clients", "time-clients", "growth-parameters", "time-parameters", "speed-up", "heat-accuracy", "heat-success", "accuracy-rounds", "success-rounds", "detection",
    "round-shares", "peak", "problems", "rows", "environment",
  ]);
  assert.deepEqual(await page.$$eval("nav a", links => links.map(link => link.getAttribute("href").slice(1))), sections);
}));

test("lines of time hold the medians and quartiles of summary.csv", () => open(join(one, "report.html"), async page => {
  const series = await seriesOf(page, "time-clients");
  assert.equal(series.length, made.parameters.length * made.defenses.length * made.backends.length);
  for (const { name, chart, points } of series) {
    const backend = made.backends.find(candidate => name.endsWith(` · ${candidate}`));
    const defense = name.slice(0, -` · ${backend}`.length);
    const d = made.parameters.find(candidate => chart.includes(` ${candidate.toLocaleString("en-US")} parameters`));
    assert.deepEqual(points, made.clients.map(n => {
      const row = written.summary.find(r => r.kind === "defense" && r.name === defense && r.backend === backend && r.clients === n && r.parameters === d);
      return [n, row.median_ms, row.q1_ms, row.q3_ms];
    }));
  }
}));

test("exponents are the slopes of least-squares lines through the logarithms", () => open(join(one, "report.html"), async page => {
  const { columns, rows } = await tableOf(page, '#growth-clients .table[data-name="exponents-clients"]');
  const at = Object.fromEntries(columns.map((column, i) => [column, i]));
  assert.equal(rows.length, made.parameters.length * made.defenses.length * made.backends.length);
  for (const row of rows) {
    const xs = made.clients.map(Math.log);
    const ys = made.clients.map(n => Math.log(made.medianMs(row[at.name], row[at["ran on"]], n, Number(row[at.parameters]))));
    const sxx = xs.reduce((sum, x) => sum + (x - made.mean(xs)) ** 2, 0);
    const slope = xs.reduce((sum, x, i) => sum + (x - made.mean(xs)) * (ys[i] - made.mean(ys)), 0) / sxx;
    const residual = xs.reduce((sum, x, i) => sum + (ys[i] - made.mean(ys) - slope * (x - made.mean(xs))) ** 2, 0);
    const half = 4.302652729911275 * Math.sqrt(residual / 2 / sxx); // Student's t of 95 % for 4 - 2 degrees of freedom
    close(Number(row[at.exponent]), slope, "exponent");
    assert.ok(Math.abs(Number(row[at.low]) - (slope - half)) < 1e-9 && Math.abs(Number(row[at.high]) - (slope + half)) < 1e-9, `interval of ${row}`);
  }
  const marks = await page.$$eval("#growth-clients .mark", all => all.map(({ dataset }) => [dataset.row, dataset.name, dataset.value, dataset.low, dataset.high]));
  const inTable = rows.map(row => [at.name, at["ran on"], at.exponent, at.low, at.high].map(column => row[column]));
  assert.deepEqual(marks.map(String).sort(), inTable.map(String).sort());
  await page.hover("#growth-clients .mark >> nth=0");
  assert.match(await page.textContent("#tip"), /^.+ · .+: -?\d\.\d\d \(95 %: -?\d+\.\d\d to -?\d+\.\d\d\), from 10 to [\d,]+$/);
}));

test("speed-ups are the time of simd over that of the backend, and percents of the peak are those of the column", () => open(join(one, "report.html"), async page => {
  const speedUps = await seriesOf(page, "speed-up");
  assert.equal(speedUps.length, made.parameters.length * made.defenses.length * 2);
  for (const { name, points } of speedUps) {
    points.forEach(([n, factor], i) => {
      assert.equal(n, made.clients[i]);
      close(factor, name.endsWith("cuda:0") ? 12.5 : 0.1, name);
    });
  }
  const peaks = await seriesOf(page, "peak");
  for (const { name, points } of peaks) {
    const defense = made.defenses.find(candidate => name.startsWith(`${candidate} · `));
    assert.deepEqual(points, made.clients.map(n => [n, 80 - 10 * made.defenses.indexOf(defense) - n / 100]));
  }
}));

test("accuracy and attack success over rounds are means with a deviation over the seeds", () => open(join(one, "report.html"), async page => {
  const series = await seriesOf(page, "accuracy-rounds");
  assert.equal(series.length, made.attacks.length * made.defenses.length);
  for (const { title, name, points } of series) {
    const attack = title.includes("no attack") ? "none" : made.longAttack;
    assert.equal(points.length, made.rounds);
    points.forEach(([round, value, low, high], i) => {
      const values = made.seeds.map(seed => made.accuracy(name, attack, seed, i + 1));
      assert.equal(round, i + 1);
      close(value, made.mean(values), `${name} in round ${round}`);
      close(low, made.mean(values) - made.deviation(values), "lower end");
      close(high, made.mean(values) + made.deviation(values), "upper end");
    });
  }
  const success = await seriesOf(page, "success-rounds");
  assert.deepEqual(success.map(line => line.name), made.defenses);
  success.forEach(line => line.points.forEach(([round, value]) =>
    close(value, made.mean(made.seeds.map(seed => 1 - made.accuracy(line.name, made.longAttack, seed, round))), line.name)));
}));

test("heat maps and bars hold their numbers", () => open(join(one, "report.html"), async page => {
  const values = await page.$$eval("#heat-accuracy .cell", all => all.map(cell => [Number(cell.dataset.row), Number(cell.dataset.column), Number(cell.dataset.value)]));
  assert.equal(values.length, made.defenses.length * made.attacks.length);
  for (const [row, column, value] of values) {
    close(value, 100 * made.mean(made.seeds.map(seed => made.accuracy(made.defenses[row], made.attacks[column], seed, made.rounds))), "cell");
  }
  assert.deepEqual(await page.$$eval("#round-shares rect[data-bar='krum']", bars => bars.map(bar => [bar.dataset.name, Number(bar.dataset.value)])),
    [["train", 60], ["attack", 10], ["aggregate", 20], ["evaluate", 10]]);
  const detection = await page.$$eval("#detection .cell", all => all.map(cell => Number(cell.dataset.value)));
  assert.equal(detection.length, 4);
  detection.forEach((value, i) => close(value, i < 2 ? 50 : 200 / 3, "precision, then recall"));
}));

test("two folders are compared line by line, heat map beside heat map, and by environment", () => open(join(work, "both", "report.html"), async page => {
  const series = await seriesOf(page, "time-clients");
  assert.equal(series.length, 2 * made.parameters.length * made.defenses.length * made.backends.length);
  for (const line of series.filter(candidate => candidate.name.endsWith(" · slow"))) {
    const fast = series.find(other => other.chart === line.chart && other.name === line.name.replace(/slow$/, "fast"));
    line.points.forEach(([n, median], i) => close(median / fast.points[i][1], 3, `${line.name} at ${n}`));
  }
  assert.equal(await page.$$eval("#heat-accuracy figure", all => all.length), 2);
  const times = await tableOf(page, '.table[data-name="compared-times"]');
  assert.deepEqual(times.columns.slice(-3), ["fast ms", "slow ms", "slow times as fast"]);
  assert.equal(times.rows.length, made.parameters.length * made.backends.length * made.clients.length * made.defenses.length);
  for (const row of times.rows) {
    const [fast, slow, ratio] = row.slice(-3).map(Number);
    const at = name => row[times.columns.indexOf(name)];
    close(fast, made.medianMs(at("name"), at("backend"), Number(at("clients")), Number(at("parameters"))), "ms of the first folder");
    close(slow, 3 * fast, "ms of the other");
    close(ratio, 1 / 3, "ratio");
  }
  const marks = await page.$$eval("#comparison .mark", all => all.map(({ dataset }) => [dataset.row, Number(dataset.value), Number(dataset.low), Number(dataset.high)]));
  assert.equal(marks.length, made.defenses.length * made.backends.length + made.defenses.length);
  for (const [row, value, low, high] of marks) {
    for (const end of [value, low, high]) close(end, made.defenses.includes(row) ? 0 : 1 / 3, row);
  }
  const { columns, rows } = await tableOf(page, '.table[data-name="environment"]');
  assert.deepEqual(columns, ["what", "fast", "slow"]);
  assert.deepEqual(rows.find(row => row[0] === "host.cpu_model"), ["host.cpu_model", "Fast CPU", "Slow CPU"]);
  assert.deepEqual(await page.$$eval("tr.differs td:first-child", cells => cells.map(cell => cell.textContent)), ["host.cpu_model"]);
}));

test("the table of rows filters by text and by number, and sorts numbers as numbers", () => open(join(one, "report.html"), async page => {
  const table = '.table[data-name="summary"]';
  const filter = (column, text) => page.fill(`${table} input[aria-label="filter ${column}"]`, text);
  const count = () => page.textContent(`${table} .count`);
  const all = written.summary.length;
  assert.match(await count(), new RegExp(`^${all} of ${all} rows`));
  await filter("name", "KRUM");
  const krums = written.summary.filter(row => row.name === "krum").length;
  assert.equal(await count(), `${krums} of ${all} rows`);
  await filter("clients", ">= 100");
  const large = written.summary.filter(row => row.name === "krum" && row.clients >= 100).length;
  assert.equal(await count(), `${large} of ${all} rows`);
  const medians = async () => {
    const { columns, rows } = await tableOf(page, table);
    return rows.map(row => Number(row[columns.indexOf("median_ms")]));
  };
  const heading = `${table} th button:text-is("median_ms")`;
  await page.click(heading);
  const up = await medians();
  assert.equal(up.length, large);
  assert.deepEqual(up, [...up].sort((a, b) => a - b));
  await page.click(heading);
  assert.deepEqual(await medians(), [...up].reverse());
  await filter("clients", "= 7");
  assert.equal(await count(), `0 of ${all} rows`);
}));

test("saving gives the file back, and with a filter what is shown", () => open(join(one, "report.html"), async page => {
  const table = '.table[data-name="summary"]';
  for (const [name, text] of Object.entries(written.texts)) {
    assert.deepEqual(await saved(page, `.table[data-name="${name}"]`), { name: `${name}.csv`, text });
  }
  await page.fill(`${table} input[aria-label="filter status"]`, "skipped");
  const skipped = written.summary.filter(row => row.status === "skipped");
  assert.equal((await saved(page, table)).text,
    made.csvLine(written.summaryColumns) + skipped.map(row => made.csvLine(written.summaryColumns.map(column => row[column]))).join(""));
  const tables = await page.$$eval(".table", boxes => boxes.map(box => box.querySelectorAll("button.save").length));
  assert.ok(tables.length > 5 && tables.every(buttons => buttons === 1), "every table has one button to save it");
  const names = await page.$$eval(".table", boxes => boxes.map(box => box.dataset.name));
  assert.equal(new Set(names).size, names.length, "no two tables are saved under one name");
}));

test("all of the 19,440 rows of a sweep are in the page, and filtering and sorting them takes no time", () => open(join(work, "quickstart", "report.html"), async page => {
  const table = '.table[data-name="timings"]';
  const csv = name => readFileSync(join(repository, "results/quickstart", `${name}.csv`), "utf8");
  for (const name of ["summary", "accuracy", "timings"]) {
    assert.equal((await saved(page, `.table[data-name="${name}"]`)).text, csv(name));
  }
  const [columns, ...rows] = csv("timings").trimEnd().split("\n").map(line => line.split(",")); // nothing in it is quoted
  const at = columns.indexOf("wall_ms");
  const clock = act => page.$eval(table, (box, kind) => {
    const start = performance.now();
    if (kind === "sort") [...box.querySelectorAll("th button")].find(button => button.textContent === "wall_ms").click();
    else {
      const input = box.querySelector('input[aria-label="filter wall_ms"]');
      input.value = kind;
      input.dispatchEvent(new Event("input"));
    }
    return performance.now() - start;
  }, act);
  const filtered = await clock("> 0.25");
  const fitting = rows.map(row => Number(row[at])).filter(ms => ms > 0.25);
  assert.match(await page.textContent(`${table} .count`), new RegExp(`^${fitting.length.toLocaleString("en-US")} of ${rows.length.toLocaleString("en-US")} rows`));
  const sorted = await clock("sort");
  const shown = (await tableOf(page, table)).rows.map(row => Number(row[at]));
  assert.deepEqual(shown, fitting.sort((a, b) => a - b).slice(0, 100));
  await page.click(`${table} button.more`);
  assert.equal((await tableOf(page, table)).rows.length, 200);
  assert.ok(filtered < 500 && sorted < 500, `${filtered} ms to filter, ${sorted} ms to sort`);
}));

test("a skipped case is listed with its reason, as text", () => open(join(one, "report.html"), async page => {
  const { columns, rows } = await tableOf(page, '.table[data-name="problems"]');
  assert.equal(rows.length, 1);
  assert.equal(rows[0][columns.indexOf("reason")], made.reason);
  assert.equal(rows[0][columns.indexOf("status")], "skipped");
}));

test("the legend hides and shows a series by mouse and keyboard, and a double click leaves it alone", () => open(join(one, "report.html"), async page => {
  const chart = page.locator("#accuracy-rounds .chart").first();
  const shown = () => chart.locator(".series").evaluateAll(groups => groups.filter(group => getComputedStyle(group).display !== "none").map(group => group.dataset.name));
  const key = chart.locator(`.key[data-name="krum"]`);
  await key.click();
  assert.deepEqual(await shown(), ["none", made.longDefense]);
  assert.equal(await key.getAttribute("aria-pressed"), "false");
  await key.focus();
  await page.keyboard.press("Enter");
  assert.deepEqual(await shown(), made.defenses);
  await page.waitForTimeout(700); // or the clicks would count as one double click
  await key.dblclick();
  assert.deepEqual(await shown(), ["krum"]);
  await key.dblclick();
  assert.deepEqual(await shown(), made.defenses);
}));

test("the pointer shows the values of the nearest point, of a cell and of a bar", () => open(join(one, "report.html"), async page => {
  const chart = page.locator("#accuracy-rounds .chart").first();
  await chart.scrollIntoViewIfNeeded();
  const [x, y] = await chart.evaluate(svg => {
    const last = svg.querySelector(".series").dataset.places.split(";").at(-1).split(" ").map(Number);
    const point = new DOMPoint(...last).matrixTransform(svg.getScreenCTM());
    return [point.x, point.y];
  });
  await page.mouse.move(x, y);
  const value = made.mean(made.seeds.map(seed => made.accuracy("none", "none", seed, made.rounds)));
  const tip = await page.textContent("#tip");
  assert.ok(tip.startsWith(`none\nround: ${made.rounds}\ntest accuracy: ${Number(value.toPrecision(4))} (`), tip);
  await page.hover("#heat-accuracy .cell >> nth=0");
  assert.match(await page.textContent("#tip"), /^none without attack: 9\d\.\d % ± 1\.0 %, 3 seeds$/);
  await page.hover("#round-shares rect[data-bar='krum'] >> nth=0");
  assert.equal(await page.textContent("#tip"), "krum, train: 60.0 %, 6 ms a round");
  await page.mouse.move(2, 2);
  assert.ok(await page.isHidden("#tip"));
}));

test("lists choose among the charts of a section", () => open(join(work, "quickstart", "report.html"), async page => {
  const shown = () => page.$$eval("#accuracy-rounds figure", all => all.filter(figure => !figure.hidden).map(figure => JSON.parse(figure.dataset.facets)));
  assert.deepEqual((await shown()).map(facets => facets.clients), Array(3).fill("10 clients, 2 malicious"));
  const [clients, attack] = await page.$$("#accuracy-rounds .choices select");
  await clients.selectOption({ label: "100 clients, 20 malicious" });
  await attack.selectOption({ label: "label_flip" });
  assert.deepEqual(await shown(), [{ clients: "100 clients, 20 malicious", attack: "label_flip" }]);
}));

for (const folder of ["fast", "both", "quickstart", "catalogue"]) {
  for (const width of [1280, 400]) {
    test(`nothing overlaps in the report of ${folder} at ${width} pixels`, () => open(join(work, folder, "report.html"), async page => {
      await chooseAll(page);
      const { found, texts } = await collisions(page);
      assert.deepEqual(found, []);
      assert.ok(texts > 100, `only ${texts} texts were looked at`);
    }, { viewport: { width, height: 900 } }));
  }
}

test("an overlap would be found", () => open(join(one, "report.html"), async page => {
  await page.$eval("#heat-accuracy .chart text:nth-of-type(2)", text => text.setAttribute("y", text.previousElementSibling.getAttribute("y")));
  assert.notDeepEqual((await collisions(page)).found, []);
}));

test("light and dark follow the reader, and text has contrast in both", async () => {
  const grounds = [];
  for (const colorScheme of ["light", "dark"]) {
    await open(join(one, "report.html"), async page => {
      const colors = await page.evaluate(() => {
        const channels = color => color.match(/[\d.]+/g).slice(0, 3).map(Number);
        const luminance = color => channels(color).map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
          .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const ground = luminance(getComputedStyle(document.querySelector("figure")).backgroundColor);
        const against = color => (Math.max(luminance(color), ground) + 0.05) / (Math.min(luminance(color), ground) + 0.05);
        return {
          ground,
          texts: [...new Set([...document.querySelectorAll(".chart .text, .chart .faint")].map(text => getComputedStyle(text).fill))].map(against),
          lines: [...new Set([...document.querySelectorAll(".chart .series .line")].map(line => getComputedStyle(line).stroke))].map(against),
        };
      });
      grounds.push(colors.ground);
      assert.ok(colors.texts.every(contrast => contrast >= 4.5), `texts ${colors.texts}`);
      assert.ok(colors.lines.length >= 3 && colors.lines.every(contrast => contrast >= 2), `lines ${colors.lines}`);
    }, { colorScheme });
  }
  assert.ok(grounds[0] > 0.9 && grounds[1] < 0.1, `${grounds}`);
});

test("a name in the legend brings its line out, and the arrow keys read its values", () => open(join(one, "report.html"), async page => {
  const chart = page.locator("#accuracy-rounds .chart").first();
  const strong = () => chart.locator(".series").evaluateAll(groups => groups.filter(group => getComputedStyle(group).opacity === "1").map(group => group.dataset.name));
  const key = chart.locator('.key[data-name="krum"]');
  await key.focus();
  assert.deepEqual(await strong(), ["krum"]);
  for (const round of [1, 2, 3]) {
    await page.keyboard.press("ArrowRight");
    const value = made.mean(made.seeds.map(seed => made.accuracy("krum", "none", seed, round)));
    assert.ok((await page.textContent("#tip")).startsWith(`krum\nround: ${round}\ntest accuracy: ${Number(value.toPrecision(4))} (`), await page.textContent("#tip"));
  }
  await page.keyboard.press("ArrowLeft");
  assert.match(await page.textContent("#tip"), /round: 2\n/);
  await key.blur();
  assert.deepEqual(await strong(), made.defenses);
  assert.ok(await page.isHidden("#tip"));
}));

test("a finger reads values too, and what it reads stays on the screen", () => open(join(one, "report.html"), async page => {
  for (const target of ["#heat-accuracy .cell >> nth=0", "#round-shares rect[data-bar='krum'] >> nth=0", "#growth-clients .mark >> nth=0"]) {
    await page.locator(target).scrollIntoViewIfNeeded();
    await page.locator(target).dispatchEvent("pointerdown", await page.locator(target).evaluate(element => {
      const box = element.getBoundingClientRect();
      return { bubbles: true, clientX: box.right, clientY: box.top };
    }));
    const box = await page.locator("#tip").boundingBox();
    assert.ok(box && box.x >= 0 && box.x + box.width <= 400 && box.y >= 0 && box.y + box.height <= 900, `${target}: ${JSON.stringify(box)}`);
  }
}, { viewport: { width: 400, height: 900 }, hasTouch: true }));

test("colours differ for those who lack one kind of cones, in light and in dark", async () => {
  // Machado, Oliveira and Fernandes 2009, on linear RGB.
  const views = {
    "all cones": [1, 0, 0, 0, 1, 0, 0, 0, 1],
    protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
    deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  };
  const linear = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16) / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const seen = (rgb, m) => [0, 1, 2].map(row => Math.min(Math.max(rgb.reduce((sum, c, i) => sum + c * m[3 * row + i], 0), 0), 1));
  const lab = ([r, g, b]) => {
    const [x, y, z] = [(0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, 0.2126 * r + 0.7152 * g + 0.0722 * b, (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089]
      .map(t => t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  };
  for (const colorScheme of ["light", "dark"]) {
    await open(join(one, "report.html"), async page => {
      const colors = await page.evaluate(() => Array.from({ length: 7 }, (_, i) => getComputedStyle(document.documentElement).getPropertyValue(`--c${i}`).trim()));
      for (const [view, matrix] of Object.entries(views)) {
        const labs = colors.map(color => lab(seen(linear(color), matrix)));
        labs.forEach((a, i) => labs.slice(i + 1).forEach((b, j) => {
          const distance = Math.hypot(...a.map((value, k) => value - b[k]));
          assert.ok(distance > 10, `${colors[i]} and ${colors[i + 1 + j]} are ${distance.toFixed(1)} apart with ${view} in ${colorScheme}`);
        }));
      }
    }, { colorScheme });
  }
});

test("on paper tables keep to the page and to their words, and those too wide for it say where they are", async () => {
  for (const folder of ["both", "quickstart", "catalogue"]) {
    await open(join(work, folder, "report.html"), async page => {
      await page.emulateMedia({ media: "print" });
      const { wide, broken, tables } = await page.evaluate(() => {
        const printed = [...document.querySelectorAll("table")].filter(table => table.getClientRects().length > 0);
        return {
          tables: printed.length,
          wide: printed.filter(table => table.getBoundingClientRect().right > innerWidth).map(table => table.closest(".table").dataset.name),
          broken: printed.flatMap(table => [...table.querySelectorAll("td")]).filter(cell => {
            const text = document.createRange();
            text.selectNodeContents(cell);
            return text.getClientRects().length > 1 && cell.getBoundingClientRect().width < 100;
          }).map(cell => cell.textContent),
        };
      });
      assert.ok(tables > 0);
      assert.deepEqual({ wide, broken }, { wide: [], broken: [] });
      assert.equal(await page.$eval('.table[data-name="summary"]', box => getComputedStyle(box, "::after").content.includes("Not on paper")), true);
    }, { viewport: { width: 718, height: 1000 } }); // A4 less margins of 10 mm
  }
});

test("on paper all charts are there, black on white, without the controls", () => open(join(work, "quickstart", "report.html"), async page => {
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  assert.equal(await page.$$eval("figure", all => all.filter(figure => figure.getClientRects().length === 0).length), 0);
  assert.equal(await page.$$eval(".choices, button.save, nav", all => all.filter(control => control.getClientRects().length > 0).length), 0);
  assert.equal(await page.$eval("body", body => getComputedStyle(body).backgroundColor), "rgb(255, 255, 255)");
  assert.ok((await page.pdf()).length > 10_000);
}));

test("every chart is a file that a browser draws by itself", async () => {
  const charts = readdirSync(join(one, "charts"));
  assert.deepEqual(charts.filter(chart => !chart.endsWith(".svg")), []);
  await open(join(one, "report.html"), async page => assert.equal(charts.length, await page.$$eval("figure", all => all.length)));
  for (const chart of charts) {
    await open(join(one, "charts", chart), async page => {
      assert.equal(await page.evaluate(() => document.documentElement.tagName), "svg");
      assert.equal(await page.$$eval("parsererror", all => all.length), 0);
      assert.deepEqual((await page.$eval("svg .ground", ground => getComputedStyle(ground).fill)), "rgb(255, 255, 255)");
      assert.ok(await page.$$eval("svg .marker, svg .cell, svg .bar", marks => marks.length) > 0, `${chart} is empty`);
      assert.deepEqual(await page.$$eval("svg text", texts => {
        const frame = document.documentElement.viewBox.baseVal;
        const scale = document.documentElement.getScreenCTM().inverse();
        return texts.filter(text => {
          const box = text.getBoundingClientRect();
          const [from, to] = [new DOMPoint(box.left, box.top), new DOMPoint(box.right, box.bottom)].map(point => point.matrixTransform(scale));
          return from.x < -1 || from.y < -1 || to.x > frame.width + 1 || to.y > frame.height + 1;
        }).map(text => text.textContent);
      }), [], `${chart}: texts outside`);
    });
  }
});

test("the page of a folder with 19,000 rows stays small", () => {
  assert.ok(statSync(join(work, "quickstart", "report.html")).size < 1_500_000);
});
