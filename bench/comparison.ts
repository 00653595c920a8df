import type { Measurement } from "./measure.ts";
import type { Setting } from "./settings.ts";
import { ratios } from "./statistics.ts";

/** The settings that were measured, in their order. */
export function settingsOf(measurements: readonly Measurement[]): Setting[] {
  const settings = new Map<string, Setting>();
  for (const { results, connections } of measurements) {
    settings.set(`${results}/${connections}`, { results, connections });
  }
  return [...settings.values()];
}

/** The measurements of one row of a table, one for each round. */
export function measurementsOf(
  measurements: readonly Measurement[],
  contestant: string,
  status: number,
  setting: Setting,
): Measurement[] {
  return measurements.filter(
    (one) =>
      one.contestant === contestant &&
      one.status === status &&
      one.results === setting.results &&
      one.connections === setting.connections,
  );
}

/** How many rounds there were at a setting. */
export function roundsAt(measurements: readonly Measurement[], setting: Setting): number {
  const first = measurements.find(
    ({ results, connections }) =>
      results === setting.results && connections === setting.connections,
  );
  if (!first) return 0;
  return measurementsOf(measurements, first.contestant, first.status, setting).length;
}

/** One contestant's figures divided by those of another, one ratio for each round. */
export interface Comparison {
  committed: number[];
  p50: number[];
  accepted: number[];
}

/** Compares with one that answers once it has written: that is what both rates are divided by. */
export function compared(
  measurements: readonly Measurement[],
  contestant: string,
  other: string,
  setting: Setting,
): Comparison {
  const own = (status: number) => measurementsOf(measurements, contestant, status, setting);
  const others = measurementsOf(measurements, other, 201, setting);
  return {
    committed: ratios(own(201).map(perSecond), others.map(perSecond)),
    p50: ratios(own(201).map(p50), others.map(p50)),
    accepted: ratios(own(202).map(perSecond), others.map(perSecond)),
  };
}

const perSecond = (one: Measurement): number => one.perSecond;
const p50 = (one: Measurement): number => one.p50_ms;
