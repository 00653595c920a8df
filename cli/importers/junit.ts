import { SaxesParser, type SaxesTagPlain } from "saxes";
import { utcOf } from "../../src/streams/time.ts";
import { type Case, Collection } from "./collect.ts";
import { ImportError } from "./import-error.ts";
import type { ImportDefaults, ImportedUpload } from "./import-types.ts";
import { MOST_MESSAGE, pathOf } from "./text.ts";
import { withoutForbidden } from "./xml-text.ts";

/** Elements of a test case that say how it ended, and what they make of it. */
const ENDINGS: Record<string, { result: Case["result"]; category: string }> = {
  failure: { result: "failed", category: "failure" },
  error: { result: "failed", category: "error" },
  skipped: { result: "skipped", category: "skipped" },
  // Surefire: it failed at first, and passed when it was run again.
  flakyFailure: { result: "passed", category: "flaky" },
  flakyError: { result: "passed", category: "flaky" },
};

/** The worse ending of a case counts: JUnit lets it have several. */
const RANK = { passed: 0, skipped: 1, failed: 2 };

/**
 * A JUnit report, of whatever tool: suites may be nested, and a case is a case at any depth.
 * Document types are refused, so there are no entities to expand.
 * @throws ImportError with the line where the XML is broken, or where it is no JUnit report.
 */
export async function* importJunit(
  file: string,
  chunks: AsyncIterable<string>,
  defaults: ImportDefaults,
): AsyncGenerator<ImportedUpload> {
  const collection = new Collection(file, defaults);
  const parser = new SaxesParser({ fileName: file, position: true });
  const reader = new JunitReader(file, parser, collection);
  for await (const text of withoutForbidden(chunks)) {
    reader.guard(() => parser.write(text));
    yield* collection.full();
  }
  reader.guard(() => parser.close());
  yield* collection.rest();
}

/** Follows the parser through suites and cases. */
class JunitReader {
  readonly #file: string;
  readonly #parser: SaxesParser;
  readonly #collection: Collection;
  #depth = 0;
  #suites: string[] = [];
  #case: Case | undefined;
  /** The text of the ending that is open, if one is. */
  #text: string | undefined;

  constructor(file: string, parser: SaxesParser, collection: Collection) {
    this.#file = file;
    this.#parser = parser;
    this.#collection = collection;
    parser.on("doctype", () => this.#fail("a document type is not taken: a report needs none"));
    parser.on("opentag", (tag) => this.#open(tag));
    parser.on("closetag", ({ name }) => this.#close(name));
    parser.on("text", (text) => this.#read(text));
    parser.on("cdata", (text) => this.#read(text));
    parser.on("error", (error) =>
      this.#fail(`the XML is broken: ${error.message.replace(/^.*?\d+:\d+: /, "")}`),
    );
  }

  /** What the parser throws by itself gets the file and the line too. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof ImportError) throw error;
      this.#fail(`the XML is broken: ${error instanceof Error ? error.message : ""}`);
    }
  }

  #open({ name, attributes }: SaxesTagPlain): void {
    this.#depth += 1;
    if (this.#depth === 1 && !["testsuites", "testsuite"].includes(name)) {
      this.#fail(`<${name}> is no JUnit report: it begins with <testsuites> or <testsuite>`);
    }
    if (name === "testsuite") this.#openSuite(attributes);
    else if (name === "testcase") this.#openCase(attributes);
    else if (this.#case) this.#openEnding(name, attributes);
  }

  #openSuite(attributes: Record<string, string>): void {
    this.#suites.push(attributes["name"] ?? "");
    const { timestamp } = attributes;
    // Most tools leave the offset away, and mean UTC.
    const moment = timestamp && (utcOf(timestamp) ?? utcOf(`${timestamp}Z`));
    if (moment) this.#collection.startedAt ??= moment;
  }

  #openCase({ name, classname, time, status, result }: Record<string, string>): void {
    const notRun = [status, result].some((word) =>
      /^(notrun|skipped|suppressed|disabled)$/i.test(word ?? ""),
    );
    this.#case = {
      name: pathOf(classname || this.#suites.at(-1), name),
      result: notRun ? "skipped" : "passed",
      seconds: secondsOf(time),
    };
  }

  #openEnding(name: string, { message, type }: Record<string, string>): void {
    const ending = ENDINGS[name];
    if (!ending || !this.#case) return;
    this.#text = "";
    if (RANK[ending.result] < RANK[this.#case.result]) return;
    this.#case.result = ending.result;
    this.#case.category = type && ending.result === "failed" ? type : ending.category;
    this.#case.message = message;
  }

  #read(text: string): void {
    if (this.#text !== undefined && this.#text.length < MOST_MESSAGE) this.#text += text;
  }

  #close(name: string | undefined): void {
    this.#depth -= 1;
    if (name === "testsuite") this.#suites.pop();
    if (!this.#case) return;
    if (name === "testcase") {
      this.#collection.add(this.#case);
      this.#case = undefined;
    } else if (this.#text !== undefined && name && name in ENDINGS) {
      const text = this.#text.trim();
      const { message } = this.#case;
      // The text mostly begins with the message.
      this.#case.message = !message || text.includes(message) ? text : `${message}\n${text}`.trim();
      this.#text = undefined;
    }
  }

  #fail(what: string): never {
    throw new ImportError(this.#file, this.#parser.line, what);
  }
}

/** Surefire writes thousands with a comma. */
function secondsOf(time: string | undefined): number | undefined {
  const seconds = Number.parseFloat((time ?? "").replaceAll(",", ""));
  return Number.isFinite(seconds) ? seconds : undefined;
}
