import { reasonOf } from "../failure.ts";
import type { Kept } from "./entry.ts";
import type { Spool } from "./spool.ts";

/**
 * Claims uploads of the spool; where it takes no claim, as on a full disk, reads which there
 * are, so that they are sent all the same: what two processes send is still taken once.
 * @param onTrouble told why the spool took no claim.
 * @throws Error where it cannot be read either.
 */
export function claimOrRead(
  spool: Spool,
  wanted: { most: number; refused: boolean; after?: Kept | undefined },
  onTrouble: (reason: string) => void,
): Kept[] {
  const { most, refused, after } = wanted;
  try {
    return spool.claim(most, refused, after);
  } catch (error) {
    const read = spool.read(most, refused, after);
    onTrouble(reasonOf(error));
    return read;
  }
}
