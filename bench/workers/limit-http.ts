export { BatchLedger } from "../../src/index.ts";

/** What the runtime can do at most: reads the body, and answers as if it had been written. */
export default {
  async fetch(request) {
    const { length } = await request.text();
    return Response.json({ status: "written", length }, { status: 201 });
  },
} satisfies ExportedHandler<Env>;
