import type { Reporter, TestModule } from "vitest/node";

/** Ends a test run with one plain line that any CI can read. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const states = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => test.result().state),
    );
    const count = (wanted: string) => states.filter((state) => state === wanted).length;
    const broken = modules.filter((module) => module.state() === "failed").length;
    const failed = Math.max(count("failed"), broken > 0 ? 1 : 0);
    console.log(`${count("passed")} passed, ${failed} failed, ${count("skipped")} skipped`);
  }
}
