import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

/** How an instrument fared on a copy of the project. */
interface Verdict {
  /** `caught`: it says what is wrong. One that hangs or crashes may do so for reasons of its own. */
  kind: "passed" | "caught" | "timed out" | "crashed";
  /** The violation or the test. */
  evidence: string;
}

interface Instrument {
  name: string;
  run(copy: string): Verdict;
}

/** Several times as long as an instrument takes on a busy machine. */
const LONGEST_SECONDS = 600;

const SIMULATION = ["proof/simulate/main.ts", "--seeds", "300", "--steps", "1000", "--brief"];
const REPORT = "report.json";
const TESTS = ["run", "--project", "service", "--project", "databases", "--bail", "1"];

export const INSTRUMENTS: readonly Instrument[] = [
  {
    name: "simulation",
    run: (copy) =>
      verdictOf(copy, "node", SIMULATION, (stdout) => stdout.split("\n").find(Boolean)),
  },
  {
    name: "tests",
    run(copy) {
      rmSync(join(copy, REPORT), { force: true });
      const args = [...TESTS, "--reporter=json", `--outputFile=${REPORT}`];
      return verdictOf(copy, "vitest", args, () => failedTest(join(copy, REPORT)));
    },
  },
];

/** @param evidence what the instrument says is wrong, from its output; undefined where it says nothing. */
function verdictOf(
  cwd: string,
  program: string,
  args: readonly string[],
  evidence: (stdout: string) => string | undefined,
): Verdict {
  const timeout = LONGEST_SECONDS * 1000;
  const ended = spawnSync(program, args, { cwd, timeout, encoding: "utf8", maxBuffer: 1e9 });
  if (ended.status === 0) return { kind: "passed", evidence: "" };
  if (ended.error && "code" in ended.error && ended.error.code === "ETIMEDOUT") {
    return { kind: "timed out", evidence: `${LONGEST_SECONDS} s were not enough` };
  }
  const said = ended.status === 1 ? evidence(ended.stdout) : undefined;
  if (said !== undefined) return { kind: "caught", evidence: said };
  const error = ended.stderr.split("\n").find((line) => line.includes("Error"));
  return { kind: "crashed", evidence: error ?? String(ended.error ?? `exit ${ended.status}`) };
}

interface Report {
  testResults: { assertionResults: { status: string; fullName: string }[] }[];
}

function failedTest(path: string): string | undefined {
  const report: Report = JSON.parse(readFileSync(path, "utf8"));
  const results = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  return results.find(({ status }) => status === "failed")?.fullName;
}
