import type { Shot } from "./measure.ts";
import { median } from "./statistics.ts";

const BAR_HEIGHT = 22;
const LABEL_WIDTH = 230;
const PLOT_WIDTH = 420;

/** Bars of the throughput with 100 results and 16 connections, as SVG. */
export function plot(shots: readonly Shot[]): string {
  const groups = new Map<string, number[]>();
  for (const shot of shots) {
    if (shot.results !== 100 || shot.connections !== 16) continue;
    const label = `${shot.contestant}, ${shot.status === 201 ? "committed" : "accepted"}`;
    groups.set(label, [...(groups.get(label) ?? []), shot.perSecond]);
  }
  const bars = [...groups].map(([label, values]) => ({ label, value: median(values) }));
  const most = Math.max(1, ...bars.map((bar) => bar.value));
  const lines = bars.map(({ label, value }, index) => {
    const top = 30 + index * (BAR_HEIGHT + 8);
    const width = (value / most) * PLOT_WIDTH;
    const fill = label.startsWith("millrace") ? "#d9730d" : "#7a8694";
    return `  <text x="${LABEL_WIDTH - 8}" y="${top + 15}" text-anchor="end">${label}</text>
  <rect x="${LABEL_WIDTH}" y="${top}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" fill="${fill}"/>
  <text x="${(LABEL_WIDTH + width + 6).toFixed(1)}" y="${top + 15}">${value.toFixed(0)}</text>`;
  });
  const height = 40 + bars.length * (BAR_HEIGHT + 8);
  const total = LABEL_WIDTH + PLOT_WIDTH + 80;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total} ${height}" font-family="sans-serif" font-size="13" role="img">
  <title>Batches per second, 100 results a batch, 16 connections</title>
  <rect width="${total}" height="${height}" fill="#fff"/>
  <text x="${LABEL_WIDTH}" y="18" font-weight="bold">Batches per second (100 results, 16 connections)</text>
${lines.join("\n")}
</svg>
`;
}
