import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

/** Draws a Vega-Lite chart as SVG. */
export async function chart(spec: TopLevelSpec): Promise<string> {
  const { spec: marks } = compile({ background: "white", padding: 12, ...spec });
  return `${await new View(parse(marks), { renderer: "none" }).toSVG()}\n`;
}
