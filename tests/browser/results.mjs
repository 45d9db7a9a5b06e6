// Folders of results with numbers that the tests know, for every section that a report can have.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const longDefense = "bucketing:s=2+geometric_median:tolerance=1e-6,iterations=100";
export const longAttack = "label_flip:mode=targeted,source=1,target=7";
export const defenses = ["none", "krum", longDefense];
export const attacks = ["none", longAttack];
export const backends = ["simd", "cpu", "cuda:0"];
export const clients = [10, 30, 100, 1000];
export const parameters = [1000, 20000];
export const seeds = [1, 2, 3];
export const rounds = 20;
export const reason = 'the device has 8 GB, "mda" needs 12,5 GB; <b>not tried</b>';

const quoted = value => {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

export const csvLine = cells => `${cells.map(quoted).join(",")}\n`;

function csv(columns, rows) {
  return csvLine(columns) + rows.map(row => csvLine(columns.map(column => row[column]))).join("");
}

// Times grow with n^1, n^2 and n^1.3, with a wobble that keeps the fit from being exact.
const growth = { none: 1, krum: 2, [longDefense]: 1.3 };
const speed = { simd: 1, cpu: 0.1, "cuda:0": 12.5 };

export function medianMs(defense, backend, n, d, slower = 1) {
  const wobble = 1 + 0.1 * Math.sin(n + d);
  return slower * 1e-6 * d * Math.pow(n, growth[defense]) * wobble / speed[backend];
}

export function accuracy(defense, attack, seed, round) {
  const reached = attack !== "none" && defense === "none" ? 0.1 : 0.95 - 0.1 * defenses.indexOf(defense);
  return reached * (1 - Math.exp(-round / 4)) + 0.01 * seed;
}

export const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length;

export const deviation = values => Math.sqrt(values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1));

const summaryColumns = [
  "kind", "name", "attack", "dataset", "partition", "backend", "threads", "clients", "malicious", "parameters", "samples", "min_ms", "q1_ms", "median_ms",
  "q3_ms", "relative_iqr", "gflop_per_s", "gb_per_s", "percent_of_peak", "seeds", "final_accuracy_mean", "final_accuracy_deviation", "final_attack_success_mean",
  "status", "reason",
];

const accuracyColumns = [
  "run_id", "dataset", "partition", "model", "parameters", "clients", "malicious", "attack", "defense", "backend", "seed", "round", "test_accuracy", "test_loss",
  "attack_success", "kept_honest", "kept_malicious", "detection_precision", "detection_recall", "detection_f1", "detection_false_positive_rate", "reckoned_f",
  "aggregate_cosine", "aggregate_distance", "train_ms", "attack_ms", "aggregate_ms", "evaluate_ms", "status", "reason",
];

const timingColumns = [
  "run_id", "kind", "name", "attack", "backend", "device", "threads", "clients", "malicious", "parameters", "scope", "phase", "sample", "wall_ms", "gpu_ms", "flops",
  "compare_exchanges", "bytes_read", "bytes_written", "status", "reason", "dataset", "partition", "model", "local_epochs", "learning_rate",
];

export const samples = 200;

/** Writes a folder of all files; returns the rows and the texts of its CSVs. */
export function writeFolder(path, slower = 1) {
  mkdirSync(path, { recursive: true });
  const summary = [];
  for (const d of parameters) {
    for (const backend of backends) {
      for (const n of clients) {
        for (const name of defenses) {
          const median = medianMs(name, backend, n, d, slower);
          summary.push({
            kind: "defense", name, attack: "none", backend, threads: 2, clients: n, malicious: n / 10, parameters: d, samples: 12, min_ms: 0.8 * median,
            q1_ms: 0.9 * median, median_ms: median, q3_ms: 1.2 * median, relative_iqr: 0.3, percent_of_peak: 80 - 10 * defenses.indexOf(name) - n / 100, status: "ok",
          });
        }
      }
    }
  }
  summary.push({
    kind: "defense", name: "mda", attack: "none", backend: "cuda:0", threads: 2, clients: 1000, malicious: 100, parameters: 20000, samples: 0, status: "skipped", reason,
  });

  const rows = [];
  for (const attack of attacks) {
    for (const defense of defenses) {
      for (const seed of seeds) {
        for (let round = 1; round <= rounds; round++) {
          rows.push({
            run_id: "r", dataset: "digits", partition: "dirichlet:alpha=0.5", model: "mlp:64-64-10", parameters: 4810, clients: 30, malicious: 6, attack, defense,
            backend: "simd", seed, round, test_accuracy: accuracy(defense, attack, seed, round),
            attack_success: attack === "none" ? null : 1 - accuracy(defense, attack, seed, round), kept_honest: 20, kept_malicious: 2,
            detection_precision: defense === "krum" ? 0.5 : null, detection_recall: defense === "krum" ? 2 / 3 : 0, train_ms: 6, attack_ms: 1, aggregate_ms: 2,
            evaluate_ms: 1, status: "ok",
          });
        }
      }
      const last = seeds.map(seed => accuracy(defense, attack, seed, rounds));
      summary.push({
        kind: "accuracy", name: defense, attack, dataset: "digits", partition: "dirichlet:alpha=0.5", backend: "simd", clients: 30, malicious: 6, parameters: 4810,
        seeds: seeds.length, final_accuracy_mean: mean(last), final_accuracy_deviation: deviation(last),
        final_attack_success_mean: attack === "none" ? null : mean(last.map(value => 1 - value)), status: "ok",
      });
    }
  }
  const skipped = summary.find(row => row.status === "skipped");
  const timings = [
    ...defenses.flatMap(name => clients.flatMap(n => Array.from({ length: samples }, (_, sample) => ({
      ...skipped, run_id: "r", name, device: "GPU", clients: n, malicious: n / 10, scope: "compute", phase: "sample", sample, wall_ms: medianMs(name, "cuda:0", n, 20000) + sample / 7,
      status: "ok", reason: "",
    })))),
    { ...skipped, run_id: "r", device: "GPU", scope: "compute", phase: "sample", sample: 0 },
  ];
  const text = csv(summaryColumns, summary);
  const accuracyText = csv(accuracyColumns, rows);
  const timingsText = csv(timingColumns, timings);
  writeFileSync(join(path, "summary.csv"), text);
  writeFileSync(join(path, "accuracy.csv"), accuracyText);
  writeFileSync(join(path, "timings.csv"), timingsText);
  writeFileSync(join(path, "environment.json"), JSON.stringify({
    schema_version: 1, run_id: "r", utc: "2026-01-02T03:04:05+00:00", git: { revision: "0123456789abcdef", dirty: false },
    host: { cpu_model: slower === 1 ? "Fast CPU" : "Slow CPU", logical_cores: 2, instruction_sets: ["Avx2", "Fma"] }, gpus: [], protocol: null,
  }));
  return { summary, summaryColumns, rows, timings, texts: { summary: text, accuracy: accuracyText, timings: timingsText } };
}
