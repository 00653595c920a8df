import { describe, test } from "vitest";
import { detectCi } from "../../../cli/ci/index.ts";

const GITHUB = {
  GITHUB_ACTIONS: "true",
  GITHUB_REPOSITORY: "org/repo",
  GITHUB_RUN_ID: "123",
  GITHUB_RUN_ATTEMPT: "1",
  GITHUB_JOB: "test",
  RUNNER_OS: "Linux",
  RUNNER_TRACKING_ID: "github_a",
};

describe("the batch_id of a job", () => {
  test.for([
    ["github", GITHUB, "github:org+repo:123:1:test+Linux+8f150519"],
    [
      "gitlab",
      {
        GITLAB_CI: "true",
        CI_PROJECT_PATH: "org/repo",
        CI_PIPELINE_ID: "9",
        CI_JOB_NAME: "test",
        CI_JOB_ID: "77",
      },
      "gitlab:org+repo:9:test+77",
    ],
    [
      "circleci",
      {
        CIRCLECI: "true",
        CIRCLE_PROJECT_USERNAME: "org",
        CIRCLE_PROJECT_REPONAME: "repo",
        CIRCLE_WORKFLOW_ID: "w",
        CIRCLE_BUILD_NUM: "5",
        CIRCLE_JOB: "test",
        CIRCLE_NODE_INDEX: "0",
      },
      "circleci:org+repo:w:5:test+0",
    ],
    [
      "buildkite",
      {
        BUILDKITE: "true",
        BUILDKITE_ORGANIZATION_SLUG: "org",
        BUILDKITE_PIPELINE_SLUG: "pipe",
        BUILDKITE_BUILD_NUMBER: "3",
        BUILDKITE_RETRY_COUNT: "0",
        BUILDKITE_JOB_ID: "uuid",
      },
      "buildkite:org+pipe:3:0:75666699",
    ],
    [
      "azure",
      {
        TF_BUILD: "True",
        BUILD_REPOSITORY_NAME: "org/repo",
        BUILD_BUILDID: "8",
        SYSTEM_JOBATTEMPT: "2",
        SYSTEM_JOBNAME: "Job",
        SYSTEM_JOBID: "uuid",
      },
      "azure:org+repo:8:2:Job+75666699",
    ],
    [
      "bitbucket",
      {
        BITBUCKET_BUILD_NUMBER: "4",
        BITBUCKET_REPO_FULL_NAME: "org/repo",
        BITBUCKET_STEP_UUID: "{uuid}",
      },
      "bitbucket:org+repo:4:9c7dd42a",
    ],
    [
      "jenkins",
      { JENKINS_URL: "http://j", JOB_NAME: "folder/job", BUILD_NUMBER: "6" },
      "jenkins:folder+job:6",
    ],
  ] as const)(
    "is told by %s, and is the same each time",
    ([provider, environment, batchId], { expect }) => {
      expect(detectCi(environment)).toMatchObject({ provider, batchId });
    },
  );

  test("is another for another attempt, job, or job of the matrix", ({ expect }) => {
    const ids = [
      GITHUB,
      { ...GITHUB, GITHUB_RUN_ATTEMPT: "2" },
      { ...GITHUB, GITHUB_JOB: "lint" },
      { ...GITHUB, RUNNER_TRACKING_ID: "github_b" },
      { ...GITHUB, GITHUB_REPOSITORY: "org-repo" },
    ].map((environment) => detectCi(environment).batchId);
    expect(new Set(ids).size).toBe(4 + 1);
  });

  test("is another for each job in a container, which is not told the tracking id", ({
    expect,
  }) => {
    const { RUNNER_TRACKING_ID: _, ...container } = GITHUB;
    const ids = [
      { ...container, HOSTNAME: "5e1f0c3d2b1a" },
      { ...container, HOSTNAME: "0a9b8c7d6e5f" },
      { ...container, HOSTNAME: "same", MILLRACE_JOB_KEY: '{"node":22}' },
      { ...container, HOSTNAME: "same", MILLRACE_JOB_KEY: '{"node":24}' },
    ].map((environment) => detectCi(environment).batchId);
    expect(new Set(ids).size).toBe(4);
    // Where the tracking id tells them apart, the steps that set a key agree with those that do not.
    expect(detectCi({ ...GITHUB, MILLRACE_JOB_KEY: "k" })).toEqual(detectCi(GITHUB));
  });

  test("is another for each cell of a Jenkins matrix, and the same in its steps", ({ expect }) => {
    const cell = (more: object) =>
      detectCi({
        JENKINS_URL: "http://j",
        JOB_NAME: "job",
        BUILD_NUMBER: "6",
        STAGE_NAME: "Test",
        NODE_NAME: "agent-1",
        EXECUTOR_NUMBER: "0",
        WORKSPACE: "/w/job",
        ...more,
      }).batchId;
    const cells = [
      cell({}),
      cell({ NODE_NAME: "agent-2" }),
      cell({ EXECUTOR_NUMBER: "1" }),
      cell({ WORKSPACE: "/w/job@2" }),
      cell({ STAGE_NAME: "Lint" }),
    ];
    expect(new Set(cells).size).toBe(cells.length);
    expect(cell({ BUILD_TAG: "x" })).toBe(cells[0]);
  });

  test("is cut where it is too long, and still another for another job", ({ expect }) => {
    const long = (end: string) =>
      detectCi({ ...GITHUB, GITHUB_JOB: `${"job ".repeat(90)}${end}` }).batchId;
    expect(long("a")).toMatch(/^[A-Za-z0-9._:@+-]{1,160}$/);
    expect(long("a")).not.toBe(long("b"));
  });

  test("outside CI names the machine and the folder", ({ expect }) => {
    expect(detectCi({})).toMatchObject({ provider: "shell", cancelled: false, minutes: {} });
  });
});

test("a cancelled job is known where the provider tells, and where it is told", ({ expect }) => {
  expect(detectCi({ GITLAB_CI: "true", CI_JOB_STATUS: "canceled" }).cancelled).toBe(true);
  expect(detectCi({ TF_BUILD: "True", AGENT_JOBSTATUS: "Canceled" }).cancelled).toBe(true);
  expect(detectCi({ ...GITHUB, MILLRACE_CANCELLED: "true" }).cancelled).toBe(true);
  expect(detectCi(GITHUB).cancelled).toBe(false);
});

test("minutes are those that are given", ({ expect }) => {
  expect(detectCi({ MILLRACE_MACOS_MINUTES: "12.5", MILLRACE_LINUX_MINUTES: "x" }).minutes).toEqual(
    { macos_minutes: 12.5 },
  );
});
