/** The name of a shard's object, from which the object reads its number. */
export function shardName(shard: number): string {
  return `shard-${shard}`;
}

/** The number in a shard's name. @throws Error where the object is named otherwise. */
export function shardNumber(name: string | undefined): number {
  const number = /^shard-(\d{1,6})$/.exec(name ?? "")?.[1];
  if (number === undefined) throw new Error(`a ledger object has the name ${String(name)}`);
  return Number(number);
}
