declare namespace Cloudflare {
  interface Env {
    DB: D1Database;
    /** In the tests with several databases. */
    DB_1?: D1Database;
    DB_2?: D1Database;
    MIGRATIONS: import("cloudflare:test").D1Migration[];
  }
  interface GlobalProps {
    mainModule: typeof import("./worker.ts");
    durableNamespaces: "BatchLedger";
  }
}
