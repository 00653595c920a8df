/** What a browser may send and see, on every answer. */
export function corsHeaders(origin: string): Record<string, string> {
  return {
    "Access-Control-Allow-Origin": origin,
    "Access-Control-Expose-Headers":
      "Location, Retry-After, Idempotent-Replayed, Preference-Applied, WWW-Authenticate",
    ...(origin !== "*" && { Vary: "Origin" }),
  };
}

/** The answer to a browser that asks before it sends. */
export function preflight(methods: readonly string[]): Response {
  return new Response(null, {
    status: 204,
    headers: {
      Allow: methods.join(", "),
      "Access-Control-Allow-Methods": methods.join(", "),
      "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding, Prefer",
      "Access-Control-Max-Age": "86400",
    },
  });
}
