import { env } from "cloudflare:workers";

/**
 * The ledger, but when a shard is asked by that method, this happens instead.
 * @param instead gets the real call, to make it before, after or not at all.
 */
export function ledgerWhere(
  method: string,
  instead: (call: () => Promise<unknown>) => Promise<unknown>,
): Env["LEDGER"] {
  return new Proxy(env.LEDGER, {
    get(target, property) {
      if (property !== "getByName") return Reflect.get(target, property);
      return (name: string) =>
        new Proxy(target.getByName(name), {
          get(stub, asked) {
            const real: unknown = Reflect.get(stub, asked);
            if (asked !== method || typeof real !== "function") return real;
            return (...parameters: unknown[]) =>
              instead(async () => Reflect.apply(real, stub, parameters));
          },
        });
    },
  });
}
