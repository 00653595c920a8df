import manifest from "../../package.json" with { type: "json" };

/** The client's version, as released with the service's. */
export const VERSION: string = manifest.version;

/** The service, and with what right we call it. */
export interface Connection {
  /** Without a slash at its end. */
  url: string;
  /** Absent where none is configured: the service will say 401. */
  token: string | undefined;
}

/** One HTTP request to the service. The answer may have any status; no answer throws. */
export function call(
  { url, token }: Connection,
  path: string,
  init: RequestInit & { headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(`${url}${path}`, {
    ...init,
    // A redirected POST would become a GET, and the upload would be lost without an error.
    redirect: "manual",
    headers: Object.assign(
      {
        Accept: "application/json",
        "User-Agent": `millrace/${VERSION} node/${process.versions.node}`,
        ...(token && { Authorization: `Bearer ${token}` }),
      },
      init.headers,
    ),
  });
}
