import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { median, spread } from "./statistics.ts";

/** How a run was asked for. */
export interface Run {
  rounds: number;
  /** Of one measurement. */
  seconds: number;
  command: string;
}

/** What it was measured on and with. */
export function machine(): string {
  const [cpu] = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const versions = [
    "workerd",
    "wrangler",
    "miniflare",
    "autocannon",
    "fastify",
    "pg",
    "pg-boss",
  ].map((name) => `${name} ${versionOf(name)}`);
  return `Machine: ${cpus().length} × ${cpu?.model ?? "unknown"}, ${memory} GB, Linux ${release()}. Load generator, service and database share it.
Versions: Node ${process.versions.node}, SQLite ${process.versions.sqlite ?? "unknown"}, ${versions.join(", ")}.`;
}

function versionOf(name: string): string {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
  return String(version);
}

/** A table in Markdown. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** The median of a measure, with the least and the greatest in brackets. */
export function ranged(values: readonly number[], digits = 0): string {
  const [least, greatest] = spread(values);
  const middle = median(values);
  if (!Number.isFinite(middle)) return "–";
  return `${shown(middle, digits)} (${shown(least, digits)}–${shown(greatest, digits)})`;
}

/** A number as it stands in a table; a dash where there is none. */
export function shown(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : "–";
}

/** A number with its noun: "1 round", "3 rounds". */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Writes a page, and its chart beside it. */
export function writePage(out: string, text: string, chart: string): void {
  writeFileSync(out, text);
  writeFileSync(out.replace(/\.md$/, ".svg"), chart);
  console.log(`wrote ${out}`);
}
