import * as v from "valibot";
import { unstable_readConfig as readConfig } from "wrangler";

const Databases = v.array(v.object({ binding: v.string(), database_name: v.string() }));

/** A database that `wrangler.toml` binds. */
export interface BoundDatabase {
  binding: string;
  /** Its name in the account. */
  name: string;
}

/** Every database that `wrangler.toml` binds, in its order. */
export function boundDatabases(): BoundDatabase[] {
  const config = readConfig({ config: "wrangler.toml" });
  const databases = v.parse(Databases, config.d1_databases);
  return databases.map(({ binding, database_name: name }) => ({ binding, name }));
}
