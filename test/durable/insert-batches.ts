/**
 * A statement that enters so many batches into a ledger. Columns are SQL in which `value` counts from 1;
 * those not given are of a batch written long ago.
 */
export function insertBatches(count: number, columns: Record<string, string> = {}): string {
  const all = {
    key: "printf('batch-metrics/run-%06d', value)",
    state: "'written'",
    digest: "'d1'",
    row_count: "0",
    bytes: "2",
    accepted_at: "1",
    dated_at: "1",
    ...columns,
  };
  return `
    INSERT INTO batches (${Object.keys(all).join(", ")})
    SELECT ${Object.values(all).join(", ")} FROM (WITH RECURSIVE counted (value) AS (
      SELECT 1 UNION ALL SELECT value + 1 FROM counted WHERE value < ${count}
    ) SELECT value FROM counted)`;
}
