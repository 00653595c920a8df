import * as v from "valibot";
import { uploadsIn } from "../spool/entry.ts";

/** What `millrace upload --json` prints. */
export const UploadReport = v.object({
  counts: v.record(v.string(), v.number()),
  uploads: v.array(
    v.object({
      source: v.string(),
      stream: v.string(),
      batch_id: v.string(),
      rows: v.number(),
      state: v.string(),
      reason: v.optional(v.nullable(v.string())),
    }),
  ),
  errors: v.array(v.string()),
  spool: v.object({
    path: v.string(),
    waiting: v.number(),
    refused: v.number(),
    elsewhere: v.array(v.object({ uploads: v.number() })),
  }),
});
export type UploadReport = v.InferOutput<typeof UploadReport>;

/** Uploads, and faults, that the summary lists: GitHub takes 1 MiB, and a reader less. */
const MOST_ROWS = 50;

/** The step's summary, in Markdown: counts, what became of each batch, and what was kept back. */
export function summaryOf(report: UploadReport): string {
  const counts = Object.entries(report.counts).filter(([, number]) => number > 0);
  const rows = report.uploads
    .slice(0, MOST_ROWS)
    .map(({ source, batch_id, rows: results, state, reason }) => {
      const told = [state, reason].filter(Boolean).join(": ");
      return `| ${cell(source)} | <code>${cell(batch_id)}</code> | ${results} | ${cell(told)} |`;
    });
  const more = report.uploads.length - rows.length;
  const errors = report.errors.slice(0, MOST_ROWS);
  const further = report.errors.length - errors.length;
  const elsewhere = uploadsIn(report.spool.elsewhere);
  return [
    "### Millrace",
    counts.map(([what, number]) => `${number} ${what}`).join(", ") || "Nothing was uploaded.",
    ...(rows.length > 0
      ? ["", "| report | batch | results | state |", "|---|---|---:|---|", ...rows]
      : []),
    ...(more > 0 ? ["", `… and ${more} more`] : []),
    // No link: the service tells nobody without a token.
    ...(rows.length > 0 ? ["", "How a batch stands now: `millrace status ID`"] : []),
    ...(report.spool.waiting > 0
      ? [
          "",
          `${report.spool.waiting} kept in the spool \`${report.spool.path}\`: sent by the next upload or \`millrace flush\`.`,
        ]
      : []),
    ...(report.spool.refused > 0
      ? [
          "",
          `${report.spool.refused} kept in the spool as refused: \`millrace spool list\` tells why.`,
        ]
      : []),
    ...(elsewhere > 0
      ? ["", `${elsewhere} kept in the spool for other addresses: the step's log tells which.`]
      : []),
    ...errors.map((error) => `\n- ${cell(error)}`),
    ...(further > 0 ? ["", `… and ${further} more errors: the step's log has them all.`] : []),
    "",
  ].join("\n");
}

/** Text from a report, which must not become Markdown or HTML of its own. */
function cell(text: string): string {
  return text
    .slice(0, 300)
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\\`*_{}[\]<>|#&]/g, (character) => `&#${character.charCodeAt(0)};`);
}
