export interface CiContext {
  provider: string;
  repository?: string;
  run?: string;
  attempt?: string;
  job?: string;
  batchId: string;
  cancelled: boolean;
  minutes: { macos?: number; linux?: number };
  startedAt?: string;
}
export function detectCi(_environment: NodeJS.ProcessEnv): CiContext {
  return { provider: "shell", batchId: "shell", cancelled: false, minutes: {} };
}
