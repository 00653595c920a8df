const ISO_8601 =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?(Z|[+-]\d{2}(?::?\d{2})?)$/i;

/**
 * The same moment in UTC, to the millisecond, or null where the text is no such moment:
 * no offset, or a date that does not exist. Without milliseconds the text has none, so a
 * time that is in UTC already stays as it was sent.
 */
export function utcOf(text: string): string | null {
  const match = ISO_8601.exec(text);
  if (!match) return null;
  const [, year, month, day, hour, minute, second = "00", fraction = "", offset = "Z"] = match;
  const written = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const local = Date.parse(`${written}Z`);
  // Date.parse lets 31 February overflow into March; then the text does not come back.
  if (Number.isNaN(local) || !new Date(local).toISOString().startsWith(written)) return null;

  const shift = offsetMinutes(offset);
  if (shift === null) return null;
  const utc = new Date(local - shift * 60_000 + Number(fraction.padEnd(3, "0").slice(0, 3)));
  const iso = utc.toISOString();
  // A year outside 0000 to 9999 has a sign, and would not sort as text.
  return /^\d/.test(iso) ? iso.replace(".000Z", "Z") : null;
}

function offsetMinutes(offset: string): number | null {
  if (offset.toUpperCase() === "Z") return 0;
  const hours = Number(offset.slice(1, 3));
  const minutes = offset.length > 3 ? Number(offset.slice(-2)) : 0;
  if (hours > 23 || minutes > 59) return null;
  return (offset.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}
