import autocannon from "autocannon";
import type { LoadOptions } from "./load.ts";
import { type Answered, headersOf, PATH, postsOf } from "./posts.ts";

/** Each caller posts its next upload when the one before it is answered. The last ones are cut off. */
export function repeatWithAutocannon(options: LoadOptions, answered: Answered): Promise<void> {
  const next = postsOf(options);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  /** By the context that autocannon makes for each request. */
  const posted = new WeakMap<object, string>();
  let id = "";
  const instance = autocannon(
    {
      url: options.url,
      connections: options.connections,
      duration: options.seconds,
      timeout: 30,
      requests: [
        {
          method: "POST",
          path: PATH,
          headers: headersOf(options),
          setupRequest: (request, context) => {
            const post = next();
            posted.set(context, post.id);
            return { ...request, body: post.body };
          },
          // Called right before the event below, which knows the time and not the request.
          onResponse: (_status, _body, context) => {
            id = posted.get(context) ?? "";
          },
        },
      ],
    },
    (error) => (error ? reject(error) : resolve()),
  );
  instance.on("response", (_client, status, _bytes, milliseconds) => {
    answered(status, id, milliseconds);
  });
  instance.on("reqError", () => answered(0, "", 0));
  return promise;
}
