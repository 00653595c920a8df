/** How often each thing goes wrong: a chance for each occasion. */
export interface Faults {
  /** A call of a shard is lost on its way there. */
  requestLost: number;
  /** A call of a shard has worked, and its answer is lost. */
  replyLost: number;
  /** A call of a shard, or its answer, takes up to 15 minutes: as long as a consumer may work. */
  callSlow: number;
  /** A shard ends between any two awaits; its memory is gone, its storage is not. */
  evicted: number;
  /** A send fails before it has sent, never answers, or fails after it has sent. */
  sendFails: number;
  sendHangs: number;
  sendFailsAfter: number;
  /** A ticket vanishes in the queue, or comes twice. */
  ticketLost: number;
  ticketDoubled: number;
  /** The dead-letter queue delivers late. */
  burialLate: number;
  /** A consumer dies while it works. */
  consumerDies: number;
  /** D1 fails before it has committed, or after. */
  databaseFails: number;
  databaseFailsAfter: number;
  /** D1 fails with an error that nobody has seen before. */
  databaseOdd: number;
  /** D1 is away for a while. */
  databaseAway: number;
  /** D1, or its answer, takes up to 15 minutes. */
  databaseSlow: number;
  /** The alarm comes twice, the second time at times to another instance. */
  alarmDoubled: number;
  /** The alarm cannot be set, once or for a while. */
  alarmFails: number;
  alarmsAway: number;
  /** The number of shards or of databases is changed; in some lives both, one after the other. */
  deployed: number;
  /** An operator mends D1 at times and replays some, or drops one. */
  replayed: number;
  dropped: number;
  /** Retention of D1 runs. */
  retained: number;
  /** Hours pass. */
  timeJumps: number;
}

export const NONE: Faults = {
  requestLost: 0,
  replyLost: 0,
  callSlow: 0,
  evicted: 0,
  sendFails: 0,
  sendHangs: 0,
  sendFailsAfter: 0,
  ticketLost: 0,
  ticketDoubled: 0,
  burialLate: 0,
  consumerDies: 0,
  databaseFails: 0,
  databaseFailsAfter: 0,
  databaseOdd: 0,
  databaseAway: 0,
  databaseSlow: 0,
  alarmDoubled: 0,
  alarmFails: 0,
  alarmsAway: 0,
  deployed: 0,
  replayed: 0,
  dropped: 0,
  retained: 0,
  timeJumps: 0,
};

export const ALL: Faults = {
  requestLost: 0.03,
  replyLost: 0.03,
  callSlow: 0.05,
  evicted: 0.02,
  sendFails: 0.05,
  sendHangs: 0.02,
  sendFailsAfter: 0.05,
  ticketLost: 0.05,
  ticketDoubled: 0.1,
  burialLate: 0.5,
  consumerDies: 0.03,
  databaseFails: 0.05,
  databaseFailsAfter: 0.05,
  databaseOdd: 0.02,
  databaseAway: 0.02,
  databaseSlow: 0.02,
  alarmDoubled: 0.1,
  alarmFails: 0.1,
  alarmsAway: 0.02,
  deployed: 0.03,
  replayed: 0.05,
  dropped: 0.02,
  retained: 0.01,
  timeJumps: 0.01,
};

/** Those faults, at their chances. @throws Error where there is no such fault. */
export function only(names: readonly string[]): Faults {
  const faults = { ...NONE };
  for (const name of names.filter((given) => given !== "")) {
    if (!isFault(name)) throw new Error(`there is no fault "${name}"`);
    faults[name] = ALL[name];
  }
  return faults;
}

export function faultNames(): (keyof Faults)[] {
  return Object.keys(NONE).filter(isFault);
}

function isFault(name: string): name is keyof Faults {
  return name in NONE;
}
