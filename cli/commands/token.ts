import { createHash, randomBytes } from "node:crypto";
import * as v from "valibot";
import { EXIT } from "../exit-codes.ts";
import { Output } from "../output.ts";
import { common, parseOptions } from "../settings.ts";

const SCOPES = ["ingest", "read", "admin"] as const;

const Options = v.object({
  ...common,
  name: v.optional(
    v.pipe(v.string(), v.regex(/^[\w.-]{1,60}$/, "must be 1 to 60 of A-Z a-z 0-9 _ . -")),
    "ci",
  ),
  scopes: v.optional(
    v.pipe(
      v.string(),
      v.transform((text) => text.split(",").map((scope) => scope.trim())),
      v.array(v.picklist(SCOPES, `must be of ${SCOPES.join(",")}`)),
    ),
    "ingest",
  ),
});

/** `millrace token new`: a new token, shown this once, and what the service is given instead of it. */
export async function tokenNew(given: unknown): Promise<number> {
  const { json, name, scopes } = parseOptions(Options, given);
  const token = `millrace_${randomBytes(32).toString("base64url")}`;
  const sha256 = createHash("sha256").update(token).digest("hex");
  const secret = { name, sha256, scopes };
  new Output(json).result({ token, secret }, [
    "The token, shown only now; give it to the client as MILLRACE_TOKEN:",
    "",
    `  ${token}`,
    "",
    "Its entry for the service, which is given no more than the hash. The secret MILLRACE_TOKENS is",
    "an array of such entries. It cannot be read back, so keep the array, and put all of it:",
    "",
    "  npx wrangler secret put MILLRACE_TOKENS",
    `  [${JSON.stringify(secret)}]`,
  ]);
  return EXIT.done;
}
