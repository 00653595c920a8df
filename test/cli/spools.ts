import { join } from "node:path";
import { Spool } from "../../cli/spool/spool.ts";
import { newFolder } from "../folder.ts";
import { entryNamed } from "./uploads.ts";

/** A spool's file in which so many uploads wait: u-0, u-1, … */
export async function waitingSpool(count: number): Promise<string> {
  const path = join(newFolder(), "spool.db");
  const spool = new Spool(path);
  for (let index = 0; index < count; index++) spool.add(await entryNamed(`u-${index}`));
  spool.close();
  return path;
}

/** How many uploads wait in a spool's file, for whatever address. */
export function waitingIn(path: string): number {
  const spool = new Spool(path);
  const waiting = spool.list().filter(({ state }) => state === "waiting").length;
  spool.close();
  return waiting;
}
