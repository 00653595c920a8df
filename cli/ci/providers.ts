import { shortHash } from "../short-hash.ts";
import { hostname } from "node:os";

/** What a provider tells a job. */
export interface Told {
  repository?: string | undefined;
  run?: string | undefined;
  attempt?: string | undefined;
  /** The job, with what tells the jobs of a matrix apart. */
  job?: string | undefined;
  /** The job's name is surely no other job's: it needs no `MILLRACE_JOB_KEY`. */
  jobIsUnique?: boolean;
  /** Where the repository is, in all the steps of the job. */
  workspace?: string | undefined;
  cancelled?: boolean;
  startedAt?: string | undefined;
}

interface Provider {
  name: string;
  /** The variable that only this provider sets. */
  detect: string;
  read(environment: NodeJS.ProcessEnv): Told;
}

/** The variables of each provider, as their documentation has them. */
export const PROVIDERS: readonly Provider[] = [
  {
    name: "github",
    detect: "GITHUB_ACTIONS",
    read: (env) => ({
      repository: env["GITHUB_REPOSITORY"],
      run: env["GITHUB_RUN_ID"],
      attempt: env["GITHUB_RUN_ATTEMPT"],
      // The jobs of a matrix share GITHUB_JOB; the tracking id is one job's own, in all its steps.
      // The runner does not hand it to the steps of a container, whose host name is the job's own.
      job: join(
        env["GITHUB_JOB"],
        env["RUNNER_OS"],
        short(env["RUNNER_TRACKING_ID"] || env["HOSTNAME"] || hostname()),
      ),
      jobIsUnique: Boolean(env["RUNNER_TRACKING_ID"]),
      workspace: env["GITHUB_WORKSPACE"],
    }),
  },
  {
    name: "gitlab",
    detect: "GITLAB_CI",
    read: (env) => ({
      repository: env["CI_PROJECT_PATH"],
      run: env["CI_PIPELINE_ID"],
      // A job that is retried has another id.
      job: join(env["CI_JOB_NAME"], env["CI_JOB_ID"]),
      workspace: env["CI_PROJECT_DIR"],
      cancelled: env["CI_JOB_STATUS"] === "canceled",
      startedAt: env["CI_JOB_STARTED_AT"],
    }),
  },
  {
    name: "circleci",
    detect: "CIRCLECI",
    read: (env) => ({
      repository: join(env["CIRCLE_PROJECT_USERNAME"], env["CIRCLE_PROJECT_REPONAME"]),
      run: env["CIRCLE_WORKFLOW_ID"],
      // Each job, and each rerun of it, has a build number of its own.
      attempt: env["CIRCLE_BUILD_NUM"],
      job: join(env["CIRCLE_JOB"], env["CIRCLE_NODE_INDEX"]),
      // By default "~/project", as it is written in the configuration.
      workspace: env["CIRCLE_WORKING_DIRECTORY"]?.replace(/^~(?=\/|$)/, env["HOME"] ?? "~"),
    }),
  },
  {
    name: "buildkite",
    detect: "BUILDKITE",
    read: (env) => ({
      repository: join(env["BUILDKITE_ORGANIZATION_SLUG"], env["BUILDKITE_PIPELINE_SLUG"]),
      run: env["BUILDKITE_BUILD_NUMBER"],
      attempt: env["BUILDKITE_RETRY_COUNT"],
      job: join(env["BUILDKITE_STEP_KEY"], short(env["BUILDKITE_JOB_ID"])),
      workspace: env["BUILDKITE_BUILD_CHECKOUT_PATH"],
    }),
  },
  {
    name: "azure",
    detect: "TF_BUILD",
    read: (env) => ({
      repository: env["BUILD_REPOSITORY_NAME"],
      run: env["BUILD_BUILDID"],
      attempt: env["SYSTEM_JOBATTEMPT"],
      job: join(env["SYSTEM_JOBNAME"], short(env["SYSTEM_JOBID"])),
      workspace: env["BUILD_SOURCESDIRECTORY"],
      cancelled: env["AGENT_JOBSTATUS"] === "Canceled",
    }),
  },
  {
    name: "bitbucket",
    detect: "BITBUCKET_BUILD_NUMBER",
    read: (env) => ({
      repository: env["BITBUCKET_REPO_FULL_NAME"],
      run: env["BITBUCKET_BUILD_NUMBER"],
      attempt: env["BITBUCKET_STEP_RUN_NUMBER"],
      job: short(env["BITBUCKET_STEP_UUID"]),
      workspace: env["BITBUCKET_CLONE_DIR"],
    }),
  },
  {
    // Last: others may run inside it.
    name: "jenkins",
    detect: "JENKINS_URL",
    read: (env) => ({
      repository: env["JOB_NAME"],
      run: env["BUILD_NUMBER"],
      // The cells of a matrix share STAGE_NAME; what works at the same time has an executor and a
      // workspace of its own, in all its steps.
      job: join(
        env["STAGE_NAME"],
        short(join(env["NODE_NAME"], env["EXECUTOR_NUMBER"], env["WORKSPACE"])),
      ),
      workspace: env["WORKSPACE"],
    }),
  },
];

function join(...parts: (string | undefined)[]): string | undefined {
  return parts.filter((part) => part !== undefined && part !== "").join("/") || undefined;
}

/** A long id, short: enough to tell the jobs of one run apart. */
export function short(id: string | undefined): string | undefined {
  return id && shortHash(id);
}
