export type {
  CreateTelemetryStore,
  TelemetryEntry,
  TelemetryLogger,
  TelemetryOptions,
  TelemetryStore,
} from "./entry.ts";
export { createTelemetryStore } from "./store.ts";
