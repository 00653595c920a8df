/** The batch that a key names: the reverse of `keyOf`. */
export function batchOf(key: string): { stream: string; batch_id: string } {
  const slash = key.indexOf("/");
  return { stream: key.slice(0, slash), batch_id: key.slice(slash + 1) };
}
