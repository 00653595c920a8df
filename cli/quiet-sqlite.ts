/** Node 22 warns that node:sqlite is experimental, which a user of this tool can do nothing about. */
export function quietSqlite(): void {
  const emit = process.emitWarning.bind(process);
  const quiet = (warning: string | Error, ...rest: unknown[]): void => {
    if (!String(warning).includes("SQLite is an experimental feature")) {
      Reflect.apply(emit, process, [warning, ...rest]);
    }
  };
  Object.defineProperty(process, "emitWarning", { value: quiet });
}
